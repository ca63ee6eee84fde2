"""The days and weeks that reports are about: local days of the market, weeks from Monday to Sunday. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.market.time import MARKET_ZONE, Interval, local_day, midnight

DAY = timedelta(days=1)


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
