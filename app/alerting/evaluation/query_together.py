"""Asks quick statements of ours that are due together as one: most of what each costs alone is its round trip."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from app.alerting.queries import QueryFailed, QueryRow

GATHER_SECONDS = 0.005
QUICK_SECONDS = 0.2
"""A statement that took longer alone holds up no others."""
SLOW_SECONDS = 1.0
"""A combination that took longer has a statement that is quick no more."""

AskedAlone = Callable[[str, timedelta], Awaitable[list[QueryRow]]]
AskedTogether = Callable[[tuple[str, ...], timedelta], Awaitable[list[list[QueryRow]]]]
"""Gives the rows of each of several statements at once; QueryFailed where one of them fails."""


@dataclass(frozen=True, slots=True)
class _Asked:
    sql: str
    time_out: timedelta
    answer: asyncio.Future[list[QueryRow]]


class CombinedQueries:
    """The statements that were quick the last time; each of the others is asked `alone`."""

    def __init__(self, alone: AskedAlone, together: AskedTogether) -> None:
        self._alone = alone
        self._together = together
        self._quick: set[str] = set()
        self._asked: list[_Asked] = []
        self._asking: asyncio.Task[None] | None = None

    async def rows(self, sql: str, time_out: timedelta) -> list[QueryRow]:
        if sql not in self._quick:
            return await self._timed(sql, time_out)
        asked = _Asked(sql, time_out, asyncio.get_running_loop().create_future())
        self._asked.append(asked)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(), name="statements of rules")
        try:
            return await asked.answer
        except _AloneError:
            return await self._timed(sql, time_out)

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    async def _timed(self, sql: str, time_out: timedelta) -> list[QueryRow]:
        self._quick.discard(sql)
        begun = time.perf_counter()
        found = await self._alone(sql, time_out)
        if time.perf_counter() - begun <= QUICK_SECONDS:
            self._quick.add(sql)
        return found

    async def _ask(self) -> None:
        try:
            while self._asked:
                await asyncio.sleep(GATHER_SECONDS)
                time_out = self._asked[0].time_out
                batch = [asked for asked in self._asked if asked.time_out == time_out]
                self._asked = [asked for asked in self._asked if asked.time_out != time_out]
                await self._answer(batch, time_out)
        finally:
            self._asking = None
            left, self._asked = self._asked, []
            _each_alone(left)

    async def _answer(self, batch: list[_Asked], time_out: timedelta) -> None:
        """The answers of a batch; where it fails as a whole, or one is slow, its statements are asked alone next."""
        queries = tuple(sorted({asked.sql for asked in batch}))
        begun = time.perf_counter()
        try:
            found = dict(zip(queries, await self._together(queries, time_out), strict=True))
            if time.perf_counter() - begun > SLOW_SECONDS:
                self._quick.difference_update(queries)
            for asked in batch:
                if not asked.answer.done():
                    asked.answer.set_result(found[asked.sql])
        except QueryFailed:
            self._quick.difference_update(queries)
        finally:
            _each_alone(batch)


class _AloneError(Exception):
    """The statement is to be asked alone."""


def _each_alone(batch: list[_Asked]) -> None:
    """Those of a batch that have no answer are to be asked alone."""
    for asked in batch:
        if not asked.answer.done():
            asked.answer.set_exception(_AloneError())
