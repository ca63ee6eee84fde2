"""One piece of every kind of work on one database: who asks for it, processes that do it, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.alerting.delivery.sharing import KIND as DELIVERY
from app.alerting.delivery.sharing import LaneSharing
from app.alerting.models import Severity
from app.collection.backfill.models import BackfillRequest, BackfillRetryPolicy, Reprocess
from app.collection.backfill.sharing import BackfillFeeder, SharedWindows
from app.collection.backfill.watch import BackfillWatch
from app.collection.backfill.window_runner import WindowRunner
from app.collection.backfill.worker import KIND as BACKFILL
from app.collection.backfill.worker import BackfillWorker
from app.collection.backfill_pace import BackfillPace
from app.collection.models import CollectionRun, Work
from app.collection.sharing.collection import SharedCollection
from app.collection.sharing.repository import SharedWindowRepository
from app.collection.sharing.tasks import KIND as WINDOW
from app.collection.sharing.tasks import SharedWindowTasks
from app.errors import JobFailed, SourceUnavailable
from app.settings import NotificationSettings, TaskSettings
from app.tasks.backend import Priority
from app.tasks.local import LocalBackend, TaskLimits
from app.tasks.shared.backend import SharedBackend
from app.tasks.shared.models import QUEUES
from app.tasks.work_items.models import ItemContent
from app.tasks.work_items.repository import WorkItemRepository
from app.tasks.work_items.runner import KIND as WORK
from app.tasks.work_items.runner import WorkItemRunner
from app.tasks.work_items.sharing import WorkSharing
from tests.support.backfill_factory import FR, LOAD, Scene, days
from tests.support.delivery_factory import Post, Receiver, a_post, event, receiving, webhooks
from tests.support.task_backends import shared_backend

KINDS = frozenset(QUEUES.values())
LOCAL = frozenset({"backfill", "deliveries"})
"""What outlives the process that asked for it, where each process works alone; the rest is begun anew by its job."""
ATTEMPTS = 2
"""So many processes may a window or an item take along."""
PATIENT = TaskSettings(backend="procrastinate", heartbeat=0.2, silent_after=60)
"""A process is taken for dead within a test only where the test says so."""
ITEMS = {"report": Priority.REPORTS, "quality_portion": Priority.QUALITY}
KIND_OF = {"report": "reports", "quality_portion": "quality"}
DEAD = "dead"


def dead_workers(_database: str, names: Collection[str]) -> list[str]:
    """Whom the kernel knows to be gone, as far as these tests are concerned."""
    return [name for name in names if name == DEAD]


class Doing:
    """What one process does of the pieces, which are named by their kinds."""

    def __init__(self, *, holds: bool = False, fails: bool = False) -> None:
        self.begun: list[str] = []
        self._holds = holds
        self.fails = fails

    async def __call__(self, kind: str) -> None:
        self.begun.append(kind)
        if self._holds:
            await asyncio.Event().wait()


class Collecting:
    """Collects a window of one lane as this process does."""

    def __init__(self, scene: Scene, doing: Doing, lane: str) -> None:
        self._scene, self._doing, self._lane = scene, doing, lane

    async def collect(self, work: Work) -> CollectionRun:
        await self._doing(self._lane)
        return await self._scene.collection.collect(work)


class EveryWork:
    """One piece of each kind, and what came of those that somebody waits for."""

    def __init__(self, post: Post, receiver: Receiver, *, local: bool) -> None:
        self.database = post.database
        self.post = post
        self.local = local
        self.receiver = receiver
        self.patience = BackfillRetryPolicy(attempts=ATTEMPTS)
        self.scene = Scene(self.database, patience=self.patience)
        self.windows = SharedWindowRepository(self.database, lease_seconds=60, attempts=ATTEMPTS)
        self.items = WorkItemRepository(self.database, lease_seconds=60, attempts=ATTEMPTS)
        self.heard: dict[str, str] = {}
        """What those who wait were told, by kind."""
        self.asker = Doing()
        """What the process that plans does itself: it sends messages while no other does."""

    @asynccontextmanager
    async def process(self, name: str, doing: Doing) -> AsyncIterator[None]:
        """A process that does every kind of work; at its end what is under way is handed back at once."""
        post = Post(self.database, self.post.file.path, self.post.outlet, self.post.clock, name)
        post.file.load()
        post.worker._settings = NotificationSettings(drain_seconds=0)
        _noting(post, doing)
        async with self._alone(name, post, doing) if self.local else self._worker(name, post, doing):
            yield

    @asynccontextmanager
    async def _worker(self, name: str, post: Post, doing: Doing) -> AsyncIterator[None]:
        windows = SharedWindowTasks(
            self.windows, {lane: Collecting(self._scene(doing), doing, lane) for lane in ("live", "gap")}, name
        )
        runner = WorkItemRunner(self.items, name)
        for kind in ITEMS:
            runner.bind(kind, _item(KIND_OF[kind], doing))
        every = tuple(QUEUES.values())
        async with shared_backend(self.database, 4, name=name, settings=PATIENT, queues=every) as backend:
            backend.bind(WINDOW, windows.run_one)
            backend.bind(WORK, runner.run_one)
            backend.bind(BACKFILL, SharedWindows(self._backfills(name, doing), backend).run_one)
            backend.bind(DELIVERY, post.worker.send_lane)
            yield

    @asynccontextmanager
    async def _alone(self, name: str, post: Post, doing: Doing) -> AsyncIterator[None]:
        """As `serve` works without others: what jobs wait for is done where they run."""
        scene, stop = self._scene(doing), asyncio.Event()
        async with LocalBackend(TaskLimits()) as backend:
            backfills = BackfillWorker(
                scene.repository, Collecting(scene, doing, "backfill"), scene.gaps, backend, self.patience,
                poll_seconds=0.1, name=name,
            )  # fmt: skip
            parts = [asyncio.create_task(backfills.work()), asyncio.create_task(post.worker.run(stop))]
            try:
                yield
            finally:
                await _ended(parts)

    def _scene(self, doing: Doing) -> Scene:
        if not doing.fails:
            return self.scene
        return Scene(self.database, lambda *_: SourceUnavailable("the source is away"), self.patience)

    def _backfills(self, name: str, doing: Doing) -> WindowRunner:
        scene = self._scene(doing)
        collector, pace = Collecting(scene, doing, "backfill"), BackfillPace(6.0)
        return WindowRunner(scene.repository, collector, scene.gaps, self.patience, pace, name)

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[None]:
        """Within the block a process that plans has asked for a piece of each kind, and waits for what comes."""
        await self.ask()
        if self.local:
            yield
            return
        async with shared_backend(self.database, name="serve", settings=PATIENT) as submits, AsyncExitStack() as stack:
            waiting = [asyncio.create_task(part) for part in self._waits(submits)]
            stack.push_async_callback(_ended, waiting)
            yield

    async def ask(self) -> None:
        """What stands in rows before anybody has it: a backfill and a message."""
        work = [Work(LOAD, FR, days(2, 3))]
        await self.scene.repository.add(BackfillRequest((), Reprocess.ALL, description="one window"), work)
        await self.post.tell(event(1, severity=Severity.CRITICAL))

    def _waits(self, submits: SharedBackend) -> list[Coroutine[Any, Any, None]]:
        stop = asyncio.Event()
        feeder = BackfillFeeder(BackfillWatch(self.scene.repository), submits, poll_seconds=0.1)
        return [
            self._window(submits, Priority.LIVE, 0),
            self._window(submits, Priority.GAP, 1),
            feeder.run(stop, lambda: True),
            self._deliveries(submits, stop),
            *(self._item(submits, kind) for kind in ITEMS),
        ]

    async def _window(self, submits: SharedBackend, priority: Priority, day: int) -> None:
        lane = priority.name.lower()

        def on_run(run: CollectionRun) -> None:
            self.heard[lane] = run.error_class or run.outcome.value

        shared = SharedCollection(
            self.scene.collection, self.windows, submits, self.scene.clock, (), "serve", priority=priority
        )
        await shared.collect_all([Work(LOAD, FR, days(day, day + 1))], on_run)

    async def _item(self, submits: SharedBackend, kind: str) -> None:
        sharing = WorkSharing(self.items, submits, dead_workers)
        try:
            [done] = await sharing.do(kind, [{"number": 1}], ITEMS[kind])
        except JobFailed as error:
            self.heard[KIND_OF[kind]] = str(error)
        else:
            self.heard[KIND_OF[kind]] = f"{done['number']}"

    async def _deliveries(self, submits: SharedBackend, stop: asyncio.Event) -> None:
        """Messages are left to workers once there are any."""
        while not submits.taken(Priority.DELIVERIES):  # noqa: ASYNC110  a sign of life of others
            await asyncio.sleep(0.02)
        _noting(self.post, self.asker)
        self.post.worker.share(LaneSharing(submits))
        await self.post.worker.run(stop)

    async def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        return await self.post.rows(query, *arguments)

    async def until(self, query: str, expected: Any, *arguments: Any) -> None:
        """Wait until the one cell of the statement is this."""
        found: Any = None
        try:
            async with asyncio.timeout(30):
                while (found := (await self.rows(query, *arguments))[0][0]) != expected:  # noqa: ASYNC110  rows tell nobody
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{query}: {found!r} in place of {expected!r}; {self.heard}") from None

    async def until_begun(self, doing: Doing, number: int) -> None:
        """Wait until the process has begun so many pieces."""
        async with asyncio.timeout(30):
            while len(doing.begun) < number:  # noqa: ASYNC110  it tells nobody else
                await asyncio.sleep(0.02)

    async def until_heard(self, *kinds: str) -> None:
        """Wait until those who wait for these have heard."""
        async with asyncio.timeout(30):
            while not set(kinds) <= set(self.heard):  # noqa: ASYNC110  they tell nobody else
                await asyncio.sleep(0.02)


def _noting(post: Post, doing: Doing) -> None:
    """Let the process note each message that it begins to send."""
    attempt = post.worker._attempt

    async def noted(*arguments: Any) -> Any:
        await doing("deliveries")
        return await attempt(*arguments)

    vars(post.worker)["_attempt"] = noted


def _item(kind: str, doing: Doing) -> Any:
    async def do(wanted: ItemContent) -> ItemContent:
        await doing(kind)
        if doing.fails:
            raise ZeroDivisionError("of its own")
        return {"number": wanted["number"] * 2}

    return do


async def _ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def every_work(database: Any, folder: Path, *, local: bool = False) -> AsyncIterator[EveryWork]:
    """Every kind of work, with a receiver of messages; `local`: each process works alone."""
    async with receiving() as receiver, a_post(database, folder, webhooks(receiver)) as post:
        post.file.load()
        post.clock.set(datetime.now(UTC))
        yield EveryWork(post, receiver, local=local)
