"""Both backends of tasks, for tests that hold them to the same behaviour."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from app.db.engine import Database
from app.db.feed.notices import Notices
from app.settings import TaskSettings
from app.tasks.backend import Priority, Task, TaskBackend
from app.tasks.local import LocalBackend, TaskLimits
from app.tasks.shared.backend import SharedBackend
from app.tasks.shared.models import WINDOWS, WorkerRole

QUICK = TaskSettings(backend="procrastinate", heartbeat=0.2, silent_after=1)


class Opening(Protocol):
    """Opens a backend that runs so many tasks at once, of these queues where several processes share them."""

    def __call__(
        self, concurrency: int, queues: tuple[str, ...] = WINDOWS, /
    ) -> AbstractAsyncContextManager[TaskBackend]: ...


class Gates:
    """Tasks that begin, and end when they are told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.interrupted: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}
        self._news = asyncio.Event()

    async def __call__(self, key: str) -> None:
        self.begun.append(key)
        self._news.set()
        try:
            await self._gates.setdefault(key, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.interrupted.append(key)
            raise
        self.ended.append(key)
        self._news.set()

    def open(self, *keys: str) -> None:
        for key in keys:
            self._gates.setdefault(key, asyncio.Event()).set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds of what has begun and ended."""
        async with asyncio.timeout(30):
            while not holds():
                self._news.clear()
                await self._news.wait()


def tasks(*keys: str, kind: str = "work") -> list[Task]:
    """Tasks named by their priority: d1, l1, g1, b1, r1, q1."""
    priorities = {priority.name[0].lower(): priority for priority in Priority}
    return [Task(kind, key, priorities[key[0]]) for key in keys]


@asynccontextmanager
async def local_backend(concurrency: int, _queues: tuple[str, ...] = WINDOWS) -> AsyncIterator[TaskBackend]:
    """With places that backfills never take, as the settings have them."""
    async with LocalBackend(TaskLimits(in_flight=concurrency, backfill=max(1, concurrency - 1))) as backend:
        yield backend


@asynccontextmanager
async def shared_backend(
    database: Database,
    concurrency: int = 0,
    *,
    name: str = "a",
    settings: TaskSettings = QUICK,
    share: float = 0.2,
    grace: float = 0.0,
    queues: tuple[str, ...] = WINDOWS,
) -> AsyncIterator[SharedBackend]:
    """A backend of one process; without concurrency one that only submits."""
    notices = Notices(database)
    backend = SharedBackend(database, notices, settings, share=share)
    if concurrency:
        backend.take(WorkerRole(name, queues, concurrency=concurrency), grace)
    try:
        async with backend:
            yield backend
    finally:
        await notices.close()


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds; what is waited for tells nobody."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  a queue in the database tells nobody
            await asyncio.sleep(0.02)
