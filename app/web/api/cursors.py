"""Where a list goes on: the key of the last row as a text that clients hand back and do not read."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

CursorPart = str | int
_MARKS: tuple[tuple[str, type[CursorPart]], ...] = (("i", int), ("s", str))
_BETWEEN = "\x1f"
_LONGEST = 2000


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def part_of(instant: datetime) -> int:
    """An instant as a part of a cursor, to the microsecond."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def instant_in(part: CursorPart) -> datetime:
    """The instant of such a part; ValueError where it is none."""
    try:
        return _EPOCH + timedelta(microseconds=int(part))
    except OverflowError:
        raise ValueError("no cursor") from None


def encode_cursor(key: Sequence[CursorPart]) -> str:
    parts = _BETWEEN.join(f"{'i' if isinstance(part, int) else 's'}{part}" for part in key)
    return base64.urlsafe_b64encode(parts.encode()).decode().rstrip("=")


def decode_cursor(text: str, kinds: Sequence[type[CursorPart]]) -> tuple[CursorPart, ...]:
    """The key in a cursor; ValueError where it is none of this list."""
    if len(text) > _LONGEST:
        raise ValueError("too long for a cursor")
    try:
        parts = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode().split(_BETWEEN)
        key = tuple(dict(_MARKS)[part[:1]](part[1:]) for part in parts)
    except (ValueError, KeyError):
        raise ValueError("no cursor") from None
    if [type(part) for part in key] != list(kinds):
        raise ValueError("a cursor of another list")
    # The database numbers nothing beyond.
    if any(isinstance(part, int) and abs(part) >= 2**63 for part in key):
        raise ValueError("no cursor")
    return key
