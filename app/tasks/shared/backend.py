"""The backend that many processes share: tasks wait in PostgreSQL, and whoever has room takes the most urgent one."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog

from app.clock import SystemClock
from app.db.engine import Database
from app.db.failures import refuses_connections
from app.db.feed.notices import Notices
from app.errors import Conflict, DatabaseUnavailable, SchemaMismatch
from app.kit.periodic import pause
from app.logging import OutageLog
from app.settings import TaskSettings
from app.tasks.backend import Priority, Task, TaskHandler, TaskStats
from app.tasks.local import Pressure
from app.tasks.shared.engine import QueueWorker, queue_app, queue_failures, workers_of
from app.tasks.shared.models import QUEUES, QueueState, WorkerCounts, WorkerRole
from app.tasks.shared.naming import name_lost
from app.tasks.shared.repository import TaskQueue, WorkerRegistry

BATCH = 1000
"""So many tasks are submitted in one statement."""
SWEEP_BEATS = 3
"""With each of so many signs of life the tasks of dead workers are looked for."""
RATE_SECONDS = 60.0
FORGET_SECONDS = 3600.0
CANCEL_SECONDS = 30.0
LOOK_SECONDS = 0.1
AGAIN_SECONDS = 1.0
"""Before workers that lost the database are begun anew."""


class SharedBackend:
    """Submits tasks, and runs them where it has a role; leaving its context hands back what still runs.

    A task that is interrupted is submitted again by whoever interrupts it, one whose process dies by whoever looks
    next; none of them is tried again for an error of its own, because its row says whether it is.
    """

    def __init__(
        self,
        database: Database,
        notices: Notices,
        settings: TaskSettings,
        *,
        share: float = 0.2,
        pressure: Pressure = lambda: None,
    ) -> None:
        self._notices = notices
        self._settings = settings
        self._share = share
        self._pressure = pressure
        self._role: WorkerRole | None = None
        self._since: datetime | None = None
        self._grace = 0.0
        self._app = queue_app(database.address, self._run)
        self._queue = TaskQueue(self._app)
        self._registry = WorkerRegistry(database, silent_after=settings.silent_after)
        self._handlers: dict[str, TaskHandler] = {}
        self._bound, self._stopping = asyncio.Event(), asyncio.Event()
        self._drained, self._over = asyncio.Event(), asyncio.Event()
        self._workers: list[QueueWorker] = []
        self._running: Counter[Priority] = Counter()
        self._interrupted: list[Task] = []
        self._ends: deque[float] = deque()
        self._states: dict[Priority, QueueState] = {}
        self._held: str | None = None
        self._done = self._failed = 0
        self._counted: dict[Priority, list[int]] = {}
        """Tasks that were done and that failed since they were added up."""
        self._forgot_at = -FORGET_SECONDS
        self._beating: asyncio.Task[None] | None = None
        self._working: asyncio.Task[None] | None = None
        self._opened = self._closed = False
        self._log = structlog.get_logger()
        self._away = OutageLog("queue_failed", "queue_recovered")
        self._refused = OutageLog("queue_connections_failed", "queue_connections_recovered")

    @property
    def opened(self) -> bool:
        return self._opened and not self._closed

    def take(self, role: WorkerRole, grace_seconds: float = 0.0) -> None:
        """Run tasks, too, from the start of the context on; at its end those under way have so long to finish."""
        self._role, self._grace = role, grace_seconds

    async def __aenter__(self) -> Self:
        await self._registry.check()
        with queue_failures():
            await self._app.open_async()
        await self._beat()
        self._opened = True
        self._beating = asyncio.create_task(self._keep_beating(), name="queue heartbeat")
        if self._role is not None:
            self._working = asyncio.create_task(self._work(self._role), name="queue workers")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        if kind is not None:
            for worker in self._workers:
                worker.shutdown_graceful_timeout = 0
        try:
            await self.end_work()
            # Until here others must not take its tasks for those of a dead worker.
            self._over.set()
            if self._beating is not None:
                await asyncio.wait([self._beating])
            await self._hand_back()
            await self._add_up()
            if self._role is not None and self._since is not None:
                await self._registry.leave(self._role.name, self._since)
        except DatabaseUnavailable as unavailable:
            self._met(unavailable)
        finally:
            self._over.set()
            await self._app.close_async()

    async def end_work(self) -> None:
        """Take no further task, and return when those under way have ended or are handed back; submitting goes on."""
        self._stopping.set()
        if self._working is not None:
            await self._working

    async def until_ended(self) -> None:
        """Return when somebody drains this worker; SchemaMismatch or Conflict where another version or process takes over."""
        drained = asyncio.create_task(self._drained.wait())
        parts = [part for part in (self._beating, self._working) if part is not None]
        try:
            await asyncio.wait([drained, *parts], return_when=asyncio.FIRST_COMPLETED)
        finally:
            drained.cancel()
        for part in parts:
            if part.done():
                part.result()

    def bind(self, kind: str, handler: TaskHandler) -> None:
        self._handlers[kind] = handler
        self._bound.set()

    async def submit(self, task: Task) -> None:
        await self.submit_many([task])

    async def submit_many(self, tasks: Iterable[Task]) -> None:
        wanted = list(tasks)
        if self._closed and wanted:
            raise Conflict(f"the task backend is closed and takes no {wanted[0].kind!r}; submit it where one runs")
        for first in range(0, len(wanted), BATCH):
            await self._queue.submit(wanted[first : first + BATCH])

    async def cancel(self, kind: str, key: str | None = None) -> int:
        dropped = await self._queue.drop_waiting(kind, key)
        aborted = await self._queue.abort_running(kind, key)
        given_up_at = time.monotonic() + CANCEL_SECONDS
        while aborted and await self._queue.still_running(aborted):
            if time.monotonic() > given_up_at:
                self._log.warning("tasks_cancel_postponed", kind=kind, key=key, note="a worker that is silent has them")
                break
            await asyncio.sleep(LOOK_SECONDS)
        return dropped + len(aborted)

    def stats(self) -> TaskStats:
        """What waits in the whole queue, as of the last sign of life, and what runs and ended in this process."""
        states = self._states
        return TaskStats(
            {priority: states[priority].waiting if priority in states else 0 for priority in Priority},
            {priority: self._running[priority] for priority in Priority},
            self._done,
            self._failed,
            self._held,
            {priority: state.oldest_seconds for priority, state in states.items()},
            {priority: (state.done, state.failed) for priority, state in states.items()},
        )

    def taken(self, priority: Priority) -> bool:
        return priority in self._states and self._states[priority].workers > 0

    async def _run(self, task: Task, stops: Callable[[], bool]) -> None:
        """One task; the boundary of a job: one that fails must not take the others along."""
        handler = self._handlers.get(task.kind)
        if handler is None:
            note = "this version knows no such task; its row waits for one that does"
            self._log.error("task_refused", kind=task.kind, key=task.key, note=note)
            return
        if task.priority is Priority.BACKFILL and self._pressed():
            return  # its row stays, and is submitted again
        self._running[task.priority] += 1
        try:
            await handler(task.key)
        except asyncio.CancelledError:
            if stops():
                self._interrupted.append(task)
            raise
        except Exception:  # noqa: BLE001  see above
            self._failed += 1
            self._count(task, done=False)
            self._log.exception("task_failed", kind=task.kind, key=task.key)
        else:
            self._done += 1
            self._count(task, done=True)
        finally:
            self._running[task.priority] -= 1
            self._ends.append(time.monotonic())

    def _count(self, task: Task, *, done: bool) -> None:
        self._counted.setdefault(task.priority, [0, 0])[0 if done else 1] += 1

    def _pressed(self) -> bool:
        """Whether this process should have no further backfill under way beside the one that goes on."""
        self._held = self._pressure()
        return self._held is not None and self._running[Priority.BACKFILL] > 0

    async def _work(self, role: WorkerRole) -> None:
        """Run the library's workers; after the loss of the database they are begun anew."""
        await _first_of(self._bound, self._stopping)
        while not self._stopping.is_set():
            self._workers = workers_of(self._app, role, self._share, self._grace)
            try:
                with queue_failures():
                    await self._until_one_ends()
                await self._hand_back()
            except DatabaseUnavailable as error:
                self._met(error)
            await pause(self._stopping, AGAIN_SECONDS)

    async def _until_one_ends(self) -> None:
        running = [asyncio.create_task(worker.work(), name=f"queue {worker.worker_name}") for worker in self._workers]
        stopping = asyncio.create_task(self._stopping.wait())
        listening = [asyncio.create_task(self._hear(worker)) for worker in self._workers]
        try:
            await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for worker in self._workers:
                worker.end()
            failures = await asyncio.gather(*running, return_exceptions=True)
        finally:
            for waiting in (stopping, *listening):
                waiting.cancel()
            await asyncio.gather(*listening, return_exceptions=True)
        for failure in filter(None, failures):
            raise failure

    async def _hear(self, worker: QueueWorker) -> None:
        """Have it look as soon as something comes for it; while no notices come it looks by itself, every few seconds."""
        async with self._notices.follow_others(worker.channels) as news:
            await worker.tell([""])
            while not news.over:
                await news.arrived.wait()
                news.arrived.clear()
                await worker.tell(news.taken())

    async def _hand_back(self) -> None:
        """Submit again what this process interrupted."""
        if self._interrupted:
            await self._queue.submit(self._interrupted)
            self._interrupted = []

    async def _keep_beating(self) -> None:
        beats = 0
        while not self._over.is_set():
            await pause(self._over, self._settings.heartbeat)
            try:
                if await self._beat() and not self._drained.is_set():
                    self._log.info("worker_drain_requested")
                    self._drained.set()
                if beats % SWEEP_BEATS == 0:
                    await self._sweep()
            except SchemaMismatch:
                raise
            except DatabaseUnavailable as error:
                self._met(error)
                continue
            self._away.over()
            self._refused.over()
            beats += 1

    def _met(self, error: DatabaseUnavailable) -> None:
        """Say what is the matter once, and a lack of connections beside what else befell the database."""
        (self._refused if refuses_connections(error) else self._away).met(error)

    async def _beat(self) -> bool:
        """A sign of life; whether this worker is to end.

        SchemaMismatch where another version has the database, Conflict where another process has the name.
        """
        await self._registry.check()
        found = {state.name: state for state in await self._registry.queues()}
        self._states = {priority: found[name] for priority, name in QUEUES.items()}
        await self._add_up()
        if self._role is None:
            return False
        await self._queue.beat([worker.worker_id for worker in self._workers if worker.worker_id is not None])
        sign = await self._registry.beat(self._role, self._counts(), self._since)
        if sign is None and self._role.sole:
            self._since = None
            raise Conflict(name_lost(self._role.name))
        sign = sign or await self._registry.beat(self._role, self._counts())
        self._since = sign.since if sign else None
        return sign is not None and sign.draining

    async def _add_up(self) -> None:
        counted, self._counted = self._counted, {}
        if not counted:
            return
        try:
            await self._registry.add_up({QUEUES[one]: (done, failed) for one, (done, failed) in counted.items()})
        except DatabaseUnavailable:
            for priority, (done, failed) in counted.items():
                kept = self._counted.setdefault(priority, [0, 0])
                kept[0], kept[1] = kept[0] + done, kept[1] + failed
            raise

    def _counts(self) -> WorkerCounts:
        since = time.monotonic() - RATE_SECONDS
        while self._ends and self._ends[0] < since:
            self._ends.popleft()
        return WorkerCounts(self._running.total(), self._done, self._failed, float(len(self._ends)))

    async def _sweep(self) -> None:
        freed, parked = await self._queue.free_stalled(self._settings.silent_after, self._settings.attempts)
        if freed:
            self._log.warning("tasks_freed", tasks=freed, note="their worker is gone")
        for name in parked:
            self._log.error("task_parked", task=name, attempts=self._settings.attempts)
        if time.monotonic() - self._forgot_at >= FORGET_SECONDS:
            self._forgot_at = time.monotonic()
            await self._registry.forget_silent(SystemClock().now())


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
