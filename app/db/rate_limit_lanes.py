"""Lanes of a token's budget for work that may wait: gaps and backfill take what live requests leave, and a share.

Live requests queue in the order in which they come (`PostgresBudget`). A lane never queues while it has no right to a
slot: it asks again. It gets a slot that is free at this moment, gaps before backfill, or, whoever waits, one slot each
`step / share`: its guaranteed share. Every slot of a lane is one of the token's own, so that the limit of the token
holds over all processes and lanes. Where backfill takes all free slots, a live request waits for one step at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from app.db.rate_limit import PLAUSIBLE, PostgresBudget, in_time, pace

if TYPE_CHECKING:
    from app.db.engine import Database

LONGEST_PAUSE, SHORTEST_PAUSE = 5.0, 0.01
"""Seconds between two questions of a lane that has no slot."""


class Lane(StrEnum):
    """Work that yields to live requests."""

    GAP = "gap"
    BACKFILL = "backfill"


# $1 token, $2 step, $3 lead, $4 the interval of the guaranteed share. The row is locked first and the clock read after
# that, in a step of its own: a clock read before the lock would date from before the wait for it.
_ASK = """
    with locked as materialized (
        select * from token_budgets where token_id = $1 for update
    ),
    moment as materialized (
        select locked.*, clock_timestamp() as now from locked
    ),
    judged as materialized (
        select
            now,
            greatest({plausible}, blocked_until, now) + $2::interval as arrival,
            -- Never later than a turn from now, unless the clock went back.
            least(coalesce({lane}_due, now), now + $4::interval) as due,
            coalesce(blocked_until > now, false) as blocked,
            {yields} as yields
        from moment
    ),
    decided as materialized (
        select *, not blocked and (due <= now or (arrival - $3::interval <= now and not yields)) as taken
        from judged
    )
    update token_budgets as budget
    set
        theoretical_arrival = case when taken then arrival else budget.theoretical_arrival end,
        {lane}_due = case
            when taken then least(greatest(due, now - $4::interval), now) + $4::interval
            else due
        end
        {waits}
    from decided
    where budget.token_id = $1
    returning
        taken,
        extract(epoch from case
            when taken then arrival - $3::interval - now
            when blocked then blocked_until - now
            when yields then due - now
            else least(due, arrival - $3::interval) - now
        end)::float8 as seconds,
        set_config('synchronous_commit', 'off', true)
"""

_PLAUSIBLE = PLAUSIBLE.format(row="moment", now="now")
_STATEMENTS = {
    Lane.GAP: _ASK.format(
        lane="gap",
        plausible=_PLAUSIBLE,
        yields="false",
        waits=", gap_waits_until = case when taken then null else now + interval '2 seconds' end",
    ),
    Lane.BACKFILL: _ASK.format(
        lane="backfill",
        plausible=_PLAUSIBLE,
        yields="coalesce(gap_waits_until > now, false)",
        waits="",
    ),
}

_CREATE = """
    insert into token_budgets (token_id, theoretical_arrival)
    values ($1, clock_timestamp())
    on conflict (token_id) do nothing
"""


@dataclass(frozen=True, slots=True)
class Slot:
    """The answer to a lane: it has a slot that begins in `seconds`, or may ask again after them.

    `asked_at`: on the clock of the event loop.
    """

    taken: bool
    seconds: float
    asked_at: float


class LaneBudget:
    """The budget of a token as a lane sees it; the same limit, after everybody in front of it."""

    def __init__(
        self,
        database: Database,
        token_id: str,
        lane: Lane,
        *,
        requests_per_minute: int,
        burst: int,
        share: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._token_id = token_id
        self._statement = _STATEMENTS[lane]
        self._step, self._lead = pace(requests_per_minute, burst)
        self._turn = self._step / share
        self._sleep = sleep
        self._live = PostgresBudget(database, token_id, requests_per_minute=requests_per_minute, burst=burst)
        # Of those who wait in this process one asks; the others would only ask the same.
        self._asking = asyncio.Lock()

    async def acquire(self) -> int:
        """Returns when a request may start, with its number."""
        while True:
            slot = await self._taken()
            seconds = max(0.0, slot.seconds)
            await self._sleep(seconds)
            due = slot.asked_at + seconds
            if in_time(due) and (started := await self._live.start(due)) is not None:
                return started

    async def block(self, until: datetime) -> None:
        """Nobody with this token starts a request before the instant, in no lane."""
        await self._live.block(until)

    async def _taken(self) -> Slot:
        """Asks until there is a slot."""
        async with self._asking:
            while True:
                slot = await self.ask()
                if slot.taken:
                    return slot
                await self._sleep(min(max(slot.seconds, SHORTEST_PAUSE), LONGEST_PAUSE))

    async def ask(self) -> Slot:
        """Takes a slot if the lane has a right to one now."""
        async with self._database.connection() as connection:
            arguments = (self._token_id, self._step, self._lead, self._turn)
            asked_at = asyncio.get_running_loop().time()
            found = await connection.fetch(self._statement, *arguments)
            if not found:
                await connection.execute(_CREATE, self._token_id)
                found = await connection.fetch(self._statement, *arguments)
        return Slot(found[0]["taken"], found[0]["seconds"], asked_at)


def steady_rate(requests_per_minute: int, burst: int) -> float:
    """Requests a second that the budget of a token allows for long."""
    step, _ = pace(requests_per_minute, burst)
    return timedelta(seconds=1) / step
