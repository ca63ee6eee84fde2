"""Adds up what was measured, and looks how late the newest data are: in every replica, one of them at a time.

No job of the scheduler: what is said of a scheduler that stands still must not wait for it.
"""

from __future__ import annotations

import asyncio
import math
import time
from datetime import datetime

import structlog

from app.clock import Clock
from app.errors import DatabaseUnavailable
from app.monitoring.lateness import LatenessKeeper
from app.monitoring.repository import MonitoringRepository
from app.settings import MonitoringSettings

LATENESS_SECONDS = 60.0
"""A look at the newest value of every series reads more than a round of the rollup."""
FIRST_SECONDS = 180.0
"""After the start somebody waits to see what the first cycle brings: until it has, rounds follow each other closely."""
CLOSE_SECONDS = 2.0


class MonitoringUpkeep:
    """Keeps rollups and lateness up to date; erases what is old when housekeeping asks."""

    def __init__(
        self, repository: MonitoringRepository, lateness: LatenessKeeper, clock: Clock, *, settings: MonitoringSettings
    ) -> None:
        self._repository = repository
        self._lateness = lateness
        self._clock = clock
        self._settings = settings
        self._look_at = -math.inf
        self._pairs = 0
        self._settled = False
        self._away = False
        self._log = structlog.get_logger()

    async def run(self, stop: asyncio.Event) -> None:
        """A round now and then until the event is set."""
        stopped = asyncio.ensure_future(stop.wait())
        first_until = time.monotonic() + FIRST_SECONDS
        try:
            while not stop.is_set():
                await self.try_once()
                waits = not self._settled and time.monotonic() < first_until
                closely = min(CLOSE_SECONDS, self._settings.rollup_seconds)
                await asyncio.wait((stopped,), timeout=closely if waits else self._settings.rollup_seconds)
        finally:
            stopped.cancel()

    async def try_once(self) -> bool:
        """A round; False where the database is away, which is reported once."""
        try:
            await self.once()
        except DatabaseUnavailable as error:
            if not self._away:
                self._log.warning("rollups_postponed", error=str(error))
            self._away = True
            return False
        self._away = False
        return True

    async def once(self) -> None:
        """A round, unless another replica is at it."""
        hours = await self._repository.roll_up(raw_days=self._settings.raw_days)
        if hours is not None and time.monotonic() >= self._look_at:
            pairs = await self._lateness.refresh(self._clock.now())
            # While there are none, or others than before, a first collection is under way and somebody waits for it.
            if pairs and pairs == self._pairs:
                self._look_at = time.monotonic() + LATENESS_SECONDS
                self._settled = True
            self._pairs = pairs

    async def tidy(self, now: datetime) -> str:
        """Erase what is older than it is kept; what was done, in words."""
        gone = await self._repository.erase_old(
            now, raw_days=self._settings.raw_days, rollup_days=self._settings.rollup_days
        )
        erased = [f"{count} of {table}" for table, count in gone.items() if count]
        return f"old measurements erased: {', '.join(erased)}" if erased else ""
