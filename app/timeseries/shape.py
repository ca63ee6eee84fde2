"""Values in the form somebody asks for: one auction, another resolution, one history over a change of zones.

Pure; the command line and whatever else gives values out use it alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.errors import ConfigurationError
from app.market.areas import Area, AreaKind, Place, label, predecessor
from app.market.series import DISTINGUISHING, SeriesKey
from app.market.time import Interval, Resolution, midnight
from app.timeseries.reads import ObservationBatch

if TYPE_CHECKING:
    from collections.abc import Callable

SDAC, EXAA = frozenset({"", "1"}), frozenset({"2"})
"""The sequences of the auctions in day-ahead prices: the coupled auction is the first, EXAA's of Austria the second."""


class Auction(StrEnum):
    """Which day-ahead prices are wanted; `preferred` is one for each instant: SDAC's, else that of another auction."""

    PREFERRED = "preferred"
    SDAC = "sdac"
    EXAA = "exaa"
    ALL = "all"


class FinerThanStored(ConfigurationError):
    """A resolution was asked for that nothing can be made of."""


POWER, ENERGY = "MAW", "MWH"
"""The units of megawatt and megawatt-hour."""


class Aggregation(StrEnum):
    """What becomes of the values of a longer unit; the sum of power over time is energy, in megawatt-hours."""

    MEAN = "mean"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    LAST = "last"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Resampling:
    """The wanted units; one of which less than `coverage` is stored has no value."""

    resolution: Resolution
    aggregate: Aggregation = Aggregation.MEAN
    coverage: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Shaped:
    """Values of a series, NaN where a unit is not covered enough; `coverage` only where they were resampled."""

    batch: ObservationBatch
    coverage: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.batch)


def join(batches: Sequence[ObservationBatch]) -> ObservationBatch:
    """Batches of one series as one."""
    if len(batches) == 1:
        return batches[0]
    return ObservationBatch(
        batches[0].key,
        np.concatenate([one.starts for one in batches]),
        np.concatenate([one.resolutions for one in batches]),
        np.concatenate([one.values for one in batches]),
        np.concatenate([one.filled for one in batches]),
        np.concatenate([one.recorded_at for one in batches]),
    )


def choose_auction(
    series: Sequence[ObservationBatch], auction: Auction, zone_of: Callable[[str], ZoneInfo]
) -> list[ObservationBatch]:
    """The prices of an auction out of all series of day-ahead prices, each given as one batch."""
    if auction is Auction.ALL:
        return list(series)
    if auction is not Auction.PREFERRED:
        wanted = SDAC if auction is Auction.SDAC else EXAA
        return [one for one in series if one.key.sequence in wanted]
    by_area: dict[str, list[ObservationBatch]] = {}
    for one in series:
        by_area.setdefault(one.key.area, []).append(one)
    return [one for area, group in by_area.items() for one in _preferred(group, zone_of(area))]


def _preferred(group: Sequence[ObservationBatch], zone: ZoneInfo) -> list[ObservationBatch]:
    """In the order given, each without the time that a better auction covers."""
    taken: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    kept: dict[int, ObservationBatch] = {}
    order = sorted(range(len(group)), key=lambda index: (group[index].key.sequence not in SDAC, group[index].key))
    for index in order:
        starts, ends = group[index].starts, unit_ends(group[index], zone)
        free = np.ones(len(starts), np.bool_)
        for other_starts, other_ends in taken:
            free &= ~_overlapping(starts, ends, other_starts, other_ends)
        taken.append((starts[free], ends[free]))
        kept[index] = group[index].select(free)
    return [kept[index] for index in range(len(group)) if len(kept[index])]


