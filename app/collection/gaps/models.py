"""A gap as it is kept. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from app.collection.gaps.classification import Reason
from app.market.areas import find_place
from app.market.time import Interval, Resolution


@dataclass(frozen=True, slots=True)
class GapRow:
    """A gap as it is kept; `series_id` is None where no series is known."""

    item: str
    area: str
    series_id: int | None
    interval: Interval
    resolution: Resolution
    missing: int
    reason: Reason
    since: datetime

    def outside(self, analysed: Interval) -> list[GapRow]:
        """What of the gap an analysis of the interval says nothing about, in whole units.

        It says something about units that start in the interval, and about calendar units that meet it.
        """
        zone = find_place(self.area).zone
        first, last = (self._units_before(instant, zone) for instant in (analysed.start, analysed.end))
        bounds = [self.resolution.step(self.interval.start, number, zone) for number in (first, last)]
        if self.resolution.is_calendar and first and bounds[0] > analysed.start:
            first, bounds[0] = first - 1, self.resolution.step(self.interval.start, first - 1, zone)
        parts = (
            (self.interval.start, bounds[0], first),
            (bounds[1], self.interval.end, self.missing - last),
        )
        return [replace(self, interval=Interval(start, end), missing=count) for start, end, count in parts if count > 0]

    def _units_before(self, instant: datetime, zone: ZoneInfo) -> int:
        """How many of the gap's units begin before the instant."""
        end = min(max(instant, self.interval.start), self.interval.end)
        return self.resolution.count(Interval(self.interval.start, end), zone)
