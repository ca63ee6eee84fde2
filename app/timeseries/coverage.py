"""How much of the time in which values were due has values, by month or by day.

Time is counted in UTC days, because the counts are; a share never exceeds the whole, so time that two resolutions
cover counts once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.market.time import Interval, Resolution
from app.timeseries.grid import Held

DAY = 86_400
EPOCH = date(1970, 1, 1)


class Granularity(StrEnum):
    """What one cell of the matrix stands for."""

    MONTH = "month"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Buckets:
    """The UTC days of an interval in portions: `bounds` are their first days and the day after the last.

    The first and the last day of the interval, of which only a part may be wanted, are portions of their own.
    """

    bounds: tuple[date, ...]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @property
    def seconds(self) -> NDArray[np.int64]:
        return np.array([(bound - EPOCH).days * DAY for bound in self.bounds], np.int64)


def buckets(interval: Interval, step: Granularity) -> Buckets:
    first, last = interval.start.date(), (interval.end - timedelta(microseconds=1)).date()
    edges = {first, first + timedelta(days=1), last, last + timedelta(days=1)}
    return Buckets(tuple(sorted(edges | set(_firsts(first, last, step)))))


def _firsts(first: date, last: date, step: Granularity) -> Iterator[date]:
    day = first
    while day <= last:
        if step is Granularity.DAY or day.day == 1:
            yield day
        day += timedelta(days=1)


def begin_of(day: date, step: Granularity) -> date:
    """The first day of the cell to which the day belongs."""
    return day if step is Granularity.DAY else day.replace(day=1)


def expected_seconds(interval: Interval | None, portions: Buckets) -> NDArray[np.int64]:
    """How much of each portion lies in the interval."""
    if interval is None:
        return np.zeros(len(portions), np.int64)
    begin, end = int(interval.start.timestamp()), int(interval.end.timestamp())
    return _common(portions, begin, end)


def calendar_seconds(held: Held, portions: Buckets, zone: ZoneInfo) -> NDArray[np.int64]:
    """How much of each portion calendar units cover."""
    found = np.zeros(len(portions), np.int64)
    for second, number in zip(held.starts.tolist(), held.resolutions.tolist(), strict=True):
        end = Resolution.from_id(number).step(datetime.fromtimestamp(second, UTC), 1, zone)
        found += _common(portions, second, int(end.timestamp()))
    return found


def _common(portions: Buckets, begin: int, end: int) -> NDArray[np.int64]:
    """The seconds that each portion shares with the time from begin to end."""
    bounds = portions.seconds
    shared: NDArray[np.int64] = np.minimum(bounds[1:], end) - np.maximum(bounds[:-1], begin)
    return np.where(shared > 0, shared, 0)
