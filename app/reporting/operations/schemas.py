"""A daily or weekly report for programs: keys stay, each figure names its unit, instants are UTC. docs/reports.md has all."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from app.monitoring.models import Objective, PairTotals, RunTotals
from app.reporting.operations.models import (
    HEADLINES,
    Advice,
    Day,
    GapFlow,
    Headline,
    Late,
    LatePair,
    OperationsReport,
    Quality,
    Reaction,
    RuleNoise,
    change,
    percent,
    place_name,
    slowest_items,
)
from app.reporting.periods import Period
from app.schemas import CalendarDay, Instant, Resource


class PeriodResource(Resource):
    """A day or week of the market."""

    name: str
    first_day: CalendarDay
    last_day: CalendarDay
    start: Instant = Field(serialization_alias="from")
    end: Instant = Field(serialization_alias="to")

    @classmethod
    def of(cls, period: Period) -> Self:
        return cls(
            name=period.name,
            first_day=period.first,
            last_day=period.last,
            start=period.interval.start,
            end=period.interval.end,
        )


class HeadlineResource(Resource):
    """A figure, the same of the period before, and how far it moved; null where one is unknown."""

    value: int | float | None
    before: int | float | None
    change: int | float | None

    @classmethod
    def of(cls, headline: Headline, report: OperationsReport) -> Self:
        now, before = headline.of(report.now), None if report.before.empty else headline.of(report.before)
        return cls(value=now, before=before, change=change(now, before))


class AdviceResource(Resource):
    """What to do, and the rule that says so."""

    rule: str
    text: str

    @classmethod
    def of(cls, advice: Advice) -> Self:
        return cls.model_validate(advice)


class ObjectiveFigures(Resource):
    """How a share of good ones stands against its target; null without anything to judge."""

    target_percent: float | None
    share_percent: float | None
    good_count: int
    total_count: int
    met: bool

    @classmethod
    def of(cls, objective: Objective) -> Self:
        return cls(
            target_percent=percent(objective.target) if objective.total else None,
            share_percent=percent(objective.share),
            good_count=objective.good,
            total_count=objective.total,
            met=objective.met,
        )


class ObjectivesResource(Resource):
    """The objectives in the period, and over the 30 days up to its end."""

    availability: ObjectiveFigures
    availability_30d: ObjectiveFigures
    reliability_30d: ObjectiveFigures


class RunFigures(Resource):
    """Runs added up."""

    runs_count: int
    failed_runs_count: int
    success_percent: float | None
    received_values_count: int
    new_values_count: int
    revised_values_count: int
    rejected_values_count: int
    requests_count: int
    retries_count: int
    downloaded_bytes: int
    p50_response_seconds: float | None
    p95_response_seconds: float | None
    p99_response_seconds: float | None

    @classmethod
    def of_runs(cls, totals: RunTotals) -> Self:
        return cls(
            runs_count=totals.runs,
            failed_runs_count=totals.failed,
            success_percent=percent(totals.success_rate),
            received_values_count=totals.received,
            new_values_count=totals.new,
            revised_values_count=totals.revised,
            rejected_values_count=totals.rejected,
            requests_count=totals.requests,
            retries_count=totals.retries,
            downloaded_bytes=totals.bytes,
            p50_response_seconds=totals.p50,
            p95_response_seconds=totals.p95,
            p99_response_seconds=totals.p99,
        )


class PairName(Resource):
    """An item and area."""

    item: str
    area: str
    area_eic: str


class PairFigures(RunFigures, PairName):
    """The runs of an item and area."""

    @classmethod
    def of(cls, pair: PairTotals) -> Self:
        runs = RunFigures.of_runs(pair.totals)
        return cls(item=pair.item, area=place_name(pair.area), area_eic=pair.area, **dict(runs))


class ItemName(Resource):
    """An item."""

    item: str


class ItemFigures(RunFigures, ItemName):
    """The runs of an item over all areas."""

    @classmethod
    def of(cls, item: str, totals: RunTotals) -> Self:
        return cls(item=item, **dict(RunFigures.of_runs(totals)))


class LatePairResource(PairName):
    """Late values of an item and area."""

    values_count: int
    longest_seconds: float

    @classmethod
    def of(cls, pair: LatePair) -> Self:
        return cls(
            item=pair.item,
            area=place_name(pair.area),
            area_eic=pair.area,
            values_count=pair.values,
            longest_seconds=pair.longest_seconds,
        )


class LateResource(Resource):
    """All late values."""

    values_count: int
    median_seconds: float | None
    longest_seconds: float | None
    pairs: list[LatePairResource]

    @classmethod
    def of(cls, late: Late) -> Self:
        return cls(
            values_count=late.values,
            median_seconds=late.median_seconds,
            longest_seconds=late.longest_seconds,
            pairs=[LatePairResource.of(pair) for pair in late.pairs],
        )


class GapFlowResource(Resource):
    """Gaps and values of one reason that began to be missing or came, and what changed its reason to or from it."""

    reason: str
    opened_gaps_count: int
    opened_values_count: int
    closed_gaps_count: int
    closed_values_count: int
    gained_values_count: int
    lost_values_count: int
    open_values_count: int
    oldest_seconds: float | None

    @classmethod
    def of(cls, flow: GapFlow) -> Self:
        return cls(
            reason=flow.reason,
            opened_gaps_count=flow.opened_gaps,
            opened_values_count=flow.opened_values,
            closed_gaps_count=flow.closed_gaps,
            closed_values_count=flow.closed_values,
            gained_values_count=flow.gained_values,
            lost_values_count=flow.lost_values,
            open_values_count=flow.open_values,
            oldest_seconds=flow.oldest_seconds,
        )


class RuleNoiseResource(Resource):
    """How often alerts of a rule fired, and how often people were notified."""

    rule: str
    fired_count: int
    notifications_count: int

    @classmethod
    def of(cls, noise: RuleNoise) -> Self:
        return cls(rule=noise.rule, fired_count=noise.fired, notifications_count=noise.notified)


class ReactionResource(Resource):
    """How people reacted to alerts."""

    acknowledged_count: int
    median_acknowledge_seconds: float | None
    longest_acknowledge_seconds: float | None
    resolved_count: int
    median_resolve_seconds: float | None
    longest_resolve_seconds: float | None
    firing_count: int
    unacknowledged_count: int
    undelivered_messages_count: int

    @classmethod
    def of(cls, reaction: Reaction) -> Self:
        return cls(
            acknowledged_count=reaction.acknowledged,
            median_acknowledge_seconds=reaction.median_acknowledge,
            longest_acknowledge_seconds=reaction.longest_acknowledge,
            resolved_count=reaction.resolved,
            median_resolve_seconds=reaction.median_resolve,
            longest_resolve_seconds=reaction.longest_resolve,
            firing_count=reaction.firing,
            unacknowledged_count=reaction.unacknowledged,
            undelivered_messages_count=reaction.undelivered,
        )


class WorstSeriesResource(Resource):
    """A series that scored badly."""

    series_id: int
    series: str
    score_points: float | None


class QualityFigures(Resource):
    """The scores of the delivery days of the period."""

    score_points: float | None
    series_count: int
    watched_values_count: int
    on_time_values_count: int
    worst: list[WorstSeriesResource]

    @classmethod
    def of(cls, quality: Quality) -> Self:
        return cls(
            score_points=quality.score,
            series_count=quality.series,
            watched_values_count=quality.timed,
            on_time_values_count=quality.on_time,
            worst=[
                WorstSeriesResource(series_id=one.series_id, series=one.title, score_points=one.score.overall)
                for one in quality.worst
            ],
        )


class DayName(Resource):
    """A local day."""

    day: CalendarDay


class DayFigures(RunFigures, DayName):
    """One local day on the way to the end of the period."""

    open_gap_values_count: int
    alerts_fired_count: int

    @classmethod
    def of(cls, day: Day) -> Self:
        runs = RunFigures.of_runs(day.totals)
        return cls(day=day.day, **dict(runs), open_gap_values_count=day.overdue, alerts_fired_count=day.fired)


class OperationsReportResource(Resource):
    """A whole report."""

    report: str
    time_zone: str
    period: PeriodResource
    period_before: PeriodResource
    complete: bool
    empty: bool
    made_at: Instant
    synthetic: bool
    headline: dict[str, HeadlineResource]
    recommendations: list[AdviceResource]
    objectives: ObjectivesResource
    pairs: list[PairFigures]
    items: list[ItemFigures]
    late: LateResource
    gaps: list[GapFlowResource]
    gaps_recorded_since: Instant | None
    rules: list[RuleNoiseResource]
    reaction: ReactionResource
    quality: QualityFigures
    days: list[DayFigures]

    @classmethod
    def of(cls, report: OperationsReport) -> Self:
        now = report.now
        return cls(
            report=report.period.kind,
            time_zone="Europe/Brussels",
            period=PeriodResource.of(report.period),
            period_before=PeriodResource.of(report.period.before),
            complete=report.complete,
            empty=now.empty,
            made_at=report.made_at,
            synthetic=report.synthetic,
            headline={one.key: HeadlineResource.of(one, report) for one in HEADLINES},
            recommendations=[AdviceResource.of(one) for one in report.advice],
            objectives=ObjectivesResource(
                availability=ObjectiveFigures.of(now.served),
                availability_30d=ObjectiveFigures.of(now.availability_30d),
                reliability_30d=ObjectiveFigures.of(now.reliability_30d),
            ),
            pairs=[PairFigures.of(pair) for pair in now.pairs],
            items=[ItemFigures.of(item, totals) for item, totals in slowest_items(now)],
            late=LateResource.of(now.late),
            gaps=[GapFlowResource.of(flow) for flow in now.gaps],
            gaps_recorded_since=report.gaps_recorded_since,
            rules=[RuleNoiseResource.of(noise) for noise in now.rules],
            reaction=ReactionResource.of(now.reaction),
            quality=QualityFigures.of(now.quality),
            days=[DayFigures.of(day) for day in report.days],
        )
