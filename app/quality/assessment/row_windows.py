"""Many rows judged piece by piece, so that a file of millions takes little memory: each with what came before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.quality.assessment.regular_grid import judge_rows, repeated_hour
from app.quality.detectors.structure import Stamps
from app.quality.models import DAY, HOUR, DetectionResult, EvidenceRule, SeriesKind
from app.timeseries.rolling import Flags, Values

MOST_ROWS = 200_000
"""Judged together, the rows before them included."""
REFERENCE = 56 * DAY
"""What habits are learned from lies so long before the first row that is judged, as in a scan of stored series."""
PHASE = 28 * DAY
"""What is looked at begins at multiples of this, so that verdicts do not depend on where rows are parted."""
LEAST_NEW_ROWS = MOST_ROWS // 4

RULES = tuple(EvidenceRule)
NAMES = np.array([rule.value for rule in RULES])
BELOW_ALARM = np.nextafter(np.float32(1), np.float32(0))


@dataclass(frozen=True, slots=True, eq=False)
class RowVerdicts:
    """Per row the score and the number of the rule in `RULES`: five bytes in the place of ninety."""

    score: NDArray[np.float32]
    codes: NDArray[np.uint8]

    @classmethod
    def nothing(cls, size: int) -> RowVerdicts:
        return cls(np.zeros(size, np.float32), np.zeros(size, np.uint8))

    def keep(self, rows: slice | NDArray[np.int32], verdict: DetectionResult, new: slice) -> None:
        """Take over what was found of the `new` ones of the rows that were judged."""
        score = verdict.score[new].astype(np.float32)
        self.score[rows] = np.where(verdict.score[new] >= 1.0, score, np.minimum(score, BELOW_ALARM))
        self.codes[rows] = _codes(verdict.rule[new])

    @property
    def flags(self) -> Flags:
        return self.score >= 1.0

    @property
    def rule(self) -> NDArray[np.str_]:
        return NAMES[self.codes]

    def is_shift(self) -> Flags:
        shifts = [RULES.index(rule) for rule in (EvidenceRule.SHIFT, EvidenceRule.PEER_SHIFT)]
        return np.isin(self.codes, np.array(shifts, np.uint8))


def _codes(rules: NDArray[np.str_]) -> NDArray[np.uint8]:
    codes = np.zeros(len(rules), np.uint8)
    places = np.flatnonzero(rules != "")
    codes[places] = [RULES.index(EvidenceRule(rule)) for rule in rules[places].tolist()]
    return codes


def judge_all_rows(
    kind: SeriesKind, stamps: Stamps, values: Values, peers: Mapping[str, Values], *, local: bool
) -> RowVerdicts:
    """As `judge_rows`, however many rows there are."""
    found = RowVerdicts.nothing(len(stamps))
    order = _order(stamps)
    for window in _windows(stamps, order):
        rows = window.all if order is None else order[window.all]
        columns = {name: column[rows] for name, column in peers.items()}
        verdict = judge_rows(kind, stamps[rows], values[rows], columns, local=local, first=window.place.start)
        found.keep(window.new if order is None else order[window.new], verdict, window.place)
    return found


def judge_unclear_rows(
    kind: SeriesKind, stamps: Stamps, values: Values, peers: Mapping[str, Values]
) -> tuple[RowVerdicts, int | None]:
    """The verdict on rows whose stamps may be local or UTC, and when the clocks changed that told them apart.

    Habits that move by an hour when clocks change are those of people, and the stamps are UTC.
    """
    verdict = judge_all_rows(kind, stamps, values, peers, local=True)
    shifted = verdict.is_shift()
    if not shifted.any() or repeated_hour(stamps).any():
        return verdict, None
    as_utc = judge_all_rows(kind, stamps, values, peers, local=False)
    explained = shifted & ~as_utc.flags
    if 2 * explained.sum() < shifted.sum():
        return verdict, None
    return as_utc, int(stamps[explained].min())


@dataclass(frozen=True, slots=True)
class RowWindow:
    """Rows that are judged together: the `new` ones, and those before them that habits are learned from."""

    begin: int
    first: int
    end: int

    @property
    def all(self) -> slice:
        return slice(self.begin, self.end)

    @property
    def new(self) -> slice:
        return slice(self.first, self.end)

    @property
    def place(self) -> slice:
        """Of the new rows within all of them."""
        return slice(self.first - self.begin, self.end - self.begin)


def _order(stamps: Stamps) -> NDArray[np.int32] | None:
    """The rows by stamp; None where they stand so, but for the hour that local clocks repeat."""
    back = np.flatnonzero(stamps[1:] < stamps[:-1])
    if not len(back) or (len(stamps) <= MOST_ROWS or (stamps[back] - stamps[back + 1]).max() <= HOUR):
        return None
    return np.argsort(stamps, kind="stable").astype(np.int32)


def _windows(stamps: Stamps, order: NDArray[np.int32] | None) -> Iterator[RowWindow]:
    size, first = len(stamps), 0
    if size <= MOST_ROWS:
        yield RowWindow(0, 0, size)
        return
    ordered = stamps if order is None else stamps[order]
    origin = int(ordered[0])
    while first < size:
        phases = max(0, (int(ordered[first]) - REFERENCE - origin) // PHASE)
        begin = int(np.searchsorted(ordered[:first], origin + phases * PHASE))
        end = min(size, max(begin + MOST_ROWS, first + LEAST_NEW_ROWS))
        yield RowWindow(begin, first, end)
        first = end
