"""When a job is due: schedules as text, and the slots they name. Pure; instants are aware UTC.

A slot is an instant that a schedule names by itself, whoever asks and whenever: so two processes, or one before and
after a restart, mean the same run by the same slot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from app.errors import ConfigurationError
from app.market.moments import parse_zone
from app.market.time import from_local, local_day

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class SlotSchedule(Protocol):
    """Names slots; `str` of it is its text form, which `parse_schedule` reads."""

    def next_slot(self, after: datetime) -> datetime:
        """The first slot later than the instant."""
        ...

    def last_slot(self, now: datetime) -> datetime:
        """The last slot that is not later than the instant."""
        ...


@dataclass(frozen=True, slots=True)
class EveryMinutes:
    """Every so many minutes, counted from 1970 plus an offset: any number works, 90 as well as 7."""

    minutes: int
    offset: int = 0
    """Seconds; spreads jobs of the same interval over it."""

    def next_slot(self, after: datetime) -> datetime:
        return self.last_slot(after) + timedelta(minutes=self.minutes)

    def last_slot(self, now: datetime) -> datetime:
        origin = EPOCH + timedelta(seconds=self.offset)
        length = timedelta(minutes=self.minutes)
        return origin + (now - origin) // length * length

    def __str__(self) -> str:
        return f"every {self.minutes}m" + (f" +{self.offset}s" if self.offset else "")


@dataclass(frozen=True, slots=True)
class Daily:
    """Once each local day; in spring a time that does not exist is moved forward, in autumn the first of two counts."""

    at: time
    zone: ZoneInfo

    def next_slot(self, after: datetime) -> datetime:
        return next(slot for slot in self._around(after) if slot > after)

    def last_slot(self, now: datetime) -> datetime:
        return max(slot for slot in self._around(now) if slot <= now)

    def _around(self, instant: datetime) -> list[datetime]:
        today = local_day(instant, self.zone)
        return [_at(today + timedelta(days=distance), self.at, self.zone) for distance in (-1, 0, 1, 2)]

    def __str__(self) -> str:
        return f"daily {self.at:%H:%M} {self.zone.key}"


@dataclass(frozen=True, slots=True)
class Weekly:
    """Once each local week on one day of it, Monday is 0; around a change of the clocks as `Daily`."""

    weekday: int
    at: time
    zone: ZoneInfo

    def next_slot(self, after: datetime) -> datetime:
        return next(slot for slot in self._around(after) if slot > after)

    def last_slot(self, now: datetime) -> datetime:
        return max(slot for slot in self._around(now) if slot <= now)

    def _around(self, instant: datetime) -> list[datetime]:
        today = local_day(instant, self.zone)
        nearest = today + timedelta(days=self.weekday - today.weekday())
        return [_at(nearest + timedelta(weeks=distance), self.at, self.zone) for distance in (-1, 0, 1)]

    def __str__(self) -> str:
        return f"weekly {DAYS[self.weekday]} {self.at:%H:%M} {self.zone.key}"


@dataclass(frozen=True, slots=True)
class Within:
    """Every so many minutes from a local time of the day to the end of that day."""

    since: time
    minutes: int
    zone: ZoneInfo

    def next_slot(self, after: datetime) -> datetime:
        begin, end = self._window(local_day(after, self.zone))
        if after < begin:
            return begin
        slot = begin + ((after - begin) // self._length + 1) * self._length
        return slot if slot < end else self._window(local_day(after, self.zone) + DAY)[0]

    def last_slot(self, now: datetime) -> datetime:
        begin, end = self._window(local_day(now, self.zone))
        if now < begin:
            begin, end = self._window(local_day(now, self.zone) - DAY)
            now = end - timedelta(microseconds=1)
        return begin + (now - begin) // self._length * self._length

    @property
    def _length(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    def _window(self, day: date) -> tuple[datetime, datetime]:
        return _at(day, self.since, self.zone), _at(day + DAY, time(0, 0), self.zone)

    def __str__(self) -> str:
        return f"from {self.since:%H:%M} every {self.minutes}m {self.zone.key}"


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return from_local(datetime.combine(day, clock), zone)


def due_slots(schedule: SlotSchedule, last: datetime, now: datetime) -> list[datetime]:
    """The slots after `last` that are not later than `now`, oldest first."""
    found: list[datetime] = []
    slot = schedule.next_slot(last)
    while slot <= now:
        found.append(slot)
        slot = schedule.next_slot(slot)
    return found


_EVERY = re.compile(r"every (\d+)m(?: \+(\d+)s)?")
_DAILY = re.compile(r"daily (\d\d:\d\d) (\S+)")
_WEEKLY = re.compile(r"weekly ([a-z]+) (\d\d:\d\d) (\S+)")
_WITHIN = re.compile(r"from (\d\d:\d\d) every (\d+)m (\S+)")


def parse_schedule(text: str) -> SlotSchedule:
    """The schedule of a text form; ConfigurationError where it is none."""
    if match := _EVERY.fullmatch(text):
        if minutes := int(match[1]):
            return EveryMinutes(minutes, int(match[2] or 0))
    elif match := _DAILY.fullmatch(text):
        return Daily(parse_clock(match[1]), parse_zone(match[2]))
    elif match := _WEEKLY.fullmatch(text):
        return Weekly(parse_weekday(match[1]), parse_clock(match[2]), parse_zone(match[3]))
    elif match := _WITHIN.fullmatch(text):
        return Within(parse_clock(match[1]), int(match[2]), parse_zone(match[3]))
    raise ConfigurationError(
        f"unknown schedule {text!r}: write `every 30m`, `daily 02:00 UTC`, `weekly monday 07:00 UTC` "
        "or `from 12:45 every 5m UTC`"
    )


def parse_clock(text: str) -> time:
    """A time of the day as HH:MM."""
    try:
        return datetime.strptime(text, "%H:%M").replace(tzinfo=UTC).time()
    except ValueError:
        raise ConfigurationError(f"{text!r} is no time of the day; write it as HH:MM, for instance 02:00") from None


def parse_weekday(text: str) -> int:
    """The number of a day of the week by its English name or the first three letters of it; Monday is 0."""
    found = [number for number, day in enumerate(DAYS) if text.lower() in {day, day[:3]}]
    if not found:
        raise ConfigurationError(f"{text!r} is no day of the week; write it as monday")
    return found[0]
