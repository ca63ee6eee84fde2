"""When what is published: the legal deadlines of Regulation (EU) 543/2013 as data and as instants.

Working days are taken as Monday to Friday; public holidays move real deadlines later and are not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from app.market.time import MARKET_ZONE, Resolution, from_local, local_day, midnight

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class AfterDelivery:
    """So long after the end of each market time unit."""

    delay: timedelta
    article: str

    def deadline(self, start: datetime, resolution: Resolution, zone: ZoneInfo) -> datetime:
        return resolution.step(start, 1, zone) + self.delay

    def __str__(self) -> str:
        hours = int(self.delay.total_seconds() // 3600)
        return f"{hours // 24} d after delivery" if hours >= 48 else f"{hours} h after delivery"


@dataclass(frozen=True, slots=True)
class DaysBefore:
    """At a market-time clock so many days before the local delivery day."""

    days: int
    at: time
    article: str

    def deadline(self, start: datetime, resolution: Resolution, zone: ZoneInfo) -> datetime:
        return _at(local_day(start, zone) - timedelta(days=self.days), self.at)

    def __str__(self) -> str:
        day = "D" if not self.days else f"D-{self.days}"
        return f"{day} {self.at:%H:%M} Brussels"


@dataclass(frozen=True, slots=True)
class FridayBefore:
    """At a market-time clock on the Friday before the delivery week (Monday to Sunday)."""

    at: time
    article: str

    def deadline(self, start: datetime, resolution: Resolution, zone: ZoneInfo) -> datetime:
        day = local_day(start, zone)
        return _at(day - timedelta(days=day.weekday() + 3), self.at)

    def __str__(self) -> str:
        return f"Friday before {self.at:%H:%M} Brussels"


@dataclass(frozen=True, slots=True)
class DaysBeforeMonth:
    """The end of the day so many days before the delivery month."""

    days: int
    article: str

    def deadline(self, start: datetime, resolution: Resolution, zone: ZoneInfo) -> datetime:
        # A weekly value belongs to the month of its last day: its week may begin in the month before.
        last = local_day(resolution.step(start, 1, zone) - timedelta(seconds=1), zone)
        return _at(last.replace(day=1) - timedelta(days=self.days), time(0, 0))

    def __str__(self) -> str:
        return f"{self.days} d before the month"


@dataclass(frozen=True, slots=True)
class DayOfMonthBeforeYear:
    """The end of a day of December before the delivery year."""

    day: int
    article: str

    def deadline(self, start: datetime, resolution: Resolution, zone: ZoneInfo) -> datetime:
        last = local_day(resolution.step(start, 1, zone) - timedelta(seconds=1), zone)
        return _at(date(last.year - 1, 12, self.day) + timedelta(days=1), time(0, 0))

    def __str__(self) -> str:
        return f"{self.day} December before the year"


@dataclass(frozen=True, slots=True)
class WorkingDayAfterWeek:
    """The end of the n-th working day after the delivery week."""

    working_day: int
    article: str

    def deadline(self, start: datetime, resolution: Resolution, zone: ZoneInfo) -> datetime:
        day = local_day(resolution.step(start, 1, zone) - timedelta(seconds=1), zone)
        day += timedelta(days=6 - day.weekday())
        passed = 0
        while passed < self.working_day:
            day += timedelta(days=1)
            passed += day.weekday() < 5
        return _at(day + timedelta(days=1), time(0, 0))

    def __str__(self) -> str:
        return f"working day {self.working_day} after the week"


PublicationRule = (
    AfterDelivery | DaysBefore | FridayBefore | DaysBeforeMonth | DayOfMonthBeforeYear | WorkingDayAfterWeek
)
"""When a value must be public at the latest; `article` names the source of the rule."""


def _at(day: date, clock: time) -> datetime:
    return from_local(datetime.combine(day, clock), MARKET_ZONE)


def deadlines(
    rule: PublicationRule | None, starts: NDArray[np.int64], resolution: Resolution, zone: ZoneInfo
) -> NDArray[np.int64]:
    """The deadline of each value, in seconds since 1970, for delivery starts in seconds since 1970; never without a rule."""
    import numpy as np

    if rule is None:
        return np.full(len(starts), np.iinfo(np.int64).max)
    if isinstance(rule, AfterDelivery) and resolution.seconds:
        return starts + resolution.seconds + int(rule.delay.total_seconds())
    hours, inverse = np.unique(starts // 3600, return_inverse=True)
    if 0 < resolution.seconds <= 3600 and len(hours):
        first, last = (local_day(_of_hour(int(hour)), zone) for hour in (hours[0], hours[-1]))
        if (last - first).days < len(hours):
            days = _of_days(rule, resolution, zone, first, last)
            return days[1][np.searchsorted(days[0], hours * 3600, "right") - 1][inverse]
    of_start = [int(rule.deadline(_of_hour(int(hour)), resolution, zone).timestamp()) for hour in hours]
    return np.array(of_start, dtype=np.int64)[inverse]


@lru_cache(maxsize=64)
def _of_days(
    rule: PublicationRule, resolution: Resolution, zone: ZoneInfo, first: date, last: date
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The beginning of each local day with the deadline of all its units of an hour or less.

    Years of many areas have few different rules, zones and ranges, and hours by the million.
    """
    import numpy as np

    days = [midnight(first + timedelta(days=number), zone) for number in range((last - first).days + 1)]
    begins = np.array([int(day.timestamp()) for day in days], np.int64)
    return begins, np.array([int(rule.deadline(day, resolution, zone).timestamp()) for day in days], np.int64)


def _of_hour(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * 3600, MARKET_ZONE)
