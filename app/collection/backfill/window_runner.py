"""One window of a backfill from its claim to its end; whatever calls it, the row says what is to be done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import structlog

from app.collection.backfill.models import (
    BackfillRetryPolicy,
    ClaimedWindow,
    WindowAttempt,
    WindowDecision,
    WindowEnd,
    next_step,
)
from app.collection.backfill.repository import BackfillRepository
from app.collection.backfill_pace import BackfillPace
from app.collection.models import CollectionRun, Work
from app.errors import DatabaseUnavailable
from app.logging import OutageLog
from app.tasks.held_leases import HeldLeases, claimed


class Collector(Protocol):
    """Collects one window; `CollectionService` does."""

    async def collect(self, work: Work) -> CollectionRun: ...


class Analyst(Protocol):
    """Learns what is no gap any more; `GapService` does."""

    async def look_again(self, work: Work, now: datetime) -> None: ...


class WindowRunner:
    """Claims windows for one process, collects them and keeps their leases."""

    def __init__(  # noqa: PLR0917  those who build it hand over the parts by position
        self,
        repository: BackfillRepository,
        collection: Collector,
        analysis: Analyst,
        patience: BackfillRetryPolicy,
        pace: BackfillPace,
        name: str,
        away: OutageLog | None = None,
    ) -> None:
        self._repository = repository
        self._collection = collection
        self._analysis = analysis
        self._patience = patience
        self._pace = pace
        self._name = name
        self._log = structlog.get_logger()
        self._away = away or OutageLog("backfill_database_failed", "backfill_database_recovered")
        unrenewed = OutageLog("backfill_renewal_failed", "backfill_renewal_recovered")
        self._leases = HeldLeases(repository.extend, patience.lease, unrenewed)
        self.under_way = self._leases.under_way

    async def run(self, backfill_id: int, on_claimed: Callable[[], None] = lambda: None) -> WindowEnd:
        """The next window of the backfill, if there is one; whether it was ended here, and the next is worth asking for.

        `on_claimed` hears when it is known whether there is one. Who was away so long that others have taken the window
        over, or the database, leaves the rest to those who look.
        """
        try:
            window = await claimed(self._repository.claim(backfill_id, self._name), self._hand_back)
        except DatabaseUnavailable as error:
            self._away.met(error)
            return WindowEnd.LOST
        finally:
            on_claimed()
        if window is None:
            return WindowEnd.LOST
        with self._leases.holding(window.lease):
            return await self._collect(window)

    async def _collect(self, window: ClaimedWindow) -> WindowEnd:
        try:
            self._pace.begin()
            run = await self._collection.collect(window.work)
            self._pace.learn(run)
            # Before the window ends: what has come is no gap any more, and people and rules see both.
            await self._analysis.look_again(window.work, run.finished_at)
            return await self._return(
                window, WindowAttempt.of_run(run), next_step(run, window.attempts, self._patience)
            )
        except asyncio.CancelledError:
            if not self._leases.lost(window.lease):
                await asyncio.shield(self._hand_back(window))
            raise
        except DatabaseUnavailable as error:
            # The lease runs out by itself, and then whoever reaches the database goes on.
            self._log.warning("backfill_window_left", window=str(window.work.window), error=str(error))
            return WindowEnd.LOST
        except Exception as error:
            # The boundary of a job: what fails for a reason of its own must not be claimed again at once, for ever.
            tries_left = window.attempts < self._patience.attempts
            await self._return(
                window, WindowAttempt.of_error(error), WindowDecision.LATER if tries_left else WindowDecision.ENDED
            )
            raise

    async def _return(self, window: ClaimedWindow, attempt: WindowAttempt, verdict: WindowDecision) -> WindowEnd:
        """Record what came of the window, if its lease is still ours."""
        if verdict is WindowDecision.REFUSED:
            await self._repository.pause(window.backfill_id, attempt.error_message)
            await self._repository.hand_back([window.lease])
            return WindowEnd.LOST
        record = self._repository.retry_later if verdict is WindowDecision.LATER else self._repository.end
        if (end := await record(window, attempt)) is WindowEnd.LOST:
            self._log.warning("backfill_lease_lost", item=window.work.item, window=str(window.work.window))
        return end

    async def _hand_back(self, window: ClaimedWindow) -> None:
        try:
            await self._repository.hand_back([window.lease])
        except DatabaseUnavailable as error:
            self._log.warning("backfill_window_left", window=str(window.work.window), error=str(error))

    async def keep_leases(self) -> None:
        """Renew what is under way; who lost a lease (cancelled, or too slow) stops, because others may hold it."""
        await self._leases.keep()
