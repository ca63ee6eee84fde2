"""The day or week that an option names."""

from __future__ import annotations

import re
from datetime import date, datetime

from app.errors import ConfigurationError
from app.market.moments import parse_moment
from app.market.time import MARKET_ZONE, local_day
from app.reporting.periods import Period, ReportLength, last_complete, period_of

_WEEK = re.compile(r"\d{4}-?W\d{2}")


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
