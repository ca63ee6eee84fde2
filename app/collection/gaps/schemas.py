"""Gaps and coverage as programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field

from app.collection.gaps.coverage import Cell, hours_missing
from app.collection.gaps.windows import Gap
from app.collection.models import CollectionRun
from app.collection.schemas import AskedWindowResource
from app.schemas import CalendarDay, Instant, Resource
from app.timeseries.schemas import SeriesIdentity


class GapResource(Resource):
    """Adjacent units without a value, for one reason; `series` is null where none is known in that time."""

    item: str
    area: str
    series: SeriesIdentity | None
    start: Instant = Field(serialization_alias="from")
    end: Instant = Field(serialization_alias="to")
    resolution: str
    missing: int
    reason: str
    due: Instant
    asked: int
    answers: int
    evidence: str
    last_asked: Instant | None
    next_ask: Instant

    @classmethod
    def of(cls, gap: Gap) -> Self:
        return cls(
            item=gap.item,
            area=gap.place.code,
            series=SeriesIdentity.model_validate(gap.series_key) if gap.series_key else None,
            start=gap.interval.start,
            end=gap.interval.end,
            resolution=gap.resolution.code,
            missing=gap.missing,
            reason=gap.reason,
            due=gap.since,
            asked=gap.asked,
            answers=gap.answers,
            evidence=gap.evidence,
            last_asked=gap.last_asked,
            next_ask=gap.next_ask,
        )


class GapsResource(Resource):
    """What is missing, and what was asked for because of it; after an interruption nobody knows what is missing now."""

    interrupted: bool
    gaps: list[GapResource] | None
    asked: list[AskedWindowResource]

    @classmethod
    def of(cls, gaps: Sequence[Gap] | None, runs: Sequence[CollectionRun]) -> Self:
        return cls(
            interrupted=gaps is None,
            gaps=None if gaps is None else [GapResource.of(gap) for gap in gaps],
            asked=[AskedWindowResource.of(run) for run in runs],
        )


class CoverageResource(Resource):
    """A month or day of an item and area; `idle_hours` by series, `missing_hours` by what the questions for them say.

    Nothing is expected before the first value of a series; `unexpected_hours` say what the questions for that time say.
    """

    item: str
    area: str
    begin: CalendarDay
    expected_hours: float
    covered_hours: float
    share: float | None
    idle_hours: dict[str, float]
    missing_hours: dict[str, float]
    unexpected_hours: dict[str, float]

    @classmethod
    def of(cls, cell: Cell, gaps: Sequence[Gap], *, by_day: bool) -> Self:
        return cls(
            item=cell.item,
            area=cell.place.code,
            begin=cell.begin,
            expected_hours=cell.expected / 3600,
            covered_hours=cell.covered / 3600,
            share=None if cell.share is None else round(cell.share, 6),
            idle_hours={key.distinguishing_name: seconds / 3600 for key, seconds in cell.idle.items()},
            missing_hours=hours_missing(cell, gaps, by_day=by_day, expected=True),
            unexpected_hours=hours_missing(cell, gaps, by_day=by_day, expected=False),
        )
