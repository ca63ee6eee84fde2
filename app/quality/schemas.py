"""Scores, findings and scans as programs read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, RootModel, StringConstraints

from app.quality.listing import ListedFinding, ListedScore
from app.schemas import CalendarDay, FreeForm, Instant, RequestBody, Resource
from app.timeseries.schemas import SeriesIdentity

if TYPE_CHECKING:
    from app.quality.detectors.structure import Structure
    from app.quality.scan import ScanReport


class ScoreFigures(Resource):
    """0 to 100 each; null where nothing was examined."""

    completeness: float | None
    timeliness: float | None
    validity: float | None
    accuracy: float | None
    overall: float | None


class ScoreCountsResource(Resource):
    """The counts behind a score."""

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


class ScoredDay(Resource):
    """A series and one of its delivery days."""

    series_id: int
    item: str
    area: str
    series: SeriesIdentity
    day: CalendarDay
    day_start: Instant


class ScoreResource(ScoreCountsResource, ScoreFigures, ScoredDay):
    """The score of a series on a delivery day and the counts behind it."""

    weights: list[float]
    scored_at: Instant

    @classmethod
    def of(cls, score: ListedScore) -> Self:
        return cls(
            series=SeriesIdentity.model_validate(score),
            **{name: getattr(score, name) for name in cls.model_fields if name != "series"},
        )


class FindingResource(Resource):
    """What is wrong with values of a series, the evidence, and what became of it."""

    id: int
    series_id: int
    item: str
    area: str
    series: SeriesIdentity
    dimension: str
    rule: str
    severity: str
    state: str
    affected: int
    score: float
    evidence: FreeForm
    start: Instant = Field(serialization_alias="from")
    end: Instant = Field(serialization_alias="to")
    first_seen: Instant
    last_seen: Instant
    state_since: Instant
    next_attempt_at: Instant | None
    note: str
    noted_by: str
    attempts: int

    @classmethod
    def of(cls, finding: ListedFinding) -> Self:
        return cls(
            id=finding.finding_id,
            series_id=finding.series_id,
            item=finding.item,
            area=finding.area,
            series=SeriesIdentity.model_validate(finding),
            dimension=finding.dimension,
            rule=finding.rule,
            severity=finding.severity,
            state=finding.state,
            affected=finding.affected,
            score=finding.score,
            evidence=finding.evidence,
            start=finding.interval_start,
            end=finding.interval_end,
            first_seen=finding.first_seen,
            last_seen=finding.last_seen,
            state_since=finding.state_since,
            next_attempt_at=finding.next_attempt_at,
            note=finding.note,
            noted_by=finding.noted_by,
            attempts=finding.attempts,
        )


class FindingCounts(RootModel[dict[str, int]]):
    """How many findings are in which state; states without any are left out."""


class AcceptanceBody(RequestBody):
    """Why the values of a finding are right."""

    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)] = Field(
        description="Why the values are right.", examples=["a strike"]
    )


class ScanResource(Resource):
    """What a scan did."""

    series: int
    examined: int
    scores_written: int
    findings_written: int

    @classmethod
    def of(cls, report: ScanReport) -> Self:
        return cls(
            series=report.series,
            examined=report.examined,
            scores_written=report.scores,
            findings_written=report.findings,
        )


class RecheckedFindingResource(Resource):
    """What another look at a finding came to; `finding` is null where it became part of another one."""

    finding: FindingResource | None
    scan: ScanResource

    @classmethod
    def of_one(cls, finding: ListedFinding | None, report: ScanReport) -> Self:
        return cls(finding=None if finding is None else FindingResource.of(finding), scan=ScanResource.of(report))


class NightlyScanResource(ScanResource):
    """What a scan of everything did, with the comparison of the weeks."""

    degrading_series: int

    @classmethod
    def of_night(cls, report: ScanReport, degrading: int) -> Self:
        return cls(**dict(ScanResource.of(report)), degrading_series=degrading)


class StructureResource(Resource):
    """How the stamps of a file differ from the expected ones; of each gap the first missing stamp and their number."""

    n_expected: int
    n_missing: int
    n_duplicates: int
    n_offgrid: int
    n_outside: int
    n_unsorted: int
    gaps: list[tuple[str, int]]

    @classmethod
    def of(cls, structure: Structure, written: Callable[[int], str]) -> Self:
        """`written` is how the file writes a stamp."""
        figures = {name: getattr(structure, name) for name in cls.model_fields if name != "gaps"}
        return cls(**figures, gaps=[(written(stamp), count) for stamp, count in structure.gaps])
