"""Scores of a series and day: four dimensions from 0 to 100, each from its counts, and their weighted mean.

A dimension that examined nothing is absent, and the weights of the others are taken alone: what nobody looked at is
neither good nor bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from enum import StrEnum


class Dimension(StrEnum):
    """What a score is about; the order is that of weights."""

    COMPLETENESS = "completeness"
    TIMELINESS = "timeliness"
    VALIDITY = "validity"
    ACCURACY = "accuracy"


Weights = tuple[float, float, float, float]
"""Of completeness, timeliness, validity and accuracy."""

DEFAULT_WEIGHTS: Weights = (40.0, 20.0, 20.0, 20.0)


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """What was looked at on one day.

    `expected` market time units are `stored` or missing for one of four reasons. Of `timed` values the moment of
    publication is known, `on_time` of them met their deadline; `violating` of `checked` values break a hard rule,
    `flagged` of `examined` values are implausible.
    """

    expected: int = 0
    stored: int = 0
    ours: int = 0
    missing_at_source: int = 0
    late: int = 0
    not_due: int = 0
    timed: int = 0
    on_time: int = 0
    checked: int = 0
    violating: int = 0
    examined: int = 0
    flagged: int = 0

    @property
    def due(self) -> int:
        """Units that have to be there by now; those that are there before they are due count as well."""
        return self.expected - self.not_due

    @property
    def watched(self) -> bool:
        """Whether the publication of most values was timed; few timed values say nothing about the others."""
        return 2 * self.timed > max(self.due, self.checked)

    @property
    def scored(self) -> ScoreCounts:
        """The counts that make the score of a day: publications count only where most were watched."""
        return self if self.watched else replace(self, timed=0, on_time=0)

    @property
    def empty(self) -> bool:
        """Whether the day says nothing at all."""
        return not (self.due or self.timed or self.checked or self.examined)


@dataclass(frozen=True, slots=True)
class Score:
    """0 to 100 each; None where nothing was examined."""

    completeness: float | None
    timeliness: float | None
    validity: float | None
    accuracy: float | None
    overall: float | None

    @property
    def dimensions(self) -> tuple[float | None, ...]:
        return self.completeness, self.timeliness, self.validity, self.accuracy


@dataclass(frozen=True, slots=True)
class DayScore:
    """The counts of a series on a delivery day, and what they come to."""

    day: date
    day_start: datetime
    counts: ScoreCounts
    weights: Weights

    @property
    def score(self) -> Score:
        return score(self.counts, self.weights)


def score(counts: ScoreCounts, weights: Weights = DEFAULT_WEIGHTS) -> Score:
    """The score that the counts of a day come to; timeliness only where most values of the day were watched."""
    return score_of_sum(counts.scored, weights)


def summed(counts: Sequence[ScoreCounts]) -> ScoreCounts:
    """The counts of several days or series together; those of a day as they are `scored`."""
    return ScoreCounts(**{field.name: sum(getattr(one, field.name) for one in counts) for field in fields(ScoreCounts)})


def score_of_sum(counts: ScoreCounts, weights: Weights = DEFAULT_WEIGHTS) -> Score:
    """The score that summed counts come to; days that were not watched are no part of its timeliness."""
    parts = (
        _share(counts.stored, counts.due),
        _share(counts.on_time, counts.timed),
        _share(counts.checked - counts.violating, counts.checked),
        _share(counts.examined - counts.flagged, counts.examined),
    )
    return Score(*parts, overall=weighted_mean(parts, weights))


def _share(good: int, all_of_them: int) -> float | None:
    return 100.0 * good / all_of_them if all_of_them else None


def weighted_mean(parts: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """The mean of the parts that are there; None where none of them weighs anything."""
    present = [(part, weight) for part, weight in zip(parts, weights, strict=True) if part is not None and weight > 0]
    if not present:
        return None
    total = sum(weight for _, weight in present)
    mean = sum(part * (weight / total) for part, weight in present)
    # Rounding must not lift the mean of equal parts above or below them.
    return min(max(mean, min(part for part, _ in present)), max(part for part, _ in present))
