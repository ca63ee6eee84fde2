"""A collection whose windows are collected by whichever process has room; its jobs wait for what comes of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Protocol, runtime_checkable

from app.clock import Clock
from app.collection.life_signs import dead_workers
from app.collection.models import CollectionRequest, CollectionRun, RunObserver, Work
from app.collection.service import CollectionService
from app.collection.sharing.repository import EndedWindow, SharedWindowRepository
from app.collection.sharing.tasks import KIND
from app.errors import AccessDenied, DatabaseUnavailable
from app.settings import TaskSettings
from app.tasks.backend import Priority, Task, TaskBackend

LOOK_SECONDS = 0.5
SWEEP_SECONDS = 5.0
"""Between two looks for windows whose task or worker is gone."""


@runtime_checkable
class WindowCollector(Protocol):
    """Collects windows, in this process or wherever there is room."""

    def plan(self, requests: Iterable[CollectionRequest]) -> list[Work]: ...

    async def collect_all(self, work: Sequence[Work], on_run: Callable[[CollectionRun], None]) -> None: ...


def chosen_collection(
    settings: TaskSettings, local: WindowCollector, shared: Callable[[], SharedCollection]
) -> WindowCollector:
    """The collection of this process, or the one of all that share work."""
    return local if settings.backend == "local" else shared()


class SharedCollection:
    """Stands in for the collection of this process where work is shared; `priority` names its lane, too."""

    def __init__(  # noqa: PLR0917  the container hands over the shared parts by position
        self,
        local: CollectionService,
        rows: SharedWindowRepository,
        backend: TaskBackend,
        clock: Clock,
        observers: Sequence[RunObserver],
        name: str,
        *,
        priority: Priority,
    ) -> None:
        self._local = local
        self._rows = rows
        self._backend = backend
        self._clock = clock
        self._observers = observers
        self._name = name
        self._priority = priority

    def plan(self, requests: Iterable[CollectionRequest]) -> list[Work]:
        """The windows of all requests, in order."""
        return self._local.plan(requests)

    async def collect_all(self, work: Sequence[Work], on_run: Callable[[CollectionRun], None]) -> None:
        """Have every window collected; `on_run` hears of each as it ends. Stops asking once the token is refused.

        Raises DatabaseUnavailable where it cannot be learned what came of them; whatever ends this takes the windows
        back that nobody has begun.
        """
        if not self._backend.opened:
            # A command that runs a job itself, for one.
            await self._local.collect_all(work, on_run)
            return
        if not work:
            return
        numbers = await self._rows.add(self._priority.name.lower(), work)
        waiting = dict(zip(numbers, work, strict=True))
        try:
            await self._submit(numbers)
            swept_at = time.monotonic()
            while waiting:
                await asyncio.sleep(LOOK_SECONDS)
                refused: CollectionRun | None = None
                for ended in await self._rows.ended(waiting):
                    run = await self._notified(ended, waiting.pop(ended.window_id))
                    on_run(run)
                    refused = run if run.error_class == AccessDenied.__name__ else refused
                if refused:
                    await self._refuse(waiting, refused, on_run)
                if waiting and time.monotonic() - swept_at >= SWEEP_SECONDS:
                    swept_at = time.monotonic()
                    await self._submit(await self._rows.sweep(waiting, dead_workers))
        finally:
            if waiting:
                await asyncio.shield(self._take_back(list(waiting)))

    async def _take_back(self, numbers: Sequence[int]) -> None:
        with suppress(DatabaseUnavailable):  # what is left is collected once more, which changes nothing
            await self._rows.cancel(numbers)

    async def _submit(self, numbers: Sequence[int]) -> None:
        """What waits already is not doubled."""
        await self._backend.submit_many([Task(KIND, str(number), self._priority) for number in numbers])

    async def _notified(self, ended: EndedWindow, work: Work) -> CollectionRun:
        """The run, which this process has not heard of where another had the window."""
        run = ended.run or self._failed(work, ended.lost, ended.why)
        if ended.by != self._name:
            for observer in self._observers:
                await observer.observe(run)
        return run

    async def _refuse(
        self, waiting: dict[int, Work], run: CollectionRun, on_run: Callable[[CollectionRun], None]
    ) -> None:
        await self._rows.cancel(list(waiting))
        for work in waiting.values():
            on_run(self._failed(work, run.error_class, run.error_message))
        waiting.clear()

    def _failed(self, work: Work, error_class: str, message: str) -> CollectionRun:
        now = self._clock.now()
        return CollectionRun.begun(self._local.source_name, work, now).failed(error_class, message, now)
