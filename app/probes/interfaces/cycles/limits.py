"""How many requests one host gets at once and in a second; what waits for a confirmation goes first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

BROKEN_AFTER = 10
"""Requests in a row that did not reach a host, after which the others of the cycle are spared it."""


class HostLimits:
    """The slots of one host within a cycle."""

    def __init__(self, concurrency: int, rate: float) -> None:
        self._free = concurrency
        self._apart = 1 / rate
        self._next = 0.0
        self._waiting: list[tuple[bool, int, asyncio.Future[None]]] = []
        self._number = 0
        self._unreached = 0
        self.broken = ""
        """Why the host is not asked any more in this cycle."""

    @asynccontextmanager
    async def slot(self, *, urgent: bool = False) -> AsyncIterator[None]:
        """A place among the requests of the host, in the pace of its rate."""
        await self._acquire(urgent=urgent)
        try:
            await self.pace()
            yield
        finally:
            self._release()

    async def pace(self) -> None:
        """Wait until the rate of the host allows one more request."""
        loop = asyncio.get_running_loop()
        begin = max(loop.time(), self._next)
        self._next = begin + self._apart
        if begin > loop.time():
            await asyncio.sleep(begin - loop.time())

    def ended(self, *, reached: bool, detail: str) -> None:
        """What came of a request, as far as it tells of the host."""
        self._unreached = 0 if reached else self._unreached + 1
        if self._unreached >= BROKEN_AFTER:
            self.broken = detail

    async def _acquire(self, *, urgent: bool) -> None:
        if self._free > 0:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._waiting, (not urgent, self._number, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release()
            raise

    def _release(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
