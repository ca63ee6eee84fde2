"""Works on backfills: every process runs one; they share the windows through leases."""

from __future__ import annotations

import asyncio
from collections import Counter

from app.clock import until_beat
from app.collection.backfill.models import BackfillRetryPolicy, WindowEnd
from app.collection.backfill.repository import BackfillRepository
from app.collection.backfill.watch import BackfillWatch
from app.collection.backfill.window_runner import Analyst, Collector, WindowRunner
from app.collection.backfill_pace import BackfillPace
from app.collection.life_signs import sign_of_life
from app.db.feed.notices import EVENTS, Notices, watching
from app.db.leader import process_name
from app.logging import OutageLog
from app.tasks.backend import Priority, Task, TaskBackend

KIND = "backfill"
TOPIC = "backfills"


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
        self._backend = backend
        self._notices = notices
        self._poll = poll_seconds
        self._pace = BackfillPace(requests_per_second)
        self._name = name or process_name()
        away = OutageLog("backfill_database_failed", "backfill_database_recovered")
        self._runner = WindowRunner(repository, collection, analysis, patience, self._pace, self._name, away)
        self._watch = BackfillWatch(repository, away)
        self._database = repository.database_name
        self._asked: Counter[int] = Counter()
        self._wake = asyncio.Event()
        self._stopped, self._grace = False, 0.0

    @property
    def name(self) -> str:
        """How others see this worker: host and process id."""
        return self._name

    async def work(self, only: int | None = None) -> None:
        """Work on all backfills (or one) until stopped or cancelled; then what is under way is handed back."""
        with sign_of_life(self._database, self._name):
            await self._work(only)

    async def _work(self, only: int | None) -> None:
        self._backend.bind(KIND, self._run_one)
        await self._watch.sweep()
        beat = asyncio.create_task(self._runner.keep_leases(), name="backfill leases")
        try:
            with watching(self._notices, EVENTS, TOPIC) as backfills:
                while not self._stopped:
                    if backfills.due() or self._watch.any_open:
                        await self._look(only)
                    await self._pause()
                    if beat.done():
                        beat.result()
            if self._runner.under_way:
                await asyncio.wait(list(self._runner.under_way.values()), timeout=self._grace)
        finally:
            await self._backend.cancel(KIND)
            beat.cancel()
            await asyncio.wait([beat])

    def stop(self, grace_seconds: float = 0.0) -> None:
        """Let `work` claim nothing more and return; what is under way may end within the grace time."""
        self._stopped, self._grace = True, grace_seconds
        self._wake.set()

    async def _look(self, only: int | None) -> None:
        """Submit as many tasks as windows can be claimed."""
        openings = await self._watch.openings(
            only, held=self._backend.stats().held, working=lambda: bool(self._runner.under_way)
        )
        for opening in openings:
            missing = opening.windows - self._asked[opening.backfill_id]
            room = self._pace.windows() - self._asked.total() - len(self._runner.under_way)
            for _ in range(min(missing, room)):
                self._asked[opening.backfill_id] += 1
                await self._backend.submit(Task(KIND, str(opening.backfill_id), Priority.BACKFILL))

    async def _pause(self) -> None:
        """Until a window has ended, or for a while; after a quiet while those of dead workers are looked at."""
        try:
            async with asyncio.timeout(until_beat(self._poll)):
                await self._wake.wait()
        except TimeoutError:
            if self._watch.any_open:
                await self._watch.sweep()
        self._wake.clear()

    async def _run_one(self, key: str) -> None:
        """The task: one window of the backfill, from the claim to its end."""
        backfill_id = int(key)
        if self._stopped:
            return

        def claimed() -> None:
            self._asked[backfill_id] -= 1

        end = WindowEnd.MORE
        try:
            end = await self._runner.run(backfill_id, claimed)
        finally:
            if end is not WindowEnd.LOST:
                self._wake.set()
