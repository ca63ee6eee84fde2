"""Runs of the collection as programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field

from app.collection.models import CollectionRun, RunSums, Summary
from app.schemas import Instant, PreciseInstant, Resource


class WindowCounts(Resource):
    """How many windows were planned, and how many were asked for."""

    planned: int
    done: int


class RunSumsResource(Resource):
    """What the runs of an item and area brought; `seconds` is the time from the first start to the last end."""

    item: str
    area: str
    windows: int
    received: int
    new: int
    revised: int
    unchanged: int
    vanished: int
    rejected: int
    empty: int
    failed: int
    requests: int
    seconds: float

    @classmethod
    def of(cls, sums: RunSums) -> Self:
        return cls.model_validate(sums).model_copy(update={"seconds": round(sums.seconds, 3)})


class FailedRunResource(Resource):
    """A window that failed."""

    item: str
    area: str
    start: PreciseInstant = Field(serialization_alias="from")
    end: PreciseInstant = Field(serialization_alias="to")
    error: str
    reason: str

    @classmethod
    def of(cls, run: CollectionRun) -> Self:
        return cls(
            item=run.item,
            area=run.place.code,
            start=run.window.start,
            end=run.window.end,
            error=run.error_class,
            reason=run.error_message,
        )


class CollectionResource(Resource):
    """What a collection came to; `skipped` names what was not asked for and why."""

    interrupted: bool
    windows: WindowCounts
    summary: list[RunSumsResource]
    skipped: list[str]
    failures: list[FailedRunResource]

    @classmethod
    def of(cls, summary: Summary, windows: WindowCounts, *, skipped: Sequence[str], interrupted: bool) -> Self:
        return cls(
            interrupted=interrupted,
            windows=windows,
            summary=[RunSumsResource.of(sums) for sums in summary.sums],
            skipped=list(skipped),
            failures=[FailedRunResource.of(run) for run in summary.failures],
        )


class AskedWindowResource(Resource):
    """A window that was asked for, and what came of it."""

    item: str
    area: str
    start: Instant = Field(serialization_alias="from")
    end: Instant = Field(serialization_alias="to")
    outcome: str
    new: int
    reason: str | None

    @classmethod
    def of(cls, run: CollectionRun) -> Self:
        return cls(
            item=run.item,
            area=run.place.code,
            start=run.window.start,
            end=run.window.end,
            outcome=run.outcome,
            new=run.new,
            reason=run.error_message or None,
        )
