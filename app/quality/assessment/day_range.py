"""The asked range as days, which begin where a place is."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.market.areas import Place, find_place
from app.market.moments import parse_interval
from app.market.time import MARKET_ZONE, Interval
from app.quality.assessment.day_counts import days_of
from app.quality.listing import ListedScore


class DayRange:
    """The asked range as whole local days of each place."""

    def __init__(
        self, start: str, end: str | None, now: datetime, *, names: tuple[str, str] = ("--from", "--to")
    ) -> None:
        self._range = (start, end)
        self._now = now
        self._names = names
        self(None)  # a wrong moment is refused before anything begins

    def __call__(self, place: Place | None) -> Interval:
        zone = place.zone if place else MARKET_ZONE
        return parse_interval(*self._range, zone, self._now, names=self._names)

    @property
    def hull(self) -> Interval:
        """The days of any place."""
        one = self(None)
        return Interval(one.start - timedelta(days=2), one.end + timedelta(days=2))

    def holds(self, score: ListedScore) -> bool:
        """Whether the day of a score lies in the range, in the time of its area."""
        place = find_place(score.area_eic)
        return score.day in days_of(self(place), place.zone).days
