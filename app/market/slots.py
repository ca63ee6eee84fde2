"""The instants that a cron expression names, on all days or those of a calendar. Instants are aware UTC."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from app.errors import ConfigurationError
from app.market.holidays import Calendar, DayType
from app.market.text import counted
from app.market.time import local_day, midnight

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The slot of what is not due any more: the dates of its calendar have passed."""
LONGEST_WAIT = 3700
"""Days that are looked at for one of the wanted kind; ten years, because holidays may be far apart."""
_FIELDS: Mapping[str, tuple[str, str]] = {
    "minute": ("minute", "0 to 59"),
    "hour": ("hour", "0 to 23"),
    "day-of-month": ("day of the month", "1 to 31, and one that the month has"),
    "month": ("month", "1 to 12, or JAN to DEC"),
    "day-of-week": ("day of the week", "0 to 7, or SUN to SAT"),
}
"""The fields of an expression in their order, by what the library calls them."""


class Slots(Protocol):
    """Names instants, one after the other."""

    def next_slot(self, after: datetime) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).

    Where both kinds of day are restricted, either is enough. With minutes and hours that are written out, a local time
    that a change of the clock leaves out is moved behind it, and one that it brings twice counts once; where one of
    them begins with `*`, every minute counts whose local time fits.
    """

    expression: str
    zone: ZoneInfo

    def next_slot(self, after: datetime) -> datetime:
        if any(field.startswith("*") for field in self.expression.split()[:2]):
            return self._fitting(after)
        slots: Iterator[datetime] = CronSim(self.expression, after.astimezone(self.zone))
        # Asked within an hour that comes twice, the library names times of its first pass, which are over.
        return next(slot for slot in (local.astimezone(UTC) for local in slots) if slot > after)

    def _fitting(self, after: datetime) -> datetime:
        """The next minute whose local time fits: between two changes of the clock, local time runs like UTC."""
        while True:
            offset = _offset(after + INSTANT, self.zone)
            slots: Iterator[datetime] = CronSim(self.expression, (after + offset).replace(tzinfo=None))
            slot = next(slots).replace(tzinfo=UTC) - offset
            change = clock_change(after + INSTANT, slot, self.zone)
            if change is None:
                return slot
            after = change - INSTANT

    def __str__(self) -> str:
        return f"cron {self.expression} {self.zone.key}"


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)


def clock_change(start: datetime, end: datetime, zone: ZoneInfo) -> datetime | None:
    """The first second after `start` and until `end` at which the zone's offset is another than at the start."""
    offset = _offset(start, zone)
    while start < end:
        later = min(start + DAY, end)
        if _offset(later, zone) != offset:
            seconds = range(1, int((later - start).total_seconds()) + 2)
            place = bisect_left(seconds, True, key=lambda one: _offset(start + one * SECOND, zone) != offset)
            return (start + seconds[place] * SECOND).replace(microsecond=0)
        start = later
    return None


@dataclass(frozen=True, slots=True)
class OnDays:
    """The slots of another schedule that lie on the wanted days of a calendar."""

    schedule: Slots
    calendar: Calendar
    days: DayType
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
            f"{text!r} has {counted(len(fields), 'field')} and not five; write minute, hour, day, month, weekday, for instance */15 * * * *"
        )
    cron = Cron(" ".join(fields), zone)
    try:
        cron.next_slot(EPOCH)
    except CronSimError as error:
        name = str(error).lower().removeprefix("bad ")
        what, values = _FIELDS[name]
        part = fields[list(_FIELDS).index(name)]
        raise ConfigurationError(f"{text!r} is no cron expression: {part!r} is no {what}; write {values}") from None
    return cron
