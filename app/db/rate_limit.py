"""The request budget of a token: one row in the database, shared by every process that uses the token."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from app.db.engine import Database
    from app.settings import EntsoeSettings

SLACK = timedelta(seconds=1)
"""A request may start so much later than its slot."""
NOTABLE_WAIT = 3.0
"""Seconds of waiting that are worth telling a person about."""

# No queue is as long as 2000 requests: the server's clock went back, and all would wait for it to come here again. What
# was let out before that is over after a minute.
PLAUSIBLE = """case
            when {row}.theoretical_arrival < greatest({row}.blocked_until, {now}) + 2000 * $2::interval
                then {row}.theoretical_arrival
            else greatest({row}.blocked_until, {now}) + interval '1 minute'
        end"""

# The generic cell rate algorithm. `theoretical_arrival` is when the bucket would be empty again; a request takes its
# slot by moving it one step ($2) on and may start `$3` before it. The row lock makes the requests of all processes
# queue up, and the server's clock is the only one that counts. The commit need not wait for the disk: a crash of the
# server would forget some milliseconds of the budget.
_RESERVE = f"""
    insert into token_budgets as budget (token_id, theoretical_arrival)
    values ($1, clock_timestamp() + $2::interval)
    on conflict (token_id) do update
    set theoretical_arrival = greatest(
        {PLAUSIBLE.format(row="budget", now="clock_timestamp()")}, budget.blocked_until, clock_timestamp()
    ) + $2::interval
    returning
        extract(epoch from greatest(theoretical_arrival - $3::interval, blocked_until) - clock_timestamp())::float8 as seconds,
        coalesce(blocked_until > clock_timestamp(), false) as blocked,
        nextval('questions') as question,
        set_config('synchronous_commit', 'off', true)
"""  # noqa: S608  constants

_BLOCK = """
    insert into token_budgets as budget (token_id, theoretical_arrival, blocked_until)
    values ($1, clock_timestamp(), $2)
    on conflict (token_id) do update
    set blocked_until = greatest(budget.blocked_until, excluded.blocked_until)
"""

# Null while everybody waits, else the number of the question that is asked now.
_START = """
    select case
        when exists (select from token_budgets where token_id = $1 and blocked_until > clock_timestamp()) then null
        else nextval('questions')
    end
"""


def token_id(secret: str) -> str:
    """The name of a token in the database: a digest, from which the token cannot be derived."""
    return hashlib.sha256(b"gridkeeper token " + secret.encode()).hexdigest()[:16]


def token_id_of(settings: EntsoeSettings) -> str:
    return token_id(settings.token.get_secret_value() if settings.token else "")


def pace(requests_per_minute: int, burst: int) -> tuple[timedelta, timedelta]:
    """The step between two requests, and how far ahead of the steady pace a request may start.

    The steady pace leaves room for the burst, so that both together keep the budget: within a minute, its first and
    last instant included, can start at most `burst` requests at once and then one each step, in all
    floor(60 / step) + burst. A minute counts as `SLACK` longer, so that a request that starts a little late may stay
    where it is. A burst above a quarter of the budget would leave the steady pace too little, and is cut to that.
    """
    burst = max(1, min(burst, requests_per_minute // 4))
    step = (timedelta(minutes=1) + SLACK) / (requests_per_minute - burst + 1)
    return step, step * burst


def in_time(due: float) -> bool:
    """Whether a slot is one still. Frozen, or cut off from the database, a process learns of it too late.

    `due` is reckoned from when the slot was asked for: of the answer nobody knows how long it was under way.
    """
    return asyncio.get_running_loop().time() - due <= SLACK.total_seconds()


class PostgresBudget:
    """Lets at most `requests_per_minute` requests start within any 60 seconds, `burst` of them at once."""

    def __init__(
        self,
        database: Database,
        token_id: str,
        *,
        requests_per_minute: int,
        burst: int,
        on_wait: Callable[[float, str], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._token_id = token_id
        self._on_wait = on_wait
        self._sleep = sleep
        self._step, self._lead = pace(requests_per_minute, burst)

    @classmethod
    def of(cls, database: Database, settings: EntsoeSettings) -> Self:
        return cls(
            database,
            token_id_of(settings),
            requests_per_minute=settings.requests_per_minute,
            burst=settings.burst,
        )

    async def acquire(self) -> int:
        """Returns when a request may start, with its number; waiters are served in the order in which they came."""
        while True:
            seconds, blocked, question, asked_at = await self._reserve()
            due = asked_at + max(0.0, seconds)
            if seconds <= 0:
                if in_time(due):
                    return question
                continue
            if self._on_wait and seconds >= NOTABLE_WAIT:
                self._on_wait(seconds, "the platform asked everybody to wait" if blocked else "request budget")
            await self._sleep(seconds)
            # A slot from before a block is void: all that waited would start at once when it ends.
            if in_time(due) and (started := await self.start(due)) is not None:
                return started

    async def block(self, until: datetime) -> None:
        """Nobody with this token starts a request before the instant; an earlier one changes nothing."""
        async with self._database.connection() as connection:
            await connection.execute(_BLOCK, self._token_id, until)

    async def start(self, due: float) -> int | None:
        """The number of a request that starts now, `due` at the earliest; None where it may not, or is too late."""
        async with self._database.connection() as connection:
            started: int | None = await connection.fetchval(_START, self._token_id)
        return started if in_time(due) else None

    async def _reserve(self) -> tuple[float, bool, int, float]:
        async with self._database.connection() as connection:
            asked_at = asyncio.get_running_loop().time()
            [row] = await connection.fetch(_RESERVE, self._token_id, self._step, self._lead)
        return row["seconds"], row["blocked"], row["question"], asked_at
