"""What a certificate says of itself, read from its DER: Python's own reader shows only certificates that it trusts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from ipaddress import ip_address

_SET, _VERSION, _UTC_TIME = 0x31, 0xA0, 0x17
_EXTENSIONS, _DNS_NAME, _ADDRESS = 0xA3, 0x82, 0x87
_COMMON_NAME = bytes((0x55, 0x04, 0x03))
_NAMES = {
    _COMMON_NAME: "CN", bytes((0x55, 0x04, 0x0B)): "OU", bytes((0x55, 0x04, 0x0A)): "O", bytes((0x55, 0x04, 0x07)): "L",
    bytes((0x55, 0x04, 0x08)): "ST", bytes((0x55, 0x04, 0x06)): "C",
}  # fmt: skip
_ALTERNATIVE_NAMES = bytes((0x55, 0x1D, 0x11))
MOST_NAMES = 100


@dataclass(frozen=True, slots=True)
class CertificateText:
    ends: datetime
    name: str
    """The common name of the subject; empty where it has none."""
    issuer: str
    begins: datetime
    subject: str
    """As `CN=example.org, O=Example`."""
    names: tuple[str, ...]
    """Hosts and addresses for which it is; the first hundred."""
    fingerprint: str
    """SHA-256, in hexadecimal digits."""


def read_certificate(der: bytes) -> CertificateText:
    """ValueError where the bytes are no certificate."""
    try:
        (_, outer, _), *_ = _elements(der)
        (_, body, _), *_ = _elements(outer)
        fields = [content for tag, content, _ in _elements(body) if tag != _VERSION]
        _, _, issuer, validity, subject = fields[:5]
        (first, begin, _), (tag, end, _) = _elements(validity)
        parts, issued_by = _name_parts(subject), _name_parts(issuer)
        return CertificateText(
            _instant(tag, end),
            dict(parts).get("CN", ""),
            dict(issued_by).get("CN", ""),
            _instant(first, begin),
            ", ".join(f"{kind}={value}" for kind, value in parts),
            _alternative_names(body),
            sha256(der).hexdigest(),
        )
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


def _name_parts(name: bytes) -> list[tuple[str, str]]:
    found = []
    for tag, parts, _ in _elements(name):
        if tag == _SET:
            for _, pair, _ in _elements(parts):
                (_, kind, _), (_, value, _), *_ = _elements(pair)
                if kind in _NAMES:
                    found.append((_NAMES[kind], value.decode("utf-8", "replace")))
    return found


def _alternative_names(body: bytes) -> tuple[str, ...]:
    found: list[str] = []
    for tag, held, _ in _elements(body):
        for _, extensions, _ in _elements(held) if tag == _EXTENSIONS else ():
            for _, extension, _ in _elements(extensions):
                (_, kind, _), *_, (_, value, _) = _elements(extension)
                if kind == _ALTERNATIVE_NAMES:
                    found += [text for _, names, _ in _elements(value) for text in _each_name(names)]
    return tuple(found[:MOST_NAMES])


def _each_name(names: bytes) -> Iterator[str]:
    for tag, value, _ in _elements(names):
        if tag == _DNS_NAME:
            yield value.decode("ascii", "replace")
        elif tag == _ADDRESS and len(value) in {4, 16}:
            yield str(ip_address(value))
