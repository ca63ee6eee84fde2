"""Hands work to whichever process takes its queue, and waits for what comes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from app.db.leases.repository import Dead
from app.errors import DatabaseUnavailable, JobFailed
from app.tasks.backend import Priority, Task, TaskBackend
from app.tasks.work_items.models import ItemContent
from app.tasks.work_items.repository import WorkItemRepository
from app.tasks.work_items.runner import KIND

LOOK_SECONDS = 0.5
SWEEP_SECONDS = 5.0
"""Between two looks for items whose task or worker is gone."""
ABANDONED_SECONDS = 60.0
"""So long nobody takes the queue before the work is taken back."""


class Abandoned(JobFailed):
    """Nobody takes such work any more; what was not done is taken back, and can be done here."""


class WorkSharing:
    """One process's way to have work done by others."""

    def __init__(
        self, rows: WorkItemRepository, backend: TaskBackend, dead: Dead, *, abandoned_after: float = ABANDONED_SECONDS
    ) -> None:
        self._rows = rows
        self._backend = backend
        self._dead = dead
        self._abandoned_after = abandoned_after

    def taken(self, priority: Priority) -> bool:
        """Whether somebody else takes such work; only then it is handed over."""
        return self._backend.opened and self._backend.taken(priority)

    async def do(self, kind: str, wanted: Sequence[ItemContent], priority: Priority) -> list[ItemContent]:
        """What came of each, in order. JobFailed where one failed, Abandoned where nobody takes them any more.

        Whatever ends this takes the items back that nobody has ended.
        """
        numbers = await self._rows.add(kind, wanted)
        waiting, results = set(numbers), dict[int, ItemContent]()
        try:
            await self._submit(numbers, priority)
            swept_at = taken_at = time.monotonic()
            while waiting:
                await asyncio.sleep(LOOK_SECONDS)
                await self._look(waiting, results, kind)
                now = time.monotonic()
                taken_at = now if self.taken(priority) else taken_at
                if waiting and now - taken_at >= self._abandoned_after:
                    raise Abandoned(f"no worker takes the queue {priority.name.lower()} any more")
                if waiting and now - swept_at >= SWEEP_SECONDS:
                    swept_at = now
                    await self._submit(await self._rows.sweep(waiting, self._dead), priority)
        finally:
            if waiting:
                await asyncio.shield(self._take_back(list(waiting)))
        return [results[number] for number in numbers]

    async def _take_back(self, numbers: Sequence[int]) -> None:
        with suppress(DatabaseUnavailable):  # what is left is done once more, which changes nothing
            await self._rows.cancel(numbers)

    async def _look(self, waiting: set[int], results: dict[int, ItemContent], kind: str) -> None:
        for ended in await self._rows.ended(waiting):
            waiting.discard(ended.item_id)
            if ended.error:
                raise JobFailed(f"{kind.replace('_', ' ')}: {ended.error}")
            results[ended.item_id] = ended.result

    async def _submit(self, numbers: Sequence[int], priority: Priority) -> None:
        """What waits already is not doubled."""
        await self._backend.submit_many([Task(KIND, str(number), priority) for number in numbers])
