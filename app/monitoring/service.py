"""Tells how the service does: success, response times, volumes, lateness, resources, availability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.market.time import Interval
from app.monitoring.models import Lateness, Objective, PairTotals, RunTotals, Sample
from app.monitoring.queries import FigureReads, Served
from app.settings import MonitoringSettings

OBJECTIVE_DAYS = 30
MINUTE = timedelta(minutes=1)


class MonitoringService:
    """Figures over any period. They come from the rollups, so they are at most a round of these behind."""

    def __init__(self, reads: FigureReads, *, settings: MonitoringSettings) -> None:
        self._reads = reads
        self._target = settings.target

    async def by_pair(
        self, interval: Interval, *, items: Sequence[str] | None = None, areas: Sequence[str] | None = None
    ) -> list[PairTotals]:
        """Success, response times and volumes of each item and area (EIC); the interval is widened to whole hours."""
        return await self._reads.by_pair(interval, items=items, areas=areas)

    async def by_item(self, interval: Interval) -> dict[str, RunTotals]:
        """The same of each item over all its areas."""
        return await self._reads.by_item(interval)

    async def overall(
        self, interval: Interval, *, items: Sequence[str] | None = None, areas: Sequence[str] | None = None
    ) -> RunTotals:
        """The same of all of them together."""
        return await self._reads.overall(interval, items=items, areas=areas)

    async def lateness(self) -> list[Lateness]:
        """The newest value of each item and area that is asked for, and how long the next has been due."""
        return await self._reads.lateness()

    async def replicas(self, now: datetime) -> list[Sample]:
        """The newest sample of each replica that lives."""
        return await self._reads.replicas(now)

    async def availability(self, now: datetime) -> Objective:
        """The minutes of the last 30 days, or since the first sign of life, in which a replica served."""
        interval = Interval(now - timedelta(days=OBJECTIVE_DAYS), now)
        return availability(await self._reads.served(interval), interval, self._target)

    async def served(self, interval: Interval) -> Objective:
        """The minutes of any interval in which a replica served, from the first sign of life in the 30 days to its end on."""
        first = await self._reads.first_sign(Interval(interval.end - timedelta(days=OBJECTIVE_DAYS), interval.end))
        within = await self._reads.served(interval)
        return availability(replace(within, first=first), interval, self._target)

    async def reliability(self, now: datetime) -> Objective:
        """The windows of the last 30 days that were answered, with data or without."""
        totals = await self._reads.overall(Interval(now - timedelta(days=OBJECTIVE_DAYS), now))
        return Objective(self._target, totals.runs - totals.failed, totals.runs)


def availability(served: Served, interval: Interval, target: float) -> Objective:
    """How the minutes served stand against the target; a minute is served by one sign of life in it."""
    if served.first is None:
        return Objective(target, 0, 0)
    begun = max(interval.start, served.first).replace(second=0, microsecond=0)
    # The minute that runs counts once it has its sign.
    total = max(int((interval.end - begun) / MINUTE), served.minutes)
    return Objective(target, served.minutes, total)
