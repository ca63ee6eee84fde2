"""Time as the market counts it: half-open intervals, resolutions, market time units and delivery days.

Instants are aware and in UTC; local days and months exist only here. Calendar resolutions (P1D, P7D, P1M, P3M, P1Y)
are steps in the local time of the area, so their length in hours varies with daylight saving.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

MARKET_ZONE = ZoneInfo("Europe/Brussels")
"""The zone of the platform's deadlines and of the day-ahead auction."""


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A half-open interval [start, end) of aware UTC instants."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            instant = getattr(self, name)
            if instant.tzinfo is None:
                raise ValueError(f"the {name} of an interval must be an aware instant")
            object.__setattr__(self, name, instant.astimezone(UTC))
        if self.end < self.start:
            raise ValueError(
                f"the interval ends at {self.end:%Y-%m-%dT%H:%MZ} before its start {self.start:%Y-%m-%dT%H:%MZ}"
            )

    @property
    def empty(self) -> bool:
        return self.start == self.end

    @property
    def duration(self) -> timedelta:
        return self.end - self.start

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def intersection(self, other: Interval) -> Interval | None:
        """The common part, or None where there is none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None

    def subtract(self, other: Interval) -> list[Interval]:
        """What is left of this interval outside the other: none, one or two intervals."""
        if self.intersection(other) is None:
            return [] if self.empty else [self]
        parts = ((self.start, min(self.end, other.start)), (max(self.start, other.end), self.end))
        return [Interval(start, end) for start, end in parts if start < end]

    def __str__(self) -> str:
        return f"{iso(self.start)}/{iso(self.end)}"


def merge_intervals(intervals: Iterable[Interval], *, apart: timedelta = timedelta(0)) -> list[Interval]:
    """The same time in order, as intervals that neither overlap nor lie at most so far apart."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.start <= merged[-1].end + apart:
            merged[-1] = Interval(merged[-1].start, max(merged[-1].end, interval.end))
        else:
            merged.append(interval)
    return merged


