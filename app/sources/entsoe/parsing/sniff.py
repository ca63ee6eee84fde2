"""What an answer's bytes are, by themselves: the platform's Content-Type is not to be trusted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class BodyKind(StrEnum):
    """What the first bytes say."""

    XML = "xml"
    ZIP = "zip"
    HTML = "html"
    EMPTY = "empty"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """`complete` is False where the end that the kind must have is missing; only XML and zips have such an end."""

    kind: BodyKind
    complete: bool


_HEAD = 65_536
_TAIL = 65_557
"""The longest end of central directory record: 22 bytes and a comment of 65,535."""
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_END = b"PK\x05\x06"
_ROOT = re.compile(rb"<([A-Za-z_][^\s/>]*)(?:[^>\"']|\"[^\"]*\"|'[^']*')*?(/?)>")
_DOCTYPE = b"<!DOCTYPE"
_PROLOG = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)


def sniff(body: bytes) -> Sniffed:
    """The kind of a body and whether its end is there."""
    if body.startswith(_ZIP_STARTS):
        return Sniffed(BodyKind.ZIP, _zip_is_complete(body))
    if body.startswith(_UTF16):
        return _sniff_text(body.decode("utf-16", "replace").encode())
    return _sniff_text(body)


def declares_doctype(body: bytes) -> bool:
    """Whether the prolog has a DOCTYPE, which no platform document has and entity bombs need."""
    head = body[:_HEAD]
    if body.startswith(_UTF16):
        head = head.decode("utf-16", "replace").encode()
    return _DOCTYPE in head[: _root_offset(head) + len(_DOCTYPE)].upper()


def _sniff_text(text: bytes) -> Sniffed:
    head = text[:_HEAD].removeprefix(_BOM).lstrip()
    if not head:
        return Sniffed(BodyKind.EMPTY, complete=False)
    if not head.startswith(b"<"):
        return Sniffed(BodyKind.OTHER, complete=True)
    if head[:14].lower() == b"<!doctype html":
        return Sniffed(BodyKind.HTML, complete=True)
    root = _ROOT.match(head, _root_offset(head))
    if root is None:
        return Sniffed(BodyKind.XML, complete=False)
    name, empty = root.groups()
    if name.lower() == b"html":
        return Sniffed(BodyKind.HTML, complete=True)
    return Sniffed(BodyKind.XML, complete=bool(empty) or _closes(text, name))


def _root_offset(head: bytes) -> int:
    """Where the prolog (declaration, comments, DOCTYPE) ends."""
    offset = 0
    while match := _PROLOG.match(head, offset):
        offset = match.end()
    return offset


def _closes(text: bytes, name: bytes) -> bool:
    return re.search(rb"</" + re.escape(name) + rb"\s*>", text[-_HEAD:]) is not None


def _zip_is_complete(body: bytes) -> bool:
    """Whether the end of central directory stands there with its whole comment."""
    tail = body[-_TAIL:]
    found = tail.rfind(_ZIP_END)
    if found < 0 or len(tail) < found + 22:
        return False
    return len(tail) >= found + 22 + int.from_bytes(tail[found + 20 : found + 22], "little")
