"""Adds results up as hours end, in one of the processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from app.clock import Clock
from app.errors import DatabaseUnavailable
from app.kit.periodic import run_every
from app.logging import OutageLog
from app.probes.rollups.repository import RollupLength, RollupRepository, WebsiteRollup

LOOK_SECONDS = 5.0
SETTLED = timedelta(minutes=2)
"""So long after its end an hour is added up: checks that began in it have ended, and their results are kept."""


class RollupKeeper:
    """One process's part, and what is read of it."""

    def __init__(self, rows: RollupRepository, clock: Clock, applies: Callable[[], bool]) -> None:
        self._rows = rows
        self._clock = clock
        self._applies = applies
        self._done: datetime | None = None
        self._away = OutageLog("website_rollups_failed", "website_rollups_recovered")

    async def run(self, stop: asyncio.Event) -> None:
        await run_every(lambda: LOOK_SECONDS, self.look, stop)

    async def look(self) -> None:
        """Add the last hour up once it has ended."""
        hour = (self._clock.now() - SETTLED).replace(minute=0, second=0, microsecond=0)
        if hour == self._done or not self._applies():
            return
        try:
            await self._rows.add_up(hour)
        except DatabaseUnavailable as error:
            self._away.met(error)
            return
        self._away.over()
        self._done = hour

    async def of(self, website_id: int, length: RollupLength, start: datetime, end: datetime) -> list[WebsiteRollup]:
        return await self._rows.of(website_id, length, start, end)

    async def latencies(
        self, website_ids: Sequence[int] | None, start: datetime, end: datetime
    ) -> dict[int, dict[int, int]]:
        return await self._rows.latencies(website_ids, start, end)