class Resolution(Enum):
    """The length of a market time unit. `code` is its ISO 8601 form, `id` its stable number in the database."""

    PT4S = (1, 4, 0, 0)
    PT1M = (2, 60, 0, 0)
    PT5M = (3, 300, 0, 0)
    PT10M = (4, 600, 0, 0)
    PT15M = (5, 900, 0, 0)
    PT30M = (6, 1800, 0, 0)
    PT60M = (7, 3600, 0, 0)
    P1D = (8, 0, 1, 0)
    P7D = (9, 0, 7, 0)
    P1M = (10, 0, 0, 1)
    P3M = (11, 0, 0, 3)
    P1Y = (12, 0, 0, 12)

    def __init__(self, number: int, seconds: int, days: int, months: int) -> None:
        self.id = number
        self.seconds = seconds
        self.days = days
        self.months = months

    @property
    def code(self) -> str:
        return self.name

    @property
    def is_calendar(self) -> bool:
        """Whether the unit is a step in local time, of varying length."""
        return not self.seconds

    @property
    def nominal(self) -> timedelta:
        """The usual length; exact for resolutions below a day."""
        return timedelta(seconds=self.seconds, days=self.days + 30 * self.months)

    @classmethod
    def parse(cls, text: str) -> Resolution:
        """The resolution that an ISO 8601 duration names, also in another spelling (PT1H, PT60M); ValueError if none."""
        found = _by_duration().get(_duration(text))
        if found is None:
            known = ", ".join(member.name for member in cls)
            raise ValueError(f"unknown resolution {text!r}; known are {known}")
        return found

    @classmethod
    def from_id(cls, number: int) -> Resolution:
        return _by_id()[number]

    def step(self, start: datetime, count: int, zone: ZoneInfo) -> datetime:
        """The instant `count` units after `start`; calendar units step in the local time of `zone`."""
        if self.seconds:
            return start + timedelta(seconds=self.seconds * count)
        local = start.astimezone(zone).replace(tzinfo=None)
        moved = local + timedelta(days=self.days * count) if self.days else _add_months(local, self.months * count)
        return from_local(moved, zone)

    def count(self, interval: Interval, zone: ZoneInfo) -> int:
        """How many units starting at the interval's start begin before its end."""
        if self.seconds:
            return -(-int(interval.duration.total_seconds()) // self.seconds)
        number = max(0, int(interval.duration / self.nominal) - 2)
        while self.step(interval.start, number, zone) < interval.end:
            number += 1
        return number

    def starts(self, interval: Interval, zone: ZoneInfo) -> NDArray[np.int64]:
        """The starts of all units from the interval's start on that begin before its end, in seconds since 1970."""
        import numpy as np

        first = int(interval.start.timestamp())
        number = self.count(interval, zone)
        if self.seconds:
            return first + self.seconds * np.arange(number, dtype=np.int64)
        stamps = [int(self.step(interval.start, index, zone).timestamp()) for index in range(number)]
        return np.array(stamps, dtype=np.int64)


_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def _duration(text: str) -> tuple[int, int, int]:
    """An ISO 8601 duration as (seconds, days, months)."""
    match = _DURATION.fullmatch(text.strip())
    years, months, weeks, days, hours, minutes, seconds = (int(g or 0) for g in match.groups()) if match else (0,) * 7
    return hours * 3600 + minutes * 60 + seconds, days + 7 * weeks, months + 12 * years


@lru_cache(maxsize=1)
def _by_duration() -> dict[tuple[int, int, int], Resolution]:
    return {(member.seconds, member.days, member.months): member for member in Resolution}


@lru_cache(maxsize=1)
def _by_id() -> dict[int, Resolution]:
    return {member.id: member for member in Resolution}


def _add_months(local: datetime, months: int) -> datetime:
    """Months later at the same local time; a day that the month lacks becomes its last."""
    total = local.year * 12 + local.month - 1 + months
    year, month = total // 12, total % 12 + 1
    following = date(year + month // 12, month % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return local.replace(year=year, month=month, day=min(local.day, last))


def from_local(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a naive local time: the first of two in autumn, moved forward by the gap in spring."""
    return local.replace(tzinfo=zone).astimezone(UTC)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which the local day begins."""
    return from_local(datetime(day.year, day.month, day.day), zone)  # noqa: DTZ001  the zone is applied by from_local


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The delivery day to which the instant belongs."""
    return instant.astimezone(zone).date()


def delivery_day(day: date, zone: ZoneInfo) -> Interval:
    """The local day as an interval of 23, 24 or 25 hours."""
    return Interval(midnight(day, zone), midnight(day + timedelta(days=1), zone))


def split_interval(interval: Interval, *, months: int = 0, days: int = 0, zone: ZoneInfo) -> Iterator[Interval]:
    """Consecutive pieces of at most so many local months and days, counted from the interval's start."""
    origin = interval.start.astimezone(zone).replace(tzinfo=None)
    start, index = interval.start, 0
    while start < interval.end:
        index += 1
        end = from_local(_add_months(origin, months * index) + timedelta(days=days * index), zone)
        yield Interval(start, min(end, interval.end))
        start = end


def halve(interval: Interval, zone: ZoneInfo) -> tuple[Interval, Interval] | None:
    """Two parts that meet at a local midnight where one lies inside, else at a full hour; None below two hours."""
    middle = interval.start + interval.duration / 2
    candidates = [midnight(local_day(middle, zone), zone), midnight(local_day(middle, zone) + timedelta(days=1), zone)]
    inside = [instant for instant in candidates if interval.start < instant < interval.end]
    if inside:
        cut = min(inside, key=lambda instant: abs(instant - middle))
    else:
        cut = middle.replace(minute=0, second=0, microsecond=0)
    if not interval.start < cut < interval.end:
        return None
    return Interval(interval.start, cut), Interval(cut, interval.end)


def iso(instant: datetime) -> str:
    """The instant as `2024-01-01T00:00:00Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_exact(instant: datetime) -> str:
    """The instant with microseconds where it has some: `2024-01-01T00:00:00Z`, `2024-01-01T00:00:00.125000Z`."""
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def iso_microseconds(instant: datetime) -> str:
    """The instant as `2024-01-01T00:00:00.000000Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
