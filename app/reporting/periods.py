"""The days and weeks that reports are about: local days of the market, weeks from Monday to Sunday. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.errors import ConfigurationError
from app.market.moments import parse_moment
from app.market.time import MARKET_ZONE, Interval, local_day, midnight

DAY = timedelta(days=1)
_WEEK = re.compile(r"\d{4}-?W\d{2}")


class ReportLength(StrEnum):
    """How long a report's period is."""

    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def days(self) -> int:
        return 1 if self is ReportLength.DAILY else 7


@dataclass(frozen=True, slots=True)
class Period:
    """So many local days from the first one on."""

    kind: ReportLength
    first: date

    @property
    def last(self) -> date:
        return self.first + (self.kind.days - 1) * DAY

    @property
    def interval(self) -> Interval:
        return Interval(midnight(self.first, MARKET_ZONE), midnight(self.last + DAY, MARKET_ZONE))

    @property
    def before(self) -> Period:
        return Period(self.kind, self.first - self.kind.days * DAY)

    @property
    def name(self) -> str:
        """The day, or the week as ISO 8601 names it."""
        if self.kind is ReportLength.DAILY:
            return self.first.isoformat()
        return f"{self.first:%G-W%V}"


def period_of(kind: ReportLength, day: date) -> Period:
    """The period that holds the day."""
    return Period(kind, day if kind is ReportLength.DAILY else day - day.weekday() * DAY)


def last_complete(kind: ReportLength, now: datetime) -> Period:
    """The last period that is over."""
    return period_of(kind, local_day(now, MARKET_ZONE)).before


def chosen_period(kind: ReportLength, text: str | None, option: str, now: datetime) -> Period:
    """The period that holds the named day, or is the named ISO week; ConfigurationError where it is neither."""
    if text is None:
        return last_complete(kind, now)
    period = period_of(kind, _day(kind, text, option, now))
    if period.interval.start >= now:
        raise ConfigurationError(f"{option} {text!r} has not begun yet: there is nothing to report")
    return period


def _day(kind: ReportLength, text: str, option: str, now: datetime) -> date:
    if kind is ReportLength.WEEKLY and _WEEK.fullmatch(text):
        try:
            text = date.fromisoformat(text).isoformat()
        except ValueError:
            raise ConfigurationError(f"{option} {text!r}: that year has no such week") from None
    return local_day(parse_moment(text, MARKET_ZONE, now, name=option), MARKET_ZONE)
