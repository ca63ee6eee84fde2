"""Lets other processes send what is due: a task names a lane of a channel, and the messages stay the truth.

Whoever sends claims one message after the other, as replicas do. What stays due is sent here all the same, so that a
process that has no such channel, or hangs, holds no message up.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress

from app.errors import Conflict, DatabaseUnavailable
from app.tasks.backend import Priority, Task, TaskBackend

KIND = "delivery"
PATIENCE = {True: 2.0, False: 10.0}
"""So many seconds what is critical, and what is not, is left to others."""

DeliveryLane = tuple[str, bool]
"""A channel, and whether of it what is critical or what is not."""


def lane_key(lane: DeliveryLane) -> str:
    """A lane as a task names it."""
    channel, critical = lane
    return f"{'critical' if critical else 'usual'}:{channel}"


def lane_of(key: str) -> DeliveryLane:
    """The lane that a task names."""
    severity, _, channel = key.partition(":")
    return channel, severity == "critical"


class LaneSharing:
    """What this process has offered to others, and since when."""

    def __init__(self, backend: TaskBackend) -> None:
        self._backend = backend
        self._offered: dict[DeliveryLane, float] = {}
        self._offering: asyncio.Task[None] | None = None

    def own(self, due: Collection[DeliveryLane]) -> set[DeliveryLane]:
        """Those of the lanes that this process sends itself; the others are offered, and a queue that hangs holds none up."""
        if not (self._backend.opened and self._backend.taken(Priority.DELIVERIES)):
            self._offered.clear()
            return set(due)
        now = time.monotonic()
        self._offered = {lane: self._offered.get(lane, now) for lane in due}
        mine = {lane for lane, since in self._offered.items() if now - since >= PATIENCE[lane[1]]}
        if due and (self._offering is None or self._offering.done()):
            self._offering = asyncio.create_task(self._offer(list(due)), name="delivery lanes")
        return mine

    async def _offer(self, due: Collection[DeliveryLane]) -> None:
        with suppress(Conflict, DatabaseUnavailable):  # what nobody hears of stays due, and is sent here
            await self._backend.submit_many([Task(KIND, lane_key(one), Priority.DELIVERIES) for one in due])

    async def close(self) -> None:
        """End what is under way."""
        if self._offering is not None:
            self._offering.cancel()
            await asyncio.wait([self._offering])
