"""Runs the tasks of shared windows in any process, in the lane that the row names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from app.collection.backfill.window_runner import Collector
from app.collection.sharing.repository import SharedWindow, SharedWindowRepository
from app.errors import DatabaseUnavailable
from app.logging import OutageLog
from app.tasks.held_leases import HeldLeases, claimed

KIND = "window"


class SharedWindowTasks:
    """Claims the window that a key names, collects it and says what came of it."""

    def __init__(self, rows: SharedWindowRepository, lanes: Mapping[str, Collector], name: str) -> None:
        self._rows = rows
        self._lanes = lanes
        self._name = name
        self._log = structlog.get_logger()
        self._leases = HeldLeases(rows.extend, rows.lease, OutageLog("window_lease_failed", "window_lease_recovered"))

    async def run_one(self, key: str) -> None:
        """The task; who loses the lease stops, because others may hold it or nobody waits any more."""
        window = await claimed(self._rows.claim(int(key), self._name), self._hand_back)
        if window is None:
            return
        with self._leases.holding(window.lease):
            await self._collect(window)

    async def _collect(self, window: SharedWindow) -> None:
        try:
            await self._rows.end(window, await self._lanes[window.lane].collect(window.work))
        except asyncio.CancelledError:
            if not self._leases.lost(window.lease):
                await asyncio.shield(self._hand_back(window))
            raise
        except DatabaseUnavailable as error:
            # Its lease runs out, and whoever waits for it has it collected again.
            self._log.warning("shared_window_left", window=str(window.work.window), error=str(error))
        except Exception as error:
            await self._rows.fail(window.lease, error)
            raise

    async def _hand_back(self, window: SharedWindow) -> None:
        try:
            await self._rows.hand_back(window.lease)
        except DatabaseUnavailable as error:
            self._log.warning("shared_window_left", window=str(window.work.window), error=str(error))

    async def keep_leases(self) -> None:
        """Renew what is under way, for as long as this process works."""
        await self._leases.keep()
