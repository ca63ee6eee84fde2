"""A report of quality for programs: keys stay, times are ISO 8601 in UTC, scores are unrounded."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from app.quality.schemas import ScoreCountsResource, ScoreFigures
from app.reporting.quality.document import GroupScore, QualityReport, SeriesScore
from app.schemas import CalendarDay, FreeForm, Instant, Resource


class GroupName(Resource):
    """An area and item, and the number of its series."""

    area: str
    item: str
    series: int


class GroupScoreResource(ScoreFigures, GroupName):
    """All series of one area and item together."""

    counts: ScoreCountsResource

    @classmethod
    def of_group(cls, group: GroupScore) -> Self:
        return cls(
            area=group.area,
            item=group.item,
            series=group.series,
            **dict(ScoreFigures.model_validate(group.score)),
            counts=ScoreCountsResource.model_validate(group.counts),
        )


class DayScoreResource(Resource):
    """The overall score of a day."""

    day: CalendarDay
    overall: float


class SeriesName(Resource):
    """A series; `series` is what tells it from the others of its area and item."""

    series_id: int
    area: str
    item: str
    series: str


class SeriesScoreResource(ScoreFigures, SeriesName):
    """A series over the interval."""

    counts: ScoreCountsResource
    days: list[DayScoreResource]

    @classmethod
    def of_series(cls, scored: SeriesScore) -> Self:
        return cls(
            series_id=scored.series_id,
            area=scored.area,
            item=scored.item,
            series=scored.name,
            **dict(ScoreFigures.model_validate(scored.score)),
            counts=ScoreCountsResource.model_validate(scored.counts),
            days=[DayScoreResource(day=day, overall=overall) for day, overall in scored.days],
        )


class DelayResource(Resource):
    """How late the values of a series appeared, in seconds after their deadline; negative is before it."""

    title: str
    examined: int
    late: int
    unusual: int
    median: float
    q90: float
    q99: float
    greatest: float


class ReportedSeries(Resource):
    """The series that something was found out about."""

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


class FindingIdentity(Resource):
    """The number of a finding."""

    finding_id: int


class ReportedFindingResource(ReportedSeries, FindingIdentity):
    """A finding, flat as in the view `v_quality_findings`."""

    dimension: str
    rule: str
    interval_start: Instant
    interval_end: Instant
    affected: int
    score: float
    severity: str
    state: str
    evidence: FreeForm
    first_seen: Instant
    last_seen: Instant
    state_since: Instant
    note: str
    noted_by: str
    attempts: int
    next_attempt_at: Instant | None


class ReportedTrendResource(ReportedSeries):
    """A degrading series, flat as in the view `v_quality_trends`."""

    week: CalendarDay
    weeks: int
    score: float
    slope: float
    p_value: float
    drop_points: float
    degrading: bool
    computed_at: Instant


class QualityReportResource(Resource):
    """Everything that a report of quality tells about an interval."""

    start: Instant = Field(serialization_alias="from")
    end: Instant = Field(serialization_alias="to")
    made_at: Instant
    synthetic: bool
    score: ScoreFigures
    groups: list[GroupScoreResource]
    series: list[SeriesScoreResource]
    delays: list[DelayResource]
    findings: list[ReportedFindingResource]
    trends: list[ReportedTrendResource]

    @classmethod
    def of(cls, report: QualityReport) -> Self:
        return cls(
            start=report.interval.start,
            end=report.interval.end,
            made_at=report.made_at,
            synthetic=report.synthetic,
            score=ScoreFigures.model_validate(report.score),
            groups=[GroupScoreResource.of_group(group) for group in report.groups],
            series=[SeriesScoreResource.of_series(scored) for scored in report.series],
            delays=[DelayResource.model_validate(delay) for delay in report.delays],
            findings=[ReportedFindingResource.model_validate(finding) for finding in report.findings],
            trends=[ReportedTrendResource.model_validate(trend) for trend in report.trends],
        )
