"""Rows as they came, aligned to regular grids: one a stretch of constant resolution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.quality.detectors.consistency import RelatedValues, heard
from app.quality.detectors.detect import detect
from app.quality.detectors.dst import resolve_clock_changes
from app.quality.detectors.related_series import Role
from app.quality.detectors.structure import Stamps
from app.quality.gate import CERTAIN
from app.quality.models import DAY, HOUR, DetectionResult, EvidenceRule, Series, SeriesKind
from app.timeseries.rolling import Flags, Values

RowNumbers = NDArray[np.intp]

LONGEST_STRETCH_OF_GAPS = 50
"""A grid with more places than this a row is no grid of these rows: they are taken one after the other."""
SHORTEST_STRETCH = 7 * DAY
SHORTEST_STRETCH_ROWS = 24


@dataclass(frozen=True, slots=True)
class Stretch:
    """RowNumbers that share a grid: which rows, and each one's place on it."""

    start: int
    step: int
    size: int
    rows: RowNumbers
    places: RowNumbers


def judge_rows(
    kind: SeriesKind, stamps: Stamps, values: Values, peers: Mapping[str, Values], *, local: bool, first: int = 0
) -> DetectionResult:
    """The verdict on every row from `first` on, in the rows' order.

    Of rows with the same stamp the first counts, the others are duplicates; `local` stamps may repeat one hour in
    autumn, which is then left unexamined. A row off the grid is flagged as such.
    """
    score, rules = np.zeros(len(stamps)), np.zeros(len(stamps), dtype="U20")
    repeated = repeated_hour(stamps) if local else np.zeros(len(stamps), dtype=bool)
    order = np.argsort(stamps, kind="stable")
    order = order[~repeated[order]]
    again = np.concatenate([[False], np.diff(stamps[order]) == 0])[: len(order)]
    _mark(score, rules, order[again], EvidenceRule.DUPLICATE)
    used = np.zeros(len(stamps), dtype=bool)
    for stretch in grid_runs(stamps, order[~again]):
        used[stretch.rows] = True
        series = _series(kind, stretch, values, peers)
        verdict = detect(series, _place(stretch, first))
        if not local:
            verdict = resolve_clock_changes(series, verdict)
        verdict, _ = heard(series, verdict, verdict.flags, _company(series))
        score[stretch.rows], rules[stretch.rows] = verdict.score[stretch.places], verdict.rule[stretch.places]
    _mark(score, rules, np.flatnonzero(~used & ~repeated & (rules == "")), EvidenceRule.OFF_GRID)
    return DetectionResult(score, rules)


def _place(stretch: Stretch, row: int) -> int:
    """Where the rows from one on begin on the grid of a stretch."""
    wanted = stretch.places[stretch.rows >= row]
    return int(wanted.min()) if len(wanted) else stretch.size


def _mark(score: Values, rules: NDArray[np.str_], rows: RowNumbers, rule: EvidenceRule) -> None:
    score[rows], rules[rows] = CERTAIN, rule


def _series(kind: SeriesKind, stretch: Stretch, values: Values, peers: Mapping[str, Values]) -> Series:
    def on_grid(column: Values) -> Values:
        gridded = np.full(stretch.size, np.nan)
        gridded[stretch.places] = column[stretch.rows]
        return gridded

    return Series(
        kind, stretch.start, stretch.step, on_grid(values), {name: on_grid(column) for name, column in peers.items()}
    )


def _company(series: Series) -> RelatedValues:
    """The peers that a scan hears beside the detectors."""
    return {Role.OPPOSITE: {name: peer for name, peer in series.peers.items() if name.startswith("opposite")}}


def repeated_hour(stamps: Stamps) -> Flags:
    """The second run through the hour that local clocks repeat on a Sunday in October or November."""
    repeated = np.zeros(len(stamps), dtype=bool)
    for row in np.flatnonzero(np.diff(stamps) <= 0) + 1:
        step = int(stamps[row - 1] - stamps[row - 2]) if row >= 2 else 0
        count = HOUR // step if step > 0 and HOUR % step == 0 else 1
        again = slice(row, row + count)
        before = stamps[max(0, row - count) : row]
        if _is_autumn_sunday(int(stamps[row])) and np.array_equal(stamps[again], before):
            repeated[again] = True
    return repeated


def _is_autumn_sunday(stamp: int) -> bool:
    day = datetime.fromtimestamp(stamp, UTC)
    return day.month in {10, 11} and day.isoweekday() == 7


def grid_runs(stamps: Stamps, rows: RowNumbers) -> Iterator[Stretch]:
    """The grids on which rows of increasing stamps lie; rows between grids belong to none."""
    edges = [0, *_changes_of_step(stamps[rows]), len(rows)]
    for first, end in pairwise(edges):
        if end > first:
            yield _stretch(stamps, rows[first:end])


def _changes_of_step(stamps: Stamps) -> list[int]:
    """Where a constant step of at least a week gives way to another."""
    steps = np.diff(stamps)
    if not len(steps):
        return []
    firsts = np.flatnonzero(np.concatenate([[True], steps[1:] != steps[:-1]]))
    counts = np.diff(np.concatenate([firsts, [len(steps)]]))
    lasting = (counts * steps[firsts] >= SHORTEST_STRETCH) & (counts >= SHORTEST_STRETCH_ROWS)
    firsts = firsts[lasting]
    if not len(firsts):
        return []
    changed = np.concatenate([[False], steps[firsts[1:]] != steps[firsts[:-1]]])
    return [int(first) for first in firsts[changed]]


def _stretch(stamps: Stamps, rows: RowNumbers) -> Stretch:
    """The grid of the most frequent step and phase; calendar steps and scattered stamps count one after the other."""
    own = stamps[rows]
    step = _most_frequent(np.diff(own)) if len(own) > 1 else HOUR
    start = int(own[0])
    if step >= DAY or (own[-1] - start) // step > LONGEST_STRETCH_OF_GAPS * len(own):
        return Stretch(start, step, len(rows), rows, np.arange(len(rows)))
    phase = _most_frequent((own - start) % step)
    on_grid = (own - start) % step == phase
    places = (own[on_grid] - own[on_grid][0]) // step
    return Stretch(int(own[on_grid][0]), step, int(places[-1]) + 1, rows[on_grid], places)


def _most_frequent(numbers: Stamps) -> int:
    found, counts = np.unique(numbers, return_counts=True)
    return int(found[np.argmax(counts)])