def _overlapping(
    starts: NDArray[np.int64], ends: NDArray[np.int64], other_starts: NDArray[np.int64], other_ends: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which units share time with another; all starts are ascending."""
    if not len(other_starts):
        return np.zeros(len(starts), np.bool_)
    reach = np.maximum.accumulate(other_ends)
    before = np.searchsorted(other_starts, ends, "left")
    overlapping: NDArray[np.bool_] = (before > 0) & (reach[np.maximum(before - 1, 0)] > starts)
    return overlapping


def unit_ends(batch: ObservationBatch, zone: ZoneInfo) -> NDArray[np.int64]:
    """Where each unit ends, in seconds since 1970; calendar units step in local time."""
    ends = batch.starts.copy()
    for number in np.unique(batch.resolutions).tolist():
        resolution, chosen = Resolution.from_id(number), batch.resolutions == number
        if resolution.seconds:
            ends[chosen] += resolution.seconds
        else:
            ends[chosen] = [_step(start, resolution, zone) for start in batch.starts[chosen].tolist()]
    return ends


def _step(start: int, resolution: Resolution, zone: ZoneInfo) -> int:
    return int(resolution.step(datetime.fromtimestamp(start, UTC), 1, zone).timestamp())


def resample(batch: ObservationBatch, wanted: Resampling, zone: ZoneInfo) -> Shaped:
    """The series at a longer resolution: a row for each unit that has at least one value.

    Units are those of the area's local days, so days have 23, 24 or 25 hours. Where two resolutions cover a unit, the
    one that covers more of it counts, of equals the finer. ConfigurationError where a stored unit is longer.
    """
    first = _first_unit(batch, wanted.resolution, zone)
    last = int(unit_ends(batch, zone).max())
    hull = Interval(datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC))
    edges = wanted.resolution.starts(hull, zone)
    edges = np.append(edges, _step(int(edges[-1]), wanted.resolution, zone))
    found = [_aggregated(batch, number, wanted, edges, zone) for number in np.unique(batch.resolutions).tolist()]
    best = np.argmax(np.array([coverage for _, coverage, _, _ in found]), axis=0)
    rows = np.arange(len(edges) - 1)
    values, coverage, filled, recorded = (np.array(column)[best, rows] for column in zip(*found, strict=True))
    present = coverage > 0
    enough = coverage >= wanted.coverage - 1e-9
    if wanted.aggregate is not Aggregation.COUNT:
        values = np.where(enough, values, np.nan)
    shaped = ObservationBatch(
        _key_of(batch, wanted),
        edges[:-1][present],
        np.full(int(present.sum()), wanted.resolution.id, np.int16),
        values[present],
        filled[present].astype(np.bool_),
        recorded[present].astype(np.int64),
    )
    return Shaped(shaped, coverage[present])


def _first_unit(batch: ObservationBatch, resolution: Resolution, zone: ZoneInfo) -> int:
    """The start of the wanted unit that holds the first value; weeks begin on Monday, months on their first day."""
    start = int(batch.starts.min())
    local = datetime.fromtimestamp(start, UTC).astimezone(zone)
    if resolution.seconds:
        return start - start % resolution.seconds
    day = local.date()
    if resolution is Resolution.P7D:
        day = day.fromordinal(day.toordinal() - day.weekday())
    elif resolution.months:
        day = day.replace(month=(day.month - 1) // resolution.months * resolution.months + 1, day=1)
    return int(midnight(day, zone).timestamp())


Aggregated = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]


def _aggregated(
    batch: ObservationBatch, number: int, wanted: Resampling, edges: NDArray[np.int64], zone: ZoneInfo
) -> Aggregated:
    """Values, coverage, whether any was filled, and when the last was learned, of the stored units of one resolution."""
    part = batch.select(batch.resolutions == number)
    resolution = Resolution.from_id(number)
    if resolution.nominal > wanted.resolution.nominal:
        raise FinerThanStored(
            f"the resolution {wanted.resolution.code} is finer than what is stored of {batch.key.item} "
            f"{label(batch.key.area)}: {resolution.code}; name that or a longer one"
        )
    count = len(edges) - 1
    unit = np.searchsorted(edges, part.starts, "right") - 1
    lengths = (unit_ends(part, zone) - part.starts).astype(np.float64)
    seconds = np.bincount(unit, weights=lengths, minlength=count)
    numbers = np.bincount(unit, minlength=count)
    filled = np.bincount(unit, weights=part.filled, minlength=count) > 0
    recorded = np.zeros(count, np.int64)
    np.maximum.at(recorded, unit, part.recorded_at)
    measured = part.values * (lengths / 3600) if _makes_energy(batch, wanted) else part.values
    values = _VALUES[wanted.aggregate](unit, measured, numbers)
    return values, seconds / np.diff(edges), filled, recorded


def _key_of(batch: ObservationBatch, wanted: Resampling) -> SeriesKey:
    """The key with the unit of the aggregated values."""
    if wanted.aggregate is Aggregation.COUNT:
        return replace(batch.key, unit="", currency="")
    return replace(batch.key, unit=ENERGY) if _makes_energy(batch, wanted) else batch.key


def _makes_energy(batch: ObservationBatch, wanted: Resampling) -> bool:
    return wanted.aggregate is Aggregation.SUM and batch.key.unit == POWER


def _total(unit: NDArray[np.int64], values: NDArray[np.float64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.bincount(unit, weights=values, minlength=len(numbers)).astype(np.float64)


def _sum(unit: NDArray[np.int64], values: NDArray[np.float64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    return significant(_total(unit, values, numbers))


def _mean(unit: NDArray[np.int64], values: NDArray[np.float64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    return significant(_total(unit, values, numbers) / np.maximum(numbers, 1))


def significant(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rounded to twelve digits: what is behind them comes from adding binary fractions, not from the source."""
    sizes = np.where(values == 0, 1.0, np.abs(values))
    scale = 10.0 ** np.clip(12 - np.ceil(np.log10(sizes)), -12, 22)
    rounded: NDArray[np.float64] = np.round(values * scale) / scale
    return rounded


def _min(unit: NDArray[np.int64], values: NDArray[np.float64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    found = np.full(len(numbers), np.inf)
    np.minimum.at(found, unit, values)
    return found


def _max(unit: NDArray[np.int64], values: NDArray[np.float64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    return -_min(unit, -values, numbers)


def _last(unit: NDArray[np.int64], values: NDArray[np.float64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    found = np.zeros(len(numbers))
    found[unit] = values
    return found


def _count(_unit: NDArray[np.int64], _values: NDArray[np.float64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    return numbers.astype(np.float64)


_VALUES = {
    Aggregation.SUM: _sum,
    Aggregation.MEAN: _mean,
    Aggregation.MIN: _min,
    Aggregation.MAX: _max,
    Aggregation.LAST: _last,
    Aggregation.COUNT: _count,
}


def history_of(place: Place, interval: Interval, kinds: frozenset[AreaKind]) -> list[tuple[Place, Interval]]:
    """The zones whose values one after the other are the history of an area, with the time of each; oldest first.

    Of an area that is also a country or control area only what is published for bidding zones alone has another zone
    before.
    """
    found = predecessor(place) if isinstance(place, Area) else None
    if found is None or (
        isinstance(place, Area) and place.since is None and kinds != frozenset({AreaKind.BIDDING_ZONE})
    ):
        return [(place, interval)]
    before, first = found
    change = midnight(first, place.zone)
    parts: list[tuple[Place, Interval]] = []
    if interval.start < change:
        parts += history_of(before, Interval(interval.start, min(change, interval.end)), kinds)
    if interval.end > change:
        parts.append((place, Interval(max(change, interval.start), interval.end)))
    return parts


_TELLING = (*DISTINGUISHING, "unit", "currency")


def column_names(keys: Sequence[SeriesKey]) -> dict[SeriesKey, str]:
    """A short name for each series: its item and area, and what tells it from others of them."""
    groups: dict[tuple[str, str], list[SeriesKey]] = {}
    for key in keys:
        groups.setdefault((key.item, key.area), []).append(key)
    names: dict[SeriesKey, str] = {}
    for (item, area), group in groups.items():
        telling = [name for name in _TELLING if len({getattr(key, name) for key in group}) > 1]
        for key in group:
            names[key] = " ".join([item, label(area), *(getattr(key, name) for name in telling if getattr(key, name))])
    return names
