"""What of a synthetic series is public at an instant: delay, holes and later corrections."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from app.entsoe.items import ItemSpec
from app.market.calendar import AfterDelivery
from app.market.series import DataItem
from app.sandbox.noise import fraction, uniform
from app.sandbox.settings import Hole
from app.sandbox.values import Grid, SyntheticValues

_DAY = 86_400
_AUCTION_RESULTS = timedelta(minutes=48)
"""Day-ahead results are out at 12:57 Brussels, 48 minutes before the deadline."""


def published_count(spec: ItemSpec, key: int, grid: Grid, now: datetime) -> int:
    """How many units from the grid's start on are public; publication follows delivery, so the rest is not yet."""
    early = _earliness(spec, key)

    def published_at(index: int) -> datetime:
        start = datetime.fromtimestamp(int(grid.starts[index]), UTC)
        return spec.publication.deadline(start, grid.resolution, grid.zone) - early

    return bisect.bisect_right(range(len(grid.starts)), now, key=published_at)


def _earliness(spec: ItemSpec, key: int) -> timedelta:
    """How long before its deadline a series appears; each has its habit."""
    if spec.item is DataItem.PRICE_DAY_AHEAD:
        return _AUCTION_RESULTS
    longest = 25 if isinstance(spec.publication, AfterDelivery) else 90
    return timedelta(minutes=2 + int(longest * fraction("publication", key)))


def missing(key: int, grid: Grid, now: int, share: float) -> NDArray[np.bool_]:
    """Units in a hole: on a share of days a stretch appears days late, or, in half of the cases, never."""
    absent = np.zeros(len(grid.starts), dtype=np.bool_)
    if grid.resolution.is_calendar:
        return absent
    for day in _chosen_days(key + 1, grid, share):
        begin, length = 0.8 * fraction(key, day, "begin"), 0.02 + 0.2 * fraction(key, day, "length")
        late = 2 + 18 * fraction(key, day, "late")
        never = fraction(key, day, "never") < 0.5
        if never or now < (day + late) * _DAY:
            first = day * _DAY + int(begin * _DAY) // 3600 * 3600
            absent |= (grid.starts >= first) & (grid.starts < first + max(3600, int(length * _DAY)))
    return absent


def within(grid: Grid, holes: Iterable[Hole]) -> NDArray[np.bool_]:
    """Units that start in one of the holes."""
    inside = np.zeros(len(grid.starts), dtype=np.bool_)
    for hole in holes:
        first, last = hole.interval.start.timestamp(), hole.interval.end.timestamp()
        inside |= (grid.starts >= first) & (grid.starts < last)
    return inside


def corrected(key: int, grid: Grid, values: SyntheticValues, now: int, share: float) -> SyntheticValues:
    """The values as of now: on a share of days a stretch is replaced once, one to ten days after delivery."""
    if grid.resolution.is_calendar:
        return values
    result, digits = values, 2 if np.any(np.mod(values, 1)) else 0
    for day in _chosen_days(key + 2, grid, share):
        if now < (day + 2 + 9 * fraction(key, day, "corrected")) * _DAY:
            continue
        first = (day + 0.7 * fraction(key, day, "from")) * _DAY
        touched = (grid.starts >= first) & (grid.starts < min(first + 0.3 * _DAY, (day + 1) * _DAY))
        factor = 1 + 0.005 + 0.03 * fraction(key, day, "factor")
        result = np.where(touched, np.round(result * factor, digits) + 0.0, result)
    return result


def _chosen_days(key: int, grid: Grid, share: float) -> list[int]:
    if share <= 0 or not len(grid.starts):
        return []
    days = np.arange(grid.starts[0] // _DAY, grid.starts[-1] // _DAY + 1, dtype=np.int64)
    return [int(day) for day in days[uniform(key, days) < share]]
