"""The fields of a cron expression as SQL Sentinel's documents mean them: 0 and 7 are Sunday, names, steps, L, W, #. Pure."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from app.errors import ConfigurationError

MACROS: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_STEP = re.compile(r"([^/]+)/(\d{1,9})")
_RANGE = re.compile(r"([^-]+)-([^-]+)")
_NTH = re.compile(r"([^#]+)#(\d)")
_NEAREST = re.compile(r"(\d{1,2})w")
_LAST_DAY = re.compile(r"l(\w+)|(\w+)l")
ANY = frozenset({"*", "?"})


@dataclass(frozen=True, slots=True)
class FieldKind:
    """One place of an expression: its name in messages, its values, the names that stand for them."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        if text in self.names:
            return self.names.index(text) + self.least
        if not re.fullmatch(r"[0-9]{1,9}", text) or not self.least <= int(text) <= self.most:
            raise ConfigurationError(
                f"{text!r} is no {self.name}; it goes from {self.least} to {self.most}{self._named}"
            )
        return int(text)

    @property
    def _named(self) -> str:
        return f", or {self.names[0]} to {self.names[-1]}" if self.names else ""

    def values(self, term: str) -> Iterator[int]:
        """The values of one term: `*`, `5`, `1-5`, `*/10`, `5/10`, `1-30/5`."""
        step = _STEP.fullmatch(term)
        every = int(step[2]) if step else 1
        base = step[1] if step else term
        if "/" in term and (step is None or every == 0):
            raise ConfigurationError(f"{term!r} is no step of the {self.name}; write it as */15")
        if base in ANY:
            return iter(range(self.least, self.most + 1, every))
        found = _RANGE.fullmatch(base)
        if found is None:
            first = self.number(base)
            return iter(range(first, (self.most if step else first) + 1, every))
        first, last = self.number(found[1]), self.number(found[2])
        if last < first and last == 0 and self is WEEKDAY:
            last = 7  # sat-sun: the week may end with Sunday
        if last < first:
            raise ConfigurationError(f"{base!r} goes backwards in the {self.name}; write it as two parts with a comma")
        return iter(range(first, last + 1, every))


SECOND, MINUTE, HOUR = FieldKind("second", 0, 59), FieldKind("minute", 0, 59), FieldKind("hour", 0, 23)
MONTH_DAY = FieldKind("day of the month", 1, 31)
MONTH = FieldKind("month", 1, 12, _MONTHS)
WEEKDAY = FieldKind("day of the week", 0, 7, _DAYS)


def numbers(kind: FieldKind, text: str) -> tuple[int, ...]:
    """The values of a field, ascending."""
    return tuple(sorted({value for term in text.split(",") for value in kind.values(term)}))


@dataclass(frozen=True, slots=True)
class MonthDays:
    """The days of the month that a field names; `nearest` are those with W, on a working day of the same month."""

    every: bool
    days: frozenset[int] = frozenset()
    last: bool = False
    nearest: frozenset[int] = frozenset()
    last_working: bool = False

    def has(self, day: date) -> bool:
        if self.every or day.day in self.days:
            return True
        length = calendar.monthrange(day.year, day.month)[1]
        if self.last and day.day == length:
            return True
        if self.last_working and day == _working(day.replace(day=length)):
            return True
        return any(number <= length and day == _working(day.replace(day=number)) for number in self.nearest)


@dataclass(frozen=True, slots=True)
class WeekDays:
    """The days of the week that a field names, Sunday is 0; with `last` and `nth` those of the month."""

    every: bool
    days: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()

    def has(self, day: date) -> bool:
        weekday = day.isoweekday() % 7
        if self.every or weekday in self.days:
            return True
        if weekday in self.last and day.day + 7 > calendar.monthrange(day.year, day.month)[1]:
            return True
        return (weekday, (day.day + 6) // 7) in self.nth


def month_days(text: str) -> MonthDays:
    days: set[int] = set()
    nearest: set[int] = set()
    last = last_working = False
    for term in text.split(","):
        found = _NEAREST.fullmatch(term)
        if term == "l":
            last = True
        elif term == "lw":
            last_working = True
        elif found:
            nearest.add(MONTH_DAY.number(found[1]))
        else:
            days.update(MONTH_DAY.values(term))
    return MonthDays(text in ANY, frozenset(days), last, frozenset(nearest), last_working)


def week_days(text: str) -> WeekDays:
    days: set[int] = set()
    last: set[int] = set()
    nth: set[tuple[int, int]] = set()
    for term in text.split(","):
        counted, ending = _NTH.fullmatch(term), _LAST_DAY.fullmatch(term)
        if counted:
            if not 1 <= int(counted[2]) <= 5:
                raise ConfigurationError(f"{term!r} counts beyond a month; write 1 to 5 after the #")
            nth.add((WEEKDAY.number(counted[1]) % 7, int(counted[2])))
        elif ending:
            last.add(WEEKDAY.number(ending[1] or ending[2]) % 7)
        else:
            days.update(value % 7 for value in WEEKDAY.values(term))
    return WeekDays(text in ANY, frozenset(days), frozenset(last), frozenset(nth))


def _working(day: date) -> date:
    """The working day nearest to a day, in the same month."""
    length = calendar.monthrange(day.year, day.month)[1]
    shift = 0
    if day.weekday() == 5:
        shift = 2 if day.day == 1 else -1
    elif day.weekday() == 6:
        shift = -2 if day.day == length else 1
    return day.replace(day=day.day + shift)
