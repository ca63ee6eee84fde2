"""Runs of the collection as programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field

from app.collection.models import CollectionRun, Outcome, RunSums, Summary
from app.collection.repository import RecordedWindow
from app.market.areas import label
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


class RecordedWindowResource(Resource):
    """A window that was asked for: what came of it, and what it cost; `error` and `reason` are "" but of failed ones."""

    id: int
    source: str
    item: str
    area: str
    start: PreciseInstant = Field(serialization_alias="from")
    end: PreciseInstant = Field(serialization_alias="to")
    started_at: PreciseInstant
    finished_at: PreciseInstant
    outcome: Outcome
    error: str
    reason: str
    received: int
    new: int
    revised: int
    unchanged: int
    vanished: int
    rejected: int
    requests: int
    retries: int
    bytes: int
    api_seconds: float
    parse_seconds: float
    store_seconds: float

    @classmethod
    def of(cls, window: RecordedWindow) -> Self:
        own = {"id", "area", "start", "end", "error", "reason"}
        return cls(
            id=window.run_id,
            area=label(window.area),
            start=window.window_start,
            end=window.window_end,
            error=window.error_class,
            reason=window.error_message,
            **{name: getattr(window, name) for name in cls.model_fields if name not in own},
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
