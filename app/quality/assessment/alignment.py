"""Stored values on the grid on which the analysis of gaps expects them, one piece for each market time unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.market.time import Interval, Resolution
from app.quality.detectors.early import early_weeks
from app.quality.models import DAY
from app.quality.timeliness import NEVER
from app.timeseries.grid import ResolutionChange
from app.timeseries.rolling import Flags, Instants, Values

OVERDUE = 1.1
"""A calendar unit holds for a tenth longer than it usually lasts: tables of capacity lag behind the year."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredValues:
    """The stored values of one series as columns, ordered by start.

    `starts` in seconds since 1970; `recorded` (of the present value) and `learned` (of the first) in microseconds.
    """

    starts: Instants
    resolutions: NDArray[np.int16]
    values: Values
    filled: Flags
    recorded: Instants
    learned: Instants

    def __len__(self) -> int:
        return len(self.starts)


NOTHING = StoredValues(
    np.empty(0, np.int64),
    np.empty(0, np.int16),
    np.empty(0),
    np.empty(0, np.bool_),
    np.empty(0, np.int64),
    np.empty(0, np.int64),
)


@dataclass(frozen=True, slots=True, eq=False)
class AlignedSeries:
    """Expected units of one resolution with what is stored of them: NaN, False, 0 and NEVER where nothing is."""

    resolution: Resolution
    starts: Instants
    ends: Instants
    values: Values
    filled: Flags
    recorded: Instants
    learned: Instants
    """In seconds."""

    @property
    def step(self) -> int:
        """Seconds; the usual length of a calendar unit."""
        return self.resolution.seconds or int(self.resolution.nominal.total_seconds())


def align(
    observed: StoredValues, changes: Sequence[ResolutionChange], interval: Interval, zone: ZoneInfo
) -> list[AlignedSeries]:
    """The grid of the interval with the values of the series; values beside the grid are left out."""
    return [_filled(observed, resolution, starts, ends) for resolution, starts, ends in _grids(changes, interval, zone)]


def off_grid(observed: StoredValues) -> Instants:
    """Starts of values that lie between the units of their own resolution."""
    seconds = np.array([0, *(Resolution.from_id(number).seconds for number in range(1, len(Resolution) + 1))])
    lengths = seconds[observed.resolutions]
    beside: Instants = observed.starts[(lengths > 0) & (observed.starts % np.maximum(lengths, 1) != 0)]
    return beside


def _grids(
    changes: Sequence[ResolutionChange], interval: Interval, zone: ZoneInfo
) -> Iterator[tuple[Resolution, Instants, Instants]]:
    begin, end = (int(instant.timestamp()) for instant in (interval.start, interval.end))
    bounds = [*(change.start for change in changes), end]
    for change, (first, last) in zip(changes, pairwise(bounds), strict=True):
        grid = _units(change.resolution, first, min(last, end), zone)
        inside = grid[1:] > begin if change.resolution.is_calendar else grid[:-1] >= begin
        if inside.any():
            yield change.resolution, grid[:-1][inside], grid[1:][inside]


def _units(resolution: Resolution, first: int, last: int, zone: ZoneInfo) -> Instants:
    """The starts of the units from `first` on that begin before `last`, and the end of the last."""
    if resolution.seconds:
        aligned = -(-first // resolution.seconds) * resolution.seconds
        number = max(0, -(-(last - aligned) // resolution.seconds))
        return aligned + resolution.seconds * np.arange(number + 1, dtype=np.int64)
    stamps = [first]
    origin = datetime.fromtimestamp(first, UTC)
    while stamps[-1] < last:
        stamps.append(int(resolution.step(origin, len(stamps), zone).timestamp()))
    return np.array(stamps, np.int64)


def _filled(observed: StoredValues, resolution: Resolution, starts: Instants, ends: Instants) -> AlignedSeries:
    rows = np.flatnonzero(observed.resolutions == resolution.id)
    places = np.searchsorted(starts, observed.starts[rows])
    there = places < len(starts)
    there[there] = starts[places[there]] == observed.starts[rows][there]
    rows, places = rows[there], places[there]
    result = AlignedSeries(
        resolution,
        starts,
        ends,
        np.full(len(starts), np.nan),
        np.zeros(len(starts), np.bool_),
        np.zeros(len(starts), np.int64),
        np.full(len(starts), NEVER, np.int64),
    )
    result.values[places] = observed.values[rows]
    result.filled[places] = observed.filled[rows]
    result.recorded[places] = observed.recorded[rows]
    result.learned[places] = observed.learned[rows] // 1_000_000
    return result


def aligned(peer: StoredValues, starts: Instants, step: int) -> Values:
    """The peer's value for each unit: of a longer unit the one that holds, of shorter units their mean."""
    found = np.full(len(starts), np.nan)
    for number in np.unique(peer.resolutions)[::-1].tolist():
        resolution, rows = Resolution.from_id(number), peer.resolutions == number
        stamps, values = peer.starts[rows], peer.values[rows]
        if resolution.seconds and resolution.seconds < step:
            part = _means(stamps, values, starts, step)
        else:
            length = resolution.seconds or int(OVERDUE * resolution.nominal.total_seconds())
            part = _holding(stamps, values, starts, length)
        found = np.where(np.isnan(part), found, part)
    return found


def _holding(stamps: Instants, values: Values, starts: Instants, length: int) -> Values:
    places = np.searchsorted(stamps, starts, side="right") - 1
    holds = (places >= 0) & (starts - stamps[places] < length)
    return np.where(holds, values[places], np.nan)


def _means(stamps: Instants, values: Values, starts: Instants, step: int) -> Values:
    places = np.searchsorted(starts, stamps, side="right") - 1
    inside = places >= 0
    inside[inside] &= stamps[inside] - starts[places[inside]] < step
    numbers = np.bincount(places[inside], minlength=len(starts))
    sums = np.bincount(places[inside], weights=values[inside], minlength=len(starts))
    return np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)


def informed(grid_series: AlignedSeries, days: int) -> Flags:
    """Known values before whose day at least so many days of the piece have one, of the first weeks also after it."""
    known = ~np.isnan(grid_series.values)
    per_day = max(1, round(DAY / grid_series.step))
    daily = np.add.reduceat(known, np.arange(0, len(known), per_day)) > 0
    before = np.concatenate([[0], np.cumsum(daily)[:-1]])
    enough = before >= days
    if (early := early_weeks(grid_series.values, per_day)) is not None:
        first, end, last = (place // per_day for place in (early.begin, early.end, early.known))
        enough[first:end] |= daily[:last].sum() - np.cumsum(daily)[first:end] >= days
    found: Flags = np.repeat(enough, per_day)[: len(known)] & known
    return found
