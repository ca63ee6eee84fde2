"""Moments and intervals as the server sends them: one that Python cannot hold is a cell of its own, and no failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from types import MappingProxyType
from typing import Any

import asyncpg

_FIRST_DAY = date(2000, 1, 1)
_FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
_INFINITE_DAYS = {2**31 - 1: date.max, -(2**31): date.min}
# The driver gives infinite moments without a zone, whatever their type.
_INFINITE_MOMENTS = {2**63 - 1: datetime.max, -(2**63): datetime.min}  # noqa: DTZ901  see above
Parts = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell that Python cannot hold: a date before Christ, an infinite interval, 24:00."""

    kind: str

    def __str__(self) -> str:
        return f"{self.kind} that cannot be read"


def _date(parts: Parts) -> date:
    [days] = parts
    return _INFINITE_DAYS.get(days) or _FIRST_DAY + timedelta(days=days)


def _timestamptz(parts: Parts) -> datetime:
    [microseconds] = parts
    return _INFINITE_MOMENTS.get(microseconds) or _FIRST_MOMENT + timedelta(microseconds=microseconds)


def _timestamp(parts: Parts) -> datetime:
    return _timestamptz(parts).replace(tzinfo=None)


def _time(parts: Parts) -> time:
    seconds, microseconds = divmod(parts[0], 1_000_000)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, microseconds)


def _timetz(parts: Parts) -> time:
    return _time(parts).replace(tzinfo=timezone(timedelta(seconds=-parts[1])))


def _interval(parts: Parts) -> timedelta:
    """As the driver reads it: years of 365 days, and months beyond them of 30."""
    months, days, microseconds = parts
    years, rest = divmod(abs(months), 12)
    of_months = 365 * years + 30 * rest
    return timedelta(days=days + (of_months if months >= 0 else -of_months), microseconds=microseconds)


_DECODERS: Mapping[str, tuple[str, Callable[[Parts], object]]] = MappingProxyType(
    {
        "date": ("a date", _date),
        "timestamp": ("a moment", _timestamp),
        "timestamptz": ("a moment", _timestamptz),
        "time": ("a time of day", _time),
        "timetz": ("a time of day", _timetz),
        "interval": ("an interval", _interval),
    }
)


async def read_moments(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Let the connection give `Unreadable` in the place of an error that would cost all rows of a statement."""
    for name, (kind, decode) in _DECODERS.items():
        await connection.set_type_codec(
            name, schema="pg_catalog", format="tuple", encoder=_no_encoder, decoder=_decoder(kind, decode)
        )


def _decoder(kind: str, decode: Callable[[Parts], object]) -> Callable[[Parts], object]:
    unreadable = Unreadable(kind)

    def cell(parts: Parts) -> object:
        try:
            return decode(parts)
        except (ValueError, OverflowError):
            return unreadable

    return cell


def _no_encoder(value: Any) -> Parts:
    raise TypeError(f"statements of rules take no arguments, but were given {value!r}")


def unreadable_in(cell: object) -> Unreadable | None:
    """What of a cell, or of a part of it, cannot be read."""
    if isinstance(cell, Unreadable):
        return cell
    parts: Any = ()
    if isinstance(cell, asyncpg.Range):
        parts = (cell.lower, cell.upper)
    elif isinstance(cell, list | tuple | asyncpg.Record):
        parts = cell
    return next((found for part in parts if (found := unreadable_in(part)) is not None), None)
