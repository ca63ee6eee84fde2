"""Backfills as people and jobs use them: plan, start, watch, pause, resume, cancel, retry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from app.collection.backfill.models import (
    BackfillProgress,
    BackfillRequest,
    BackfillState,
    FailedWindow,
    MissingInterval,
    PlannedWindow,
    Reprocess,
    WindowState,
    windows_per_second,
)
from app.collection.backfill.plan import BackfillPlan, beyond_life, plan_backfill
from app.collection.backfill.repository import BackfillRepository
from app.collection.gaps.service import GapService
from app.collection.life_signs import dead_workers
from app.collection.models import CollectionRequest, Work
from app.db.leases.repository import Dead
from app.market.areas import Place
from app.market.series import DataItem
from app.market.time import Interval

WindowCutter = Callable[[DataItem, Place, Interval], Sequence[Interval]]
"""Cuts an interval into what one request to the source may ask for."""


class Completeness(Protocol):
    """Tells where values of the requests are missing, and why; with `promised` also to people and rules."""

    async def missing(
        self, requests: Sequence[CollectionRequest], now: datetime, *, promised: bool
    ) -> Sequence[MissingInterval]: ...


class GapCompleteness:
    """Judges by the gap analysis."""

    def __init__(self, gaps: GapService) -> None:
        self._gaps = gaps

    async def missing(
        self, requests: Sequence[CollectionRequest], now: datetime, *, promised: bool
    ) -> Sequence[MissingInterval]:
        return [
            MissingInterval(
                gap.item.value, gap.place.eic, gap.interval.start, gap.interval.end, gap.reason, gap.since, gap.evidence
            )
            for gap in await self._gaps.analyse(requests, now, adding=promised)
        ]


class BackfillService:
    """Plans backfills and keeps their rows; `BackfillWorker` does the work."""

    def __init__(
        self,
        repository: BackfillRepository,
        completeness: Completeness,
        windows: WindowCutter,
        *,
        requests_per_second: float,
        share: float,
        dead: Dead = dead_workers,
    ) -> None:
        self._repository = repository
        self._completeness = completeness
        self._windows = windows
        self._rate = requests_per_second
        self._share = share
        self._dead = dead

    async def plan(self, request: BackfillRequest, now: datetime, *, promised: bool = True) -> BackfillPlan:
        """The windows that the request would ask for, and how long that takes.

        What is missing becomes known as gaps; where the plan is only looked at and not `promised`, it does not.
        """
        windows = [work for one in request.requests for work in self._cut(one)]
        missing: list[MissingInterval] | None = None
        if request.reprocess is not Reprocess.ALL:
            missing = list(await self._completeness.missing(request.requests, now, promised=promised))
            if request.reprocess is Reprocess.MISSING_AND_FAILED:
                missing += await self._repository.failed(windows)
        measured = await self._repository.measured(windows)
        requests, seconds = measured or (1.0, 0.0)
        pace = windows_per_second(self._rate, requests, seconds, request.concurrency)
        plan = plan_backfill(
            windows,
            missing,
            await self._repository.queued(windows) if missing is not None else [],
            newest_first=request.newest_first,
            requests_per_second=pace * max(1.0, requests),
            requests_each=requests,
            share=self._share,
        )
        return replace(plan, beyond_life=tuple(filter(None, map(beyond_life, request.requests))))

    async def start(self, request: BackfillRequest, plan: BackfillPlan) -> int:
        """The id of a new backfill of the planned windows, open for every worker."""
        return await self._repository.add(request, plan.work)

    async def progress(self, backfill_id: int) -> BackfillProgress:
        """One backfill; NotFound where there is none of this number."""
        await self._repository.free_dead(self._dead)
        (found,) = await self._repository.progress(backfill_id)
        return found

    async def newest(self, limit: int = 20) -> list[BackfillProgress]:
        """The newest backfills, and every open one however old."""
        await self._repository.free_dead(self._dead)
        return await self._repository.progress(limit=limit)

    async def failures(self, backfill_id: int, limit: int | None = None) -> list[FailedWindow]:
        return await self._repository.failures(backfill_id, limit=limit)

    async def windows(
        self, backfill_id: int, state: WindowState | None, *, limit: int, after: int = 0
    ) -> list[PlannedWindow]:
        """The windows in the order of the plan, of one state or all."""
        return await self._repository.windows(backfill_id, state, limit=limit, after=after)

    def time_left(self, progress: BackfillProgress) -> timedelta | None:
        """What the remaining windows take by what was measured, never guessed from the share that is done.

        None where nothing is asked for at present.
        """
        if progress.state in {BackfillState.PAUSED, BackfillState.HELD}:
            return None
        return timedelta(seconds=progress.seconds_left(self._rate))

    async def pause(self, backfill_id: int) -> None:
        await self._repository.pause(backfill_id, "paused by hand")

    async def resume(self, backfill_id: int) -> None:
        await self._repository.resume(backfill_id)

    async def cancel(self, backfill_id: int) -> int:
        return await self._repository.cancel(backfill_id)

    async def retry_failed(self, backfill_id: int) -> int:
        return await self._repository.retry_failed(backfill_id)

    async def prune(self, age: timedelta) -> int:
        """Delete backfills that ended longer ago, with their windows; how many. Open ones stay, however old."""
        return await self._repository.prune(age)

    def _cut(self, request: CollectionRequest) -> list[Work]:
        windows = self._windows(request.item, request.place, request.interval)
        return [Work(request.item, request.place, window) for window in windows]
