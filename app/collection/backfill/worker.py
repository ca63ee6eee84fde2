"""Works on backfills: every process runs one; they share the windows through leases."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from app.clock import until_beat
from app.collection.backfill.models import (
    BackfillRetryPolicy,
    BackfillState,
    ClaimedWindow,
    WindowAttempt,
    WindowDecision,
    next_step,
)
from app.collection.backfill.repository import BackfillRepository
from app.collection.backfill_pace import BackfillPace
from app.collection.life_signs import dead_workers, sign_of_life
from app.collection.models import CollectionRun, Work
from app.db.feed.notices import EVENTS, Notices, watching
from app.errors import DatabaseUnavailable
from app.logging import OutageLog
from app.tasks.backend import Priority, Task, TaskBackend

KIND = "backfill"
TOPIC = "backfills"
STEADY_BEATS = 3
"""A lease is renewed so often within its time."""


class Collector(Protocol):
    """Collects one window; `CollectionService` does."""

    async def collect(self, work: Work) -> CollectionRun: ...


class Analyst(Protocol):
    """Learns what is no gap any more; `GapService` does."""

    async def look_again(self, work: Work, now: datetime) -> None: ...


class BackfillWorker:
    """Submits a task for each window that can be claimed; the task claims one, collects it and records its end.

    A task names only the backfill: which window it gets is decided by the claim, so that a lost queue loses nothing
    and workers of several processes never try for the same one.
    """

    def __init__(
        self,
        repository: BackfillRepository,
        collection: Collector,
        analysis: Analyst,
        backend: TaskBackend,
        patience: BackfillRetryPolicy,
        *,
        notices: Notices | None = None,
        poll_seconds: float = 2.0,
        requests_per_second: float = 6.0,
        name: str | None = None,
    ) -> None:
        self._repository = repository
        self._collection = collection
        self._analysis = analysis
        self._backend = backend
        self._patience = patience
        self._notices = notices
        self._poll = poll_seconds
        self._pace = BackfillPace(requests_per_second)
        self._name = name or f"{socket.gethostname()}:{os.getpid()}"
        self._asked: Counter[int] = Counter()
        self._begun: set[int] = set()
        self._under_way: dict[UUID, asyncio.Task[None]] = {}
        self._lost: set[UUID] = set()
        self._any_open = True
        self._wake = asyncio.Event()
        self._stopped, self._grace = False, 0.0
        self._log = structlog.get_logger()
        self._away = OutageLog("backfill_database_failed", "backfill_database_recovered")
        self._unrenewed = OutageLog("backfill_renewal_failed", "backfill_renewal_recovered")

    @property
    def name(self) -> str:
        """How others see this worker: host and process id."""
        return self._name

    async def work(self, only: int | None = None) -> None:
        """Work on all backfills (or one) until stopped or cancelled; then what is under way is handed back."""
        with sign_of_life(self._name):
            await self._work(only)

    async def _work(self, only: int | None) -> None:
        self._backend.bind(KIND, self._run_one)
        await self._sweep()
        beat = asyncio.create_task(self._keep_leases(), name="backfill leases")
        try:
            with watching(self._notices, EVENTS, TOPIC) as backfills:
                while not self._stopped:
                    if backfills.due() or self._any_open:
                        await self._look(only)
                    await self._pause()
                    if beat.done():
                        beat.result()
            if self._under_way:
                await asyncio.wait(list(self._under_way.values()), timeout=self._grace)
        finally:
            await self._backend.cancel(KIND)
            beat.cancel()
            await asyncio.wait([beat])

    def stop(self, grace_seconds: float = 0.0) -> None:
        """Let `work` claim nothing more and return; what is under way may end within the grace time."""
        self._stopped, self._grace = True, grace_seconds
        self._wake.set()

    async def _look(self, only: int | None) -> None:
        """Submit as many tasks as windows can be claimed; a database that is down is asked again later."""
        try:
            openings = await self._repository.openings(only)
            if held := self._backend.stats().held:
                await self._repository.slowed(held, only)
            await self._tell_of_changes({opening.backfill_id for opening in openings})
            self._any_open = bool(openings or self._under_way) or await self._repository.any_open()
        except DatabaseUnavailable as error:
            self._any_open = True
            self._away.met(error)
            return
        self._away.over()
        for opening in openings:
            missing = opening.windows - self._asked[opening.backfill_id]
            room = self._pace.windows() - self._asked.total() - len(self._under_way)
            for _ in range(min(missing, room)):
                self._asked[opening.backfill_id] += 1
                await self._backend.submit(Task(KIND, str(opening.backfill_id), Priority.BACKFILL))

    async def _tell_of_changes(self, open_now: set[int]) -> None:
        """Log which backfills began, and in which state those are that have no window left to begin."""
        for backfill_id in sorted(open_now - self._begun):
            self._log.info("backfill_started", backfill=backfill_id)
        self._begun |= open_now
        if not (quiet := self._begun - open_now):
            return
        states = await self._repository.states(quiet)
        for backfill_id in sorted(quiet):
            state, reason = states.get(backfill_id, (BackfillState.CANCELLED, "it is not there any more"))
            if state is BackfillState.RUNNING:
                continue  # its windows are all under way, or wait for another attempt
            self._begun.discard(backfill_id)
            details = {"backfill": backfill_id, "state": state.value} | ({"reason": reason} if reason else {})
            if state.terminal:
                self._log.info("backfill_ended", **details)
            else:
                self._log.info("backfill_paused", **details)

    async def _pause(self) -> None:
        """Until a window has ended, or for a while; after a quiet while those of dead workers are looked at."""
        try:
            async with asyncio.timeout(until_beat(self._poll)):
                await self._wake.wait()
        except TimeoutError:
            if self._any_open:
                await self._sweep()
        self._wake.clear()

    async def _sweep(self) -> None:
        try:
            if freed := await self._repository.free_dead(dead_workers):
                self._log.info("backfill_windows_freed", windows=freed)
            if given_up := await self._repository.give_up_lost():
                self._log.error("backfill_windows_abandoned", windows=given_up)
        except DatabaseUnavailable as error:
            self._away.met(error)

    async def _run_one(self, key: str) -> None:
        """The task: one window of the backfill, from the claim to its end."""
        backfill_id = int(key)
        if self._stopped:
            return
        try:
            window = await self._claim(backfill_id)
        except DatabaseUnavailable as error:
            self._away.met(error)
            return
        finally:
            self._asked[backfill_id] -= 1
        if window is None:
            return
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a window is collected inside a task")
        self._under_way[window.lease] = task
        try:
            await self._collect(window)
        finally:
            del self._under_way[window.lease]
            self._lost.discard(window.lease)
            self._wake.set()

    async def _claim(self, backfill_id: int) -> ClaimedWindow | None:
        """A claim that is interrupted may have been committed, and is then handed back."""
        claiming = asyncio.create_task(self._repository.claim(backfill_id, self._name))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            if window := await claiming:
                await self._hand_back(window)
            raise

    async def _collect(self, window: ClaimedWindow) -> None:
        try:
            self._pace.begin()
            run = await self._collection.collect(window.work)
            self._pace.learn(run)
            # Before the window ends: what has come is no gap any more, and people and rules see both.
            await self._analysis.look_again(window.work, run.finished_at)
            await self._return(window, WindowAttempt.of_run(run), next_step(run, window.attempts, self._patience))
        except asyncio.CancelledError:
            if window.lease not in self._lost:
                await asyncio.shield(self._hand_back(window))
            raise
        except DatabaseUnavailable as error:
            # The lease runs out by itself, and then whoever reaches the database goes on.
            self._log.warning("backfill_window_left", window=str(window.work.window), error=str(error))
        except Exception as error:
            # The boundary of a job: what fails for a reason of its own must not be claimed again at once, for ever.
            tries_left = window.attempts < self._patience.attempts
            await self._return(
                window, WindowAttempt.of_error(error), WindowDecision.LATER if tries_left else WindowDecision.ENDED
            )
            raise

    async def _return(self, window: ClaimedWindow, attempt: WindowAttempt, verdict: WindowDecision) -> None:
        """Record what came of the window, if its lease is still ours."""
        if verdict is WindowDecision.REFUSED:
            await self._repository.pause(window.backfill_id, attempt.error_message)
            await self._repository.hand_back([window.lease])
            return
        record = self._repository.retry_later if verdict is WindowDecision.LATER else self._repository.end
        if not await record(window, attempt):
            self._log.warning("backfill_lease_lost", item=window.work.item, window=str(window.work.window))

    async def _hand_back(self, window: ClaimedWindow) -> None:
        try:
            await self._repository.hand_back([window.lease])
        except DatabaseUnavailable as error:
            self._log.warning("backfill_window_left", window=str(window.work.window), error=str(error))

    async def _keep_leases(self) -> None:
        """Renew what is under way; who lost a lease (cancelled, or too slow) stops, because others may hold it."""
        while True:
            await asyncio.sleep(self._patience.lease.total_seconds() / STEADY_BEATS)
            held = set(self._under_way)
            if not held:
                continue
            try:
                kept = await self._repository.extend(held)
            except DatabaseUnavailable as error:
                self._unrenewed.met(error)
                continue
            self._unrenewed.over()
            for lease in held - kept:
                if task := self._under_way.get(lease):
                    self._lost.add(lease)
                    task.cancel()
