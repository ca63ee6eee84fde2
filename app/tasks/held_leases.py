"""The leases that one process holds: renewed while it works, and what lost one is stopped, because others may hold it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from app.errors import DatabaseUnavailable
from app.logging import OutageLog

STEADY_BEATS = 3
"""A lease is renewed so often within its time."""

T = TypeVar("T")


class HeldLeases:
    """What is under way under leases, by lease."""

    def __init__(
        self, extend: Callable[[Collection[UUID]], Awaitable[set[UUID]]], lasts: timedelta, away: OutageLog
    ) -> None:
        self._extend = extend
        self._lasts = lasts
        self._away = away
        self._lost: set[UUID] = set()
        self.under_way: dict[UUID, asyncio.Task[None]] = {}

    @contextmanager
    def holding(self, lease: UUID) -> Iterator[None]:
        """Within the block the running task holds the lease."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("what a lease is for is done inside a task")
        self.under_way[lease] = task
        try:
            yield
        finally:
            del self.under_way[lease]
            self._lost.discard(lease)

    def lost(self, lease: UUID) -> bool:
        """Whether the task is being stopped because its lease is no longer its own."""
        return lease in self._lost

    async def keep(self) -> None:
        """Renew what is under way, for as long as this process works."""
        while True:
            await asyncio.sleep(self._lasts.total_seconds() / STEADY_BEATS)
            held = set(self.under_way)
            if not held:
                continue
            try:
                kept = await self._extend(held)
            except DatabaseUnavailable as error:
                self._away.met(error)
                continue
            self._away.over()
            for lease in held - kept:
                if task := self.under_way.get(lease):
                    self._lost.add(lease)
                    task.cancel()


async def claimed(claim: Coroutine[Any, Any, T | None], hand_back: Callable[[T], Awaitable[None]]) -> T | None:
    """What was claimed; a claim that is interrupted may have been committed, and is then handed back."""
    claiming = asyncio.create_task(claim)
    try:
        return await asyncio.shield(claiming)
    except asyncio.CancelledError:
        if found := await claiming:
            await hand_back(found)
        raise
