"""What a certificate says of itself, read from its DER: Python's own reader shows only certificates that it trusts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_SET, _VERSION, _UTC_TIME = 0x31, 0xA0, 0x17
_COMMON_NAME = bytes((0x55, 0x04, 0x03))


@dataclass(frozen=True, slots=True)
class CertificateText:
    ends: datetime
    name: str
    """The common name of the subject; empty where it has none."""
    issuer: str


def read_certificate(der: bytes) -> CertificateText:
    """ValueError where the bytes are no certificate."""
    try:
        (_, outer, _), *_ = _elements(der)
        (_, body, _), *_ = _elements(outer)
        fields = [content for tag, content, _ in _elements(body) if tag != _VERSION]
        _, _, issuer, validity, subject = fields[:5]
        _, (tag, end, _) = _elements(validity)
        return CertificateText(_instant(tag, end), _common_name(subject), _common_name(issuer))
    except (IndexError, ValueError) as error:
        raise ValueError(f"no certificate: {error}") from error


def _elements(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Tag, content and end of each element that stands in the data."""
    place = 0
    while place < len(data):
        tag, length, start = data[place], data[place + 1], place + 2
        if length & 0x80:
            width = length & 0x7F
            length = int.from_bytes(data[start : start + width], "big")
            start += width
        end = start + length
        if end > len(data):
            raise ValueError("an element is longer than what holds it")
        yield tag, data[start:end], end
        place = end


def _instant(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii").removesuffix("Z")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _common_name(name: bytes) -> str:
    for tag, parts, _ in _elements(name):
        if tag == _SET:
            for _, pair, _ in _elements(parts):
                (_, kind, _), (_, value, _), *_ = _elements(pair)
                if kind == _COMMON_NAME:
                    return value.decode("utf-8", "replace")
    return ""
