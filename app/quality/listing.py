"""Scores, findings and trends as people list them: with the series that they are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from app.market.series import distinguishing_name
from app.quality.scoring import ScoreCounts

_COUNTS = tuple(field.name for field in fields(ScoreCounts))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSeries:
    """The series that something was found out about; `area` is its short code, `area_eic` as the source names it."""

    series_id: int
    source: str
    item: str
    area: str
    area_eic: str
    direction: str
    psr_type: str
    business_type: str
    contract: str
    sequence: str
    flow_direction: str
    category: str
    unit_eic: str

    @property
    def name(self) -> str:
        """What tells it from the others of its item and area; "" for the only one."""
        return distinguishing_name(self)

    @property
    def title(self) -> str:
        return " ".join(filter(None, (self.area, self.item, self.name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedScore(ListedSeries):
    """The score of a series on a delivery day and the counts behind it; None where nothing was examined."""

    day: date
    day_start: datetime
    completeness: float | None
    timeliness: float | None
    validity: float | None
    accuracy: float | None
    overall: float | None
    expected: int
    stored: int
    ours: int
    missing_at_source: int
    late: int
    not_due: int
    timed: int
    on_time: int
    checked: int
    violating: int
    examined: int
    flagged: int
    weights: list[float]
    scored_at: datetime

    @property
    def counts(self) -> ScoreCounts:
        return ScoreCounts(**{name: getattr(self, name) for name in _COUNTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class SummedScores(ListedSeries):
    """The counts of a series over several days together, and the overall score of each day that has one."""

    counts: ScoreCounts
    days: tuple[tuple[date, float], ...]

    @classmethod
    def of(cls, row: Any) -> SummedScores:
        """Of a row with the names of its series, its counts, and `overalls` beside `days`."""
        return cls(
            **{field.name: row[field.name] for field in fields(ListedSeries)},
            counts=ScoreCounts(**{name: row[name] for name in _COUNTS}),
            days=tuple(zip(row["days"], row["overalls"], strict=True)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFinding(ListedSeries):
    """What is wrong with values of a series, and what became of it."""

    finding_id: int
    dimension: str
    rule: str
    interval_start: datetime
    interval_end: datetime
    affected: int
    score: float
    severity: str
    state: str
    evidence: Mapping[str, Any]
    first_seen: datetime
    last_seen: datetime
    state_since: datetime
    note: str
    noted_by: str
    attempts: int
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTrend(ListedSeries):
    """How the score of a series went over the weeks up to `week`, a Monday."""

    week: date
    weeks: int
    score: float
    slope: float
    p_value: float
    drop_points: float
    degrading: bool
    computed_at: datetime
