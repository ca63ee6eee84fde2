"""Documents that are not well-formed for one known reason: an ampersand that nobody escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator

AMPERSAND_NOTE = "an & that begins no entity is read as text: the document is not well-formed XML"

MAX_MARKED = 8 * 1024 * 1024
"""Documents with comments or CDATA sections, in which an ampersand is text already, are repaired up to this size."""
MAX_AMPERSANDS = 100_000

_PIECE = 256 * 1024
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml\s[^>]*\?>)?")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([^\"']*)")
_ASCII_COMPATIBLE = (b"utf-8", b"us-ascii", b"iso-8859-1")
_BARE = re.compile(rb"&(?!(?:[A-Za-z_:][A-Za-z0-9_:.-]{0,63}|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)")
_OPAQUE = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|" + _BARE.pattern, re.DOTALL)


def declaration(body: bytes) -> bytes:
    match = _DECLARATION.match(body)
    return match.group() if match else b""


def reads_as_ascii(body: bytes) -> bool:
    """Whether bytes that look like markup are markup: not so in UTF-16 and the like."""
    encoding = _ENCODING.search(declaration(body))
    return encoding is None or encoding.group(1).lower() in _ASCII_COMPATIBLE


def has_bare_ampersand(body: bytes) -> bool:
    """Whether the body has ampersands to be repaired, and not more than a document of names could have."""
    marked = b"<!" in body
    return (
        body.count(b"&") <= MAX_AMPERSANDS
        and _BARE.search(body) is not None
        and (not marked or len(body) <= MAX_MARKED)
    )


def escaped_pieces(body: bytes) -> Iterator[bytes]:
    """The body in pieces, with every ampersand that begins no entity escaped."""
    if b"<!" in body:
        yield _OPAQUE.sub(lambda found: b"&amp;" if found.group() == b"&" else found.group(), body)
        return
    start = 0
    while start < len(body):
        # An entity holds no markup, so that none is cut in two here.
        cut = body.rfind(b"<", start + 1, start + _PIECE) if start + _PIECE < len(body) else len(body)
        end = cut if cut > start else min(len(body), start + _PIECE)
        yield _BARE.sub(b"&amp;", body[start:end])
        start = end
