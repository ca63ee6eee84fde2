"""When an alert of a SQL Sentinel file is due. Pure; instants are aware UTC.

A local time that a change of the clock leaves out counts right after the change, one that it brings twice counts once:
but an expression that names all hours follows the hours as they pass, and one that names several minutes of an hour
counts in both passes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.alerting.sqlsentinel.files.cron_fields import (
    HOUR,
    MACROS,
    MINUTE,
    MONTH,
    SECOND,
    MonthDays,
    WeekDays,
    month_days,
    numbers,
    week_days,
)
from app.errors import ConfigurationError
from app.market.holidays import Calendar, DayType
from app.market.slots import NEVER, clock_change

DAY = timedelta(days=1)
LONGEST_WAIT = 9
"""Years that are looked at: 29 February comes after eight at the latest."""


@dataclass(frozen=True, slots=True)
class DayTimes:
    """The times of a day that an expression names."""

    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    seconds: tuple[int, ...] = (0,)

    @property
    def all_hours(self) -> bool:
        return len(self.hours) == 24

    @property
    def finer_than_hours(self) -> bool:
        return len(self.minutes) > 1 or len(self.seconds) > 1


@dataclass(frozen=True, slots=True)
class SentinelCron:
    """An expression of five fields, of six (the last are seconds), or a name as @daily."""

    expression: str
    zone: ZoneInfo
    times: DayTimes
    month_days: MonthDays
    months: frozenset[int]
    week_days: WeekDays
    calendar: Calendar = field(default_factory=Calendar)
    only: DayType = DayType.ALL
    """On which days of the calendar alone it counts."""

    def next_slot(self, after: datetime) -> datetime:
        day = _local(after, self.zone).date()
        end = day.year + LONGEST_WAIT
        if _local(after - DAY, self.zone).utcoffset() != _local(after, self.zone).utcoffset():
            day -= DAY  # what a change of the clock moved may belong to the day before
        while day.year <= end and day < date.max - DAY:
            if day.month not in self.months:
                day = (day.replace(day=1) + 31 * DAY).replace(day=1)
                continue
            slot = _first_of_day(self.times, day, self.zone, after) if self.has_day(day) else None
            if slot is not None:
                return slot
            day += DAY
        return NEVER

    def next_slots(self, after: datetime, count: int) -> list[datetime]:
        """The next slots; fewer where there are no more."""
        found: list[datetime] = []
        while len(found) < count and (after := self.next_slot(after)) != NEVER:
            found.append(after)
        return found

    def has_day(self, day: date) -> bool:
        """Where both kinds of day are restricted, either is enough; the calendar holds besides."""
        if not self.calendar.has(day, self.only):
            return False
        if self.month_days.every or self.week_days.every:
            return self.month_days.has(day) and self.week_days.has(day)
        return self.month_days.has(day) or self.week_days.has(day)

    def __str__(self) -> str:
        only = "" if self.only is DayType.ALL else f", only {self.only} of {self.calendar}"
        return f"cron {self.expression} {self.zone.key}{only}"


def parse_sentinel_cron(text: str, zone: ZoneInfo) -> SentinelCron:
    """The schedule of an expression; ConfigurationError where it is none."""
    words = text.lower().split()
    if len(words) == 1 and words[0].startswith("@"):
        if words[0] not in MACROS:
            raise ConfigurationError(f"{text!r} is no schedule; known are {', '.join(MACROS)}")
        words = MACROS[words[0]].split()
    if len(words) not in {5, 6}:
        raise ConfigurationError(
            f"{text!r} has {len(words)} fields; write minute, hour, day of the month, month, day of the week, "
            "for instance */15 * * * *"
        )
    try:
        return SentinelCron(
            " ".join(text.split()),
            zone,
            DayTimes(
                numbers(HOUR, words[1]),
                numbers(MINUTE, words[0]),
                numbers(SECOND, words[5]) if len(words) == 6 else (0,),
            ),
            month_days(words[2]),
            frozenset(numbers(MONTH, words[3])),
            week_days(words[4]),
        )
    except ConfigurationError as error:
        raise ConfigurationError(f"{text!r} is no cron expression: {error}") from None


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone)


def _first_of_day(times: DayTimes, day: date, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first slot of a local day that is later than the instant."""
    midnight = datetime.combine(day, time(0), zone)
    offset = midnight.utcoffset()
    if offset != (midnight + DAY).utcoffset() or offset is None:
        slots = _day_of_change(times, day, zone)
        place = bisect_right(slots, after)
        return slots[place] if place < len(slots) else None
    seconds = _seconds(times)
    begin = midnight.replace(tzinfo=UTC) - offset
    passed = (after - begin).total_seconds()
    place = bisect_right(seconds, passed)
    return begin + timedelta(seconds=seconds[place]) if place < len(seconds) else None


@lru_cache(maxsize=512)
def _seconds(times: DayTimes) -> array[int]:
    """The times as seconds of the day, ascending."""
    return array(
        "I",
        [
            hour * 3600 + minute * 60 + second
            for hour in times.hours
            for minute in times.minutes
            for second in times.seconds
        ],
    )


@lru_cache(maxsize=256)
def _day_of_change(times: DayTimes, day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    """The slots of a local day on which the clock changes, ascending."""
    found: set[datetime] = set()
    for second in _seconds(times):
        local = datetime.combine(day, time(0)) + timedelta(seconds=second)
        first, again = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first > again:  # the clock leaves it out: the two readings lie on both sides of the change
            if not times.all_hours:
                found.add(clock_change(again, first, zone) or first)
            continue
        found.add(first)
        if first < again and (times.all_hours or times.finer_than_hours):
            found.add(again)
    return tuple(sorted(found))
