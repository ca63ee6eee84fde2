"""Scores of many series together: of a week against the one before, and day by day. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.quality.scoring import Score, ScoreCounts, Weights, score_of_sum, summed

DAYS = 42
WEEK = timedelta(days=7)


class Grouped(StrEnum):
    """What the series of a group have in common."""

    ALL = "all"
    ITEM = "item"
    AREA = "area"


@dataclass(frozen=True, slots=True)
class GroupDay:
    """The counts of all series of a group on a day."""

    grouped: Grouped
    name: str
    day: date
    series: int
    counts: ScoreCounts


@dataclass(frozen=True, slots=True)
class GroupScores:
    """A group: the last seven days, the seven before, and each day from the first to the last, None where none is known."""

    grouped: Grouped
    name: str
    series: int
    score: Score
    before: Score
    days: tuple[Score | None, ...]

    def way(self, name: str) -> list[float | None]:
        """The score of a dimension, or the overall one, day by day."""
        return [None if one is None else getattr(one, name) for one in self.days]

    @property
    def change(self) -> float | None:
        """Points that were won or lost against the week before."""
        now, then = self.score.overall, self.before.overall
        return None if now is None or then is None else now - then


@dataclass(frozen=True, slots=True)
class SeriesWeek:
    """A series over the last seven days."""

    series_id: int
    item: str
    area: str
    name: str
    score: Score

    @property
    def title(self) -> str:
        return " ".join(filter(None, (self.area, self.item, self.name)))


@dataclass(frozen=True, slots=True)
class FallingSeries:
    """A series whose scores fall beyond chance: points lost, and points a week."""

    series_id: int
    title: str
    week: date
    score: float
    drop_points: float
    slope: float


@dataclass(frozen=True, slots=True)
class QualitySummary:
    """What there is to say of all series up to the day `last`."""

    first: date
    last: date
    groups: tuple[GroupScores, ...]
    worst: tuple[SeriesWeek, ...]
    falling: tuple[FallingSeries, ...]
    findings: dict[tuple[str, str], int]
    """How many there are of each state and severity."""

    def of(self, grouped: Grouped) -> list[GroupScores]:
        return [one for one in self.groups if one.grouped is grouped]

    def found(self, state: str, severity: str | None = None) -> int:
        """How many findings are in a state."""
        return sum(
            count
            for (of_state, of_severity), count in self.findings.items()
            if of_state == state and severity in (None, of_severity)
        )


def scores_of_groups(rows: Iterable[GroupDay], first: date, last: date, weights: Weights) -> list[GroupScores]:
    """A line for each group, the worst first within its kind."""
    grouped: dict[tuple[Grouped, str], list[GroupDay]] = {}
    for row in rows:
        grouped.setdefault((row.grouped, row.name), []).append(row)
    found = [
        _group(kind, name, days, first=first, last=last, weights=weights) for (kind, name), days in grouped.items()
    ]
    order = list(Grouped)
    return sorted(
        found,
        key=lambda one: (
            order.index(one.grouped),
            one.score.overall if one.score.overall is not None else 101.0,
            one.name,
        ),
    )


def _group(
    kind: Grouped, name: str, rows: Sequence[GroupDay], *, first: date, last: date, weights: Weights
) -> GroupScores:
    by_day = {row.day: row for row in rows}
    length = (last - first).days + 1
    days = [by_day.get(first + timedelta(days=number)) for number in range(length)]

    def between(begin: date, end: date) -> Score:
        return score_of_sum(summed([row.counts for row in rows if begin < row.day <= end]), weights)

    return GroupScores(
        kind,
        name,
        max(row.series for row in rows),
        between(last - WEEK, last),
        between(last - 2 * WEEK, last - WEEK),
        tuple(None if row is None else score_of_sum(row.counts, weights) for row in days),
    )
