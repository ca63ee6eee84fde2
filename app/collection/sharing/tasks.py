"""Runs the tasks of shared windows in any process, in the lane that the row names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from uuid import UUID

import structlog

from app.collection.backfill.window_runner import STEADY_BEATS, Collector
from app.collection.sharing.repository import SharedWindow, SharedWindowRepository
from app.errors import DatabaseUnavailable
from app.logging import OutageLog

KIND = "window"


class SharedWindowTasks:
    """Claims the window that a key names, collects it and says what came of it."""

    def __init__(self, rows: SharedWindowRepository, lanes: Mapping[str, Collector], name: str) -> None:
        self._rows = rows
        self._lanes = lanes
        self._name = name
        self._under_way: dict[UUID, asyncio.Task[None]] = {}
        self._lost: set[UUID] = set()
        self._log = structlog.get_logger()
        self._away = OutageLog("window_lease_failed", "window_lease_recovered")

    async def run_one(self, key: str) -> None:
        """The task; who loses the lease stops, because others may hold it or nobody waits any more."""
        claiming = asyncio.create_task(self._rows.claim(int(key), self._name))
        try:
            window = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            # A claim that is interrupted may have been committed.
            if window := await claiming:
                await self._hand_back(window)
            raise
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

    async def _collect(self, window: SharedWindow) -> None:
        try:
            await self._rows.end(window, await self._lanes[window.lane].collect(window.work))
        except asyncio.CancelledError:
            if window.lease not in self._lost:
                await asyncio.shield(self._hand_back(window))
            raise
        except DatabaseUnavailable as error:
            # Its lease runs out, and whoever waits for it has it collected again.
            self._log.warning("shared_window_left", window=str(window.work.window), error=str(error))
        except Exception as error:
            await self._rows.fail(window, error)
            raise

    async def _hand_back(self, window: SharedWindow) -> None:
        try:
            await self._rows.hand_back(window)
        except DatabaseUnavailable as error:
            self._log.warning("shared_window_left", window=str(window.work.window), error=str(error))

    async def keep_leases(self) -> None:
        """Renew what is under way, for as long as this process works."""
        while True:
            await asyncio.sleep(self._rows.lease.total_seconds() / STEADY_BEATS)
            held = set(self._under_way)
            if not held:
                continue
            try:
                kept = await self._rows.extend(held)
            except DatabaseUnavailable as error:
                self._away.met(error)
                continue
            self._away.over()
            for lease in held - kept:
                if task := self._under_way.get(lease):
                    self._lost.add(lease)
                    task.cancel()
