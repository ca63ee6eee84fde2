"""When a rule is due: an interval or a cron expression, on all days or those of a calendar. Instants are aware UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zlib import crc32
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from app.alerting.calendars import Calendar, Days
from app.alerting.models import Schedule
from app.alerting.yaml_reader import show_duration
from app.errors import ConfigurationError
from app.market.time import local_day, midnight

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The slot of a rule that is not due any more: the dates of its calendar have passed."""
LONGEST_WAIT = 3700
"""Days that are looked at for one of the wanted kind; ten years, because holidays may be far apart."""


@dataclass(frozen=True, slots=True)
class Every:
    """Every so long, counted from 1970 plus an offset that keeps rules of one interval apart."""

    length: timedelta
    offset: timedelta = timedelta(0)

    def next_slot(self, after: datetime) -> datetime:
        origin = EPOCH + self.offset
        return origin + ((after - origin) // self.length + 1) * self.length

    def __str__(self) -> str:
        return f"every {show_duration(self.length)}"


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).

    Where both kinds of day are restricted, either is enough. A local time that a change of the clock leaves out is
    moved behind it, one that it brings twice counts once.
    """

    expression: str
    zone: ZoneInfo

    def next_slot(self, after: datetime) -> datetime:
        slots: Iterator[datetime] = CronSim(self.expression, after.astimezone(self.zone))
        return next(slots).astimezone(UTC)

    def __str__(self) -> str:
        return f"cron {self.expression} {self.zone.key}"


@dataclass(frozen=True, slots=True)
class OnDays:
    """The slots of another schedule that lie on the wanted days of a calendar."""

    schedule: Schedule
    calendar: Calendar
    days: Days
    zone: ZoneInfo

    def next_slot(self, after: datetime) -> datetime:
        for _ in range(LONGEST_WAIT):
            slot = self.schedule.next_slot(after)
            day = local_day(slot, self.zone)
            if self.calendar.has(day, self.days):
                return slot
            after = midnight(day + DAY, self.zone) - INSTANT
        return NEVER

    def __str__(self) -> str:
        return f"{self.schedule}, only {self.days} of {self.calendar} in {self.zone.key}"


def parse_cron(text: str, zone: ZoneInfo) -> Cron:
    """The schedule of a cron expression; ConfigurationError where it is none, or names a date that never comes."""
    fields = text.split()
    if len(fields) != 5:
        raise ConfigurationError(
            f"{text!r} has {len(fields)} fields and not five; write minute, hour, day, month, weekday, for instance */15 * * * *"
        )
    cron = Cron(" ".join(fields), zone)
    try:
        cron.next_slot(EPOCH)
    except CronSimError as error:
        raise ConfigurationError(f"{text!r} is no cron expression: {str(error).lower()}") from None
    return cron


def spread(every: Every, name: str) -> Every:
    """The interval moved by a part of itself that the name decides: the same in every process."""
    return replace(every, offset=every.length * (crc32(name.encode()) % 1000) / 1000)
