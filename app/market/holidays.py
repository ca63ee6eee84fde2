"""Named calendars: which local days are weekend, holidays and business days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from app.errors import ConfigurationError
from app.kit.yaml.fields import suggestion

if TYPE_CHECKING:
    from holidays import HolidayBase

SATURDAY_AND_SUNDAY = frozenset({5, 6})


class DayType(StrEnum):
    """The local days on which a rule is looked at."""

    ALL = "all"
    BUSINESS_DAYS = "business_days"
    HOLIDAYS = "holidays"
    WEEKEND = "weekend"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days that are not like others: dates, those of a country or a part of it, and the days of the weekend."""

    name: str = ""
    holidays: frozenset[date] = frozenset()
    country: str = ""
    subdivision: str = ""
    weekend: frozenset[int] = SATURDAY_AND_SUNDAY
    """Monday is 0."""

    def is_holiday(self, day: date) -> bool:
        return day in self.holidays or (bool(self.country) and day in country_holidays(self.country, self.subdivision))

    def is_weekend(self, day: date) -> bool:
        return day.weekday() in self.weekend

    def has(self, day: date, days: DayType) -> bool:
        """Whether a local day is one of the kind."""
        if days is DayType.HOLIDAYS:
            return self.is_holiday(day)
        if days is DayType.WEEKEND:
            return self.is_weekend(day)
        return days is DayType.ALL or not (self.is_weekend(day) or self.is_holiday(day))

    def __str__(self) -> str:
        return self.name or "Saturday and Sunday free"


@lru_cache(maxsize=64)
def country_holidays(country: str, subdivision: str) -> HolidayBase:
    """The public holidays of a country, computed year by year when asked; ConfigurationError where none are known."""
    import holidays

    known = holidays.list_supported_countries(include_aliases=True)
    if country not in known:
        raise ConfigurationError(
            f"no holidays are known of country {country!r}; write the two letters of ISO 3166, for instance DE"
        )
    try:
        return holidays.country_holidays(country, subdiv=subdivision or None)
    except NotImplementedError:
        parts = suggestion(subdivision, known[country])
        raise ConfigurationError(f"{country} has no part {subdivision!r}{parts}") from None
