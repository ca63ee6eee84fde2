"""Backfills and their plans as programs read them."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import Field

from app.collection.backfill.models import BackfillProgress, BackfillRequest, FailedWindow, Holder, Reprocess
from app.collection.backfill.plan import BackfillPlan
from app.collection.models import Work
from app.market.areas import find_place
from app.schemas import Instant, PreciseInstant, RequestBody, Resource


class PlannedWindowResource(Resource):
    """A window to ask for."""

    item: str
    area: str
    start: PreciseInstant = Field(serialization_alias="from")
    end: PreciseInstant = Field(serialization_alias="to")

    @classmethod
    def of(cls, work: Work) -> Self:
        return cls(item=work.item, area=work.place.code, start=work.window.start, end=work.window.end)


class BackfillPlanResource(Resource):
    """What a backfill would ask for, and how many windows of its range it would leave out and why."""

    reprocess: str
    windows: list[PlannedWindowResource]
    requests: int
    seconds: float
    seconds_at_share: float
    complete: int
    absent: int
    never_existed: int
    empty_before: int
    not_due: int
    public_from: Instant | None
    beyond_life: list[str]
    queued: int

    @classmethod
    def of(cls, plan: BackfillPlan, request: BackfillRequest) -> Self:
        return cls(
            reprocess=request.reprocess,
            windows=[PlannedWindowResource.of(work) for work in plan.work],
            requests=plan.requests,
            seconds=round(plan.seconds, 1),
            seconds_at_share=round(plan.seconds_at_share, 1),
            complete=plan.complete,
            absent=plan.absent,
            never_existed=plan.never_existed,
            empty_before=plan.empty_before,
            not_due=plan.not_due,
            public_from=plan.due,
            beyond_life=list(plan.beyond_life),
            queued=plan.queued,
        )


class WorkerResource(Resource):
    """A process that holds windows; without a sign of life of it they are free again at `until`."""

    name: str
    windows: int
    until: Instant

    @classmethod
    def of(cls, holder: Holder) -> Self:
        return cls.model_validate(holder)


class BackfillResource(Resource):
    """A backfill and its windows by state; `requests` is what the ended ones cost, `seconds_left` at the token's rate."""

    id: int
    state: str
    reason: str
    description: str
    reprocess: str
    newest_first: bool
    concurrency: int
    windows: dict[str, int]
    planned: int
    requests: int
    seconds_left: float | None
    workers: list[WorkerResource]
    waiting: bool
    last_ended_at: PreciseInstant | None
    created_at: PreciseInstant
    finished_at: PreciseInstant | None

    @classmethod
    def of(cls, progress: BackfillProgress, time_left: timedelta | None) -> Self:
        return cls(
            id=progress.backfill_id,
            state=progress.state,
            reason=progress.explanation,
            description=progress.description,
            reprocess=progress.reprocess,
            newest_first=progress.newest_first,
            concurrency=progress.concurrency,
            windows={state.value: count for state, count in progress.counts.items()},
            planned=progress.planned,
            requests=progress.requests,
            seconds_left=None if time_left is None else round(time_left.total_seconds(), 1),
            workers=[WorkerResource.of(holder) for holder in progress.holders],
            waiting=progress.waiting,
            last_ended_at=progress.last_ended,
            created_at=progress.created_at,
            finished_at=progress.finished_at,
        )


class FailedWindowResource(Resource):
    """A window of a backfill that failed; `run_id` leads to the collection run."""

    item: str
    area: str
    start: PreciseInstant = Field(serialization_alias="from")
    end: PreciseInstant = Field(serialization_alias="to")
    attempts: int
    run_id: int | None
    error: str
    reason: str

    @classmethod
    def of(cls, window: FailedWindow) -> Self:
        return cls(
            item=window.item,
            area=find_place(window.area).code,
            start=window.start,
            end=window.end,
            attempts=window.attempts,
            run_id=window.run_id,
            error=window.error_class,
            reason=window.error_message,
        )


class BackfillsResource(Resource):
    """Backfills, and the failed windows where one of them was asked for."""

    backfills: list[BackfillResource]
    failures: list[FailedWindowResource]


class StartedBackfillResource(Resource):
    """A backfill that was queued; `id` is null where nothing is to be done."""

    id: int | None
    windows: int
    requests: int
    seconds: float

    @classmethod
    def of(cls, backfill_id: int | None, plan: BackfillPlan) -> Self:
        return cls(id=backfill_id, windows=len(plan.work), requests=plan.requests, seconds=round(plan.seconds, 1))


class BackfillBody(RequestBody):
    """A range that is to be backfilled; without areas or items those that are configured."""

    areas: list[str] = Field(default=[], max_length=500, description="Areas and borders.", examples=[["DE_LU"]])
    items: list[str] = Field(default=[], max_length=100, description="Data items.", examples=[["load_actual"]])
    start: str = Field(alias="from", description="First moment: a date, an instant, `-30d`.", examples=["2024-01-01"])
    end: str | None = Field(default=None, alias="to", description="First moment after; without it, the end of today.")
    reprocess: Reprocess = Field(default=Reprocess.MISSING, description="Which windows of the range are asked for.")
    oldest_first: bool = Field(default=False, description="Begin with the oldest windows instead of the newest.")
    concurrency: int | None = Field(default=None, ge=1, le=96, description="Windows under way at once.")
    description: str = Field(default="over the API", max_length=500, description="What it is for.")
