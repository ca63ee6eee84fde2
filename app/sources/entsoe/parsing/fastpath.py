"""Points read straight from the bytes of a document, where they look the way the platform writes them.

A run is everything between the first `<Point>` and the end tag of its Period. It is read here only if every byte of
it is accounted for: six tags a point, a whole number, a plain decimal, white space. Anything else (attributes, other
elements, comments, exponents) returns None, and the caller reads the run with an XML parser instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Indices = NDArray[np.int64]
Columns = tuple[NDArray[np.int64], NDArray[np.float64]]

POINT = b"<Point>"
PERIOD_ENDS = (b"</Period>", b"</Available_Period>", b"</WindPowerFeedin_Period>")

_POINT_END = b"</Point>"
_VALUES = (b"quantity", b"price.amount")
_PRICE = b"<price.amount>"
_CHUNK = 512 * 1024
"""Bytes decoded at once: fits the cache and holds the interpreter for a few milliseconds only."""
_SHORTEST = 2_048
"""Below this many bytes the XML parser is as fast."""
_POSITION_DIGITS = 7
_VALUE_DIGITS = 15
_VALUE_WIDTH = _VALUE_DIGITS + 2
_POWERS = 10.0 ** np.arange(_VALUE_DIGITS + 1)
_SPACE, _MINUS, _DOT, _ZERO, _LESS, _GREATER = b" -.0<>"
_OTHER_BLANKS = b"\n\r\t"


def run_end(body: bytes, start: int) -> int:
    """Where the run that begins at `start` ends: at its Period's end tag; -1 where none of the known ones follows."""
    name = body.find(b"Period>", start)
    tag = body.rfind(b"</", start, name) if name >= 0 else -1
    return tag if tag >= 0 and body.startswith(PERIOD_ENDS, tag) else -1


def is_price(body: bytes, start: int, end: int) -> bool:
    """Whether a run that was decoded has prices; else it has quantities."""
    return body.find(_PRICE, start, min(end, body.find(_POINT_END, start, end))) >= 0


def decode_run(body: bytes, start: int, end: int) -> Columns | None:
    """Positions and values of a run in document order, or None where an XML parser has to read it."""
    if end - start < _SHORTEST:
        return None
    parts: list[Columns] = []
    while start < end:
        stop = end
        if end - start > _CHUNK:
            stop = body.rfind(_POINT_END, start, start + _CHUNK) + len(_POINT_END)
        part = _decode(np.frombuffer(body, np.uint8, stop - start, start)) if stop > start else None
        if part is None:
            return None
        parts.append(part)
        start = stop
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _decode(text: Bytes) -> Columns | None:
    less, greater = np.flatnonzero(text == _LESS), np.flatnonzero(text == _GREATER)
    if less.size != greater.size or less.size % 6:
        return None
    if not less.size:
        return (np.empty(0, np.int64), np.empty(0, np.float64)) if _blanks(text) == text.size else None
    opens, closes = less.reshape(-1, 6), greater.reshape(-1, 6)
    if not _tags_match(text, opens, closes):
        return None
    positions = _whole_numbers(text, closes[:, 1] + 1, opens[:, 2])
    values = _decimals(text, closes[:, 3] + 1, opens[:, 4])
    written = (closes - opens + 1).sum() + (opens[:, 2] - closes[:, 1] - 1 + opens[:, 4] - closes[:, 3] - 1).sum()
    if positions is None or values is None or _blanks(text) != text.size - written:
        return None
    return positions, values


def _tags_match(text: Bytes, opens: Indices, closes: Indices) -> bool:
    """Whether every point has exactly the six tags, its value element being that of the first point."""
    value = text[opens[0, 3] + 1 : closes[0, 3]].tobytes()
    if value not in _VALUES:
        return False
    tags = (POINT, b"<position>", b"</position>", b"<%s>" % value, b"</%s>" % value, _POINT_END)
    lengths = np.array([len(tag) - 1 for tag in tags])
    if not np.array_equal(closes - opens, np.broadcast_to(lengths, opens.shape)):
        return False
    return all(
        bool((text[opens[:, column] + offset] == byte).all())
        for column, tag in enumerate(tags)
        for offset, byte in enumerate(tag[1:-1], start=1)
    )


def _whole_numbers(text: Bytes, first: Indices, end: Indices) -> NDArray[np.int64] | None:
    """Numbers written with one to seven digits."""
    width = end - first
    if width.min() < 1 or width.max() > _POSITION_DIGITS:
        return None
    number = np.zeros(first.size, np.int64)
    for offset in range(int(width.max())):
        digit = text[first + offset] - np.uint8(_ZERO)
        inside = offset < width
        if (inside & (digit > 9)).any():
            return None
        number = np.where(inside, number * 10 + digit, number)
    return number


def _decimals(text: Bytes, first: Indices, end: Indices) -> NDArray[np.float64] | None:
    """Numbers of at most 15 digits, correctly rounded: such a mantissa and its power of ten are exact doubles."""
    negative = text[first] == _MINUS
    first = first + negative
    width = end - first
    if width.min() < 1 or width.max() > _VALUE_WIDTH:
        return None
    mantissa, digits = np.zeros(first.size, np.int64), np.zeros(first.size, np.int64)
    decimals, pointed = np.zeros(first.size, np.int64), np.zeros(first.size, np.bool_)
    for offset in range(int(width.max())):
        byte = text[first + offset]
        digit = byte - np.uint8(_ZERO)
        is_digit = (digit <= 9) & (offset < width)
        is_point = (byte == _DOT) & (offset < width) & ~pointed & (digits > 0)
        if not (is_digit | is_point | (offset >= width)).all():
            return None
        mantissa = np.where(is_digit, mantissa * 10 + digit, mantissa)
        digits += is_digit
        decimals += is_digit & pointed
        pointed |= is_point
    if digits.max() > _VALUE_DIGITS or (pointed & (decimals == 0)).any():
        return None
    return np.where(negative, -1.0, 1.0) * (mantissa / _POWERS[decimals])


def _blanks(text: Bytes) -> int:
    """How many bytes are XML white space."""
    return int(sum(np.count_nonzero(text == blank) for blank in (_SPACE, *_OTHER_BLANKS)))
