"""Which market time units a series should have, and which of them are not stored.

The grid of a series follows from its values. A resolution holds from its first unit on until another takes over. Where
several cover the same time, the finest that covers at least half of what the one with most covers of the longer unit is
current: one quarter that is missing beside an hourly value is a gap. A hole belongs to the resolution before it. Resolutions below a day divide the UTC day, so days of 23 and 25 hours need no rule of their
own; calendar units are stepped in the local time of the area from the stored unit before them.

A series is expected from the local day of its first value on. It ends with the area, or when it has been silent for
`SILENT_BESIDE_OTHERS` while another series of the same item and area went on, or for `SILENT_ALONE` where none did;
for calendar units never before three of them. A series that was never seen is not expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.market.time import Interval, Resolution, local_day, midnight
from app.timeseries.blocks import DayCounts

DAY = 86_400
SILENT_BESIDE_OTHERS = timedelta(days=45)
SILENT_ALONE = timedelta(days=365)
SILENT_UNITS = 3
FAR = datetime(2100, 1, 1, tzinfo=UTC)

_SECONDS = np.zeros(max(one.id for one in Resolution) + 1, np.int64)
for _resolution in Resolution:
    _SECONDS[_resolution.id] = _resolution.seconds
_RANKS = len(_SECONDS)
_FULL = np.where(_SECONDS > 0, DAY // np.maximum(_SECONDS, 1), -1)
"""Units of a full UTC day by `Resolution.id`; no count equals that of a calendar resolution."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Market time units as columns, ordered by start: start and end in seconds since 1970, and `Resolution.id`."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    resolutions: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True)
class ResolutionChange:
    """From `start` (seconds since 1970) on the resolution is the current one of the series."""

    start: int
    resolution: Resolution


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Units that are stored: starts in seconds since 1970 and `Resolution.id`, ordered by start."""

    starts: NDArray[np.int64]
    resolutions: NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class GridGaps:
    """What of the grid is missing, and the resolutions that made the grid."""

    missing: Units
    changes: tuple[ResolutionChange, ...]


@dataclass(frozen=True, slots=True)
class Extent:
    """The start of the first value of a series and the end of its last, with the resolution of the latter."""

    first: datetime
    end: datetime
    resolution: Resolution


def life(extent: Extent, others: Sequence[Extent], zone: ZoneInfo, now: datetime) -> Interval:
    """When the series is expected; `others` are those of the same item and area."""
    begin = extent.first if extent.resolution.is_calendar else midnight(local_day(extent.first, zone), zone)
    gone_on = any(other.end >= extent.end + SILENT_BESIDE_OTHERS for other in others)
    patience = SILENT_BESIDE_OTHERS if gone_on else SILENT_ALONE
    if extent.resolution.is_calendar:
        patience = max(patience, SILENT_UNITS * extent.resolution.nominal)
    return Interval(min(begin, extent.first), extent.end if now - extent.end > patience else FAR)


def merged_counts(counts: DayCounts) -> DayCounts:
    """Several series that complete each other as one: a day is full where one of them is, else to be looked into."""
    if not len(counts.days):
        return counts
    ranks = counts.days * _RANKS + counts.resolutions
    order = np.argsort(ranks, kind="stable")
    distinct, first = np.unique(ranks[order], return_index=True)
    most = np.maximum.reduceat(counts.stored[order], first)
    series = np.zeros(len(distinct), np.int32)
    return DayCounts(series, distinct // _RANKS, (distinct % _RANKS).astype(np.int16), most)


def short_days(counts: DayCounts) -> NDArray[np.bool_]:
    """The rows of days that counts alone cannot judge: the finest resolution of the day is not complete.

    The rows are ordered by series, day and resolution; of each such day one row is marked.
    """
    short: NDArray[np.bool_] = _finest(counts) & (counts.stored != _FULL[counts.resolutions])
    return short


def complete_days(counts: DayCounts) -> NDArray[np.bool_]:
    """One row of each day of which the finest resolution is complete; the rows are ordered as for `short_days`."""
    complete: NDArray[np.bool_] = _finest(counts) & (counts.stored == _FULL[counts.resolutions])
    return complete


def _finest(counts: DayCounts) -> NDArray[np.bool_]:
    finest = np.ones(len(counts.days), np.bool_)
    finest[1:] = (np.diff(counts.series) != 0) | (np.diff(counts.days) != 0)
    return finest


def is_calendar(counts: DayCounts) -> bool:
    """Whether a series has units that days do not count."""
    return bool((_SECONDS[counts.resolutions] == 0).any())


def find_grid_gaps(counts: DayCounts, looked_into: Mapping[int, Held], interval: Interval) -> GridGaps:
    """The grid of one series and what is missing of it, for units that start in the interval.

    `counts` are those of the series, ordered by day and resolution, from the last day with values before the interval
    on; `looked_into` holds the units of the days that `short_days` marks.
    """
    days, first = np.unique(counts.days, return_index=True)
    finest = counts.resolutions[first]
    complete = counts.stored[first] == _FULL[finest]
    broken = (np.diff(days) != 1) | (np.diff(finest) != 0) | ~complete[1:] | ~complete[:-1]
    walk = _Walk(interval)
    for begin, end in pairwise([0, *(np.flatnonzero(broken) + 1).tolist(), len(days)] if len(days) else []):
        day = int(days[begin])
        walk.hole(day * DAY)
        if complete[begin]:
            walk.complete(day * DAY, (int(days[end - 1]) + 1) * DAY, int(finest[begin]))
        else:
            walk.look_into(day * DAY, looked_into.get(day))
    walk.hole(walk.end)
    return walk.examined()


class _Walk:
    """Goes through time once, with the resolution that is current where it stands."""

    def __init__(self, interval: Interval) -> None:
        self.begin, self.end = (int(instant.timestamp()) for instant in (interval.start, interval.end))
        self._at = self.begin
        self._current = 0
        self._changes: list[ResolutionChange] = []
        self._missing: list[tuple[int, NDArray[np.int64]]] = []

    def hole(self, until: int) -> None:
        """Nothing is stored up to here."""
        if self._current and until > self._at:
            self._miss(self._grid(self._at, until))
        self._at = until

    def complete(self, start: int, end: int, resolution: int) -> None:
        self._turn(start, resolution)
        self._at = end

    def look_into(self, start: int, held: Held | None) -> None:
        """One day, of which the stored units are known; the longest of them is the block in which one is current."""
        if held is None:
            return
        present = np.unique(held.resolutions).tolist()
        block = int(_SECONDS[present].max()) if len(present) > 1 else DAY
        for begin in range(start, start + DAY, block):
            inside = Held(*(column[_between(held.starts, begin, begin + block)] for column in _columns(held)))
            self._block(begin, begin + block, inside)
        self._at = start + DAY

    def _block(self, begin: int, end: int, held: Held) -> None:
        if len(held.starts):
            self._turn(begin, _current(held))
        if self._current:
            present = held.starts[held.resolutions == self._current]
            self._miss(np.setdiff1d(self._grid(begin, end), present, assume_unique=True))

    def _turn(self, start: int, resolution: int) -> None:
        if resolution == self._current:
            return
        first = not self._current
        self._current = resolution
        self._changes.append(
            ResolutionChange(min(start, self.begin) if first else start, Resolution.from_id(resolution))
        )
        if first:
            self._miss(self._grid(self.begin, start))

    def _grid(self, begin: int, end: int) -> NDArray[np.int64]:
        step = int(_SECONDS[self._current])
        first = -(-max(begin, self.begin) // step) * step
        return np.arange(first, max(first, min(end, self.end)), step, dtype=np.int64)

    def _miss(self, starts: NDArray[np.int64]) -> None:
        if len(starts):
            self._missing.append((self._current, starts))

    def examined(self) -> GridGaps:
        return GridGaps(_units(self._missing), tuple(self._changes))


def _between(starts: NDArray[np.int64], begin: int, end: int) -> slice:
    first, last = np.searchsorted(starts, (begin, end)).tolist()
    return slice(first, last)


def _columns(held: Held) -> tuple[NDArray[Any], NDArray[Any]]:
    return held.starts, held.resolutions


def _current(held: Held) -> int:
    """The finest resolution that covers at least half of the most time that one covers."""
    ids, numbers = np.unique(held.resolutions, return_counts=True)
    covered = numbers * _SECONDS[ids]
    return int(ids[np.argmax(2 * covered >= covered.max())])


def _units(pieces: Sequence[tuple[int, NDArray[np.int64]]]) -> Units:
    starts = np.concatenate([starts for _, starts in pieces]) if pieces else np.empty(0, np.int64)
    ids = np.repeat(np.array([number for number, _ in pieces], np.int16), [len(starts) for _, starts in pieces])
    return Units(starts, starts + _SECONDS[ids], ids)


def examine_calendar(held: Held, interval: Interval, zone: ZoneInfo) -> GridGaps:
    """The same for a series with calendar units, for units that overlap the interval.

    `held` are all its units in the interval and the one before; a unit that begins inside a longer one is left out.
    """
    found: list[tuple[int, int, int]] = []
    changes: list[ResolutionChange] = []
    stored = list(_calendar_units(held, zone))
    for (start, resolution), following in zip(stored, [*stored[1:], None], strict=False):
        if not changes or changes[-1].resolution is not resolution:
            changes.append(ResolutionChange(int(start.timestamp()), resolution))
        until = following[0] if following else None
        found.extend(_steps(start, resolution, until, interval, zone))
    starts, ends, ids = np.array(found, np.int64).reshape(-1, 3).T
    return GridGaps(Units(starts, ends, ids.astype(np.int16)), tuple(changes))


def _calendar_units(held: Held, zone: ZoneInfo) -> Iterator[tuple[datetime, Resolution]]:
    """The stored units without those that begin before the end of the one before; of equal starts the longer."""
    covered = datetime.min.replace(tzinfo=UTC)
    order = np.lexsort((-held.resolutions, held.starts))
    for second, number in zip(held.starts[order].tolist(), held.resolutions[order].tolist(), strict=True):
        start, resolution = datetime.fromtimestamp(second, UTC), Resolution.from_id(number)
        if start >= covered:
            covered = resolution.step(start, 1, zone)
            yield start, resolution


def _steps(
    start: datetime, resolution: Resolution, until: datetime | None, interval: Interval, zone: ZoneInfo
) -> Iterator[tuple[int, int, int]]:
    """The units after a stored one that fit before the next, as start, end and resolution."""
    number, begin = 1, resolution.step(start, 1, zone)
    while begin < interval.end:
        number += 1
        end = resolution.step(start, number, zone)
        if until is not None and end > until:
            return
        if end > interval.start:
            yield int(begin.timestamp()), int(end.timestamp()), resolution.id
        begin = end


def assumed_grid(interval: Interval, resolution: Resolution, zone: ZoneInfo) -> Units:
    """The units of a resolution that overlap the interval, for a series of which nothing is known."""
    first = _aligned(interval.start, resolution, zone)
    bounds = resolution.starts(Interval(first, interval.end), zone)
    last = resolution.step(datetime.fromtimestamp(int(bounds[-1]), UTC), 1, zone)
    ends = np.append(bounds[1:], int(last.timestamp()))
    return Units(bounds, ends, np.full(len(bounds), resolution.id, np.int16))


def _aligned(instant: datetime, resolution: Resolution, zone: ZoneInfo) -> datetime:
    """The start of the unit that holds the instant: weeks begin on Monday, months and years on their first day."""
    if resolution.seconds:
        second = int(instant.timestamp())
        return datetime.fromtimestamp(second - second % resolution.seconds, UTC)
    day = local_day(instant, zone)
    if resolution is Resolution.P7D:
        day -= timedelta(days=day.weekday())
    elif resolution.months:
        day = date(day.year, (day.month - 1) // resolution.months * resolution.months + 1, 1)
    return midnight(day, zone)


def contiguous_runs(units: Units, labels: NDArray[Any]) -> Iterator[slice]:
    """Where adjacent units of one resolution bear the same label."""
    if not len(units):
        return
    broken = (units.starts[1:] != units.ends[:-1]) | (np.diff(units.resolutions) != 0) | (labels[1:] != labels[:-1])
    for begin, end in pairwise([0, *(np.flatnonzero(broken) + 1).tolist(), len(units)]):
        yield slice(begin, end)
