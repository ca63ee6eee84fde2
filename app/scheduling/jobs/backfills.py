"""Hands long gaps to a backfill: its windows are rows that the workers of every replica share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.clock import Clock
from app.collection.backfill.models import BackfillRequest
from app.collection.backfill.service import BackfillService
from app.collection.models import CollectionRequest
from app.market.text import counted
from app.scheduling.models import Ticket


class QueuedBackfills:
    """Starts a backfill for what is missing and not queued already."""

    def __init__(
        self, backfills: BackfillService, clock: Clock, *, concurrency: int, profile: str, history_days: int
    ) -> None:
        self._history = timedelta(days=history_days)
        self._cautious = profile == "cautious"
        self._backfills = backfills
        self._clock = clock
        self._concurrency = concurrency

    async def take(self, requests: Sequence[CollectionRequest], ticket: Ticket) -> str:
        """Queue the windows that lack values; says how many."""
        if self._cautious:
            return "no backfill in the cautious profile"
        description = f"{ticket.job} of {ticket.scheduled_for:%Y-%m-%d %H:%M}Z"
        request = BackfillRequest(tuple(requests), concurrency=self._concurrency, description=description)
        plan = await self._backfills.plan(request, self._clock.now())
        if not plan.work:
            return f"no window to backfill, {plan.queued} queued already"
        number = await self._backfills.start(request, plan)
        duration = timedelta(seconds=round(plan.seconds_at_share))
        return f"backfill {number}: {counted(len(plan.work), 'window')}, {duration} at its share of the budget"

    async def prune(self) -> int:
        """Delete backfills that ended long ago; how many."""
        return await self._backfills.prune(self._history)
