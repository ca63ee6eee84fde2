from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db import rate_limit
from app.db.engine import Database
from app.db.rate_limit import SLACK, PostgresBudget, pace, token_id
from app.db.rate_limit_lanes import Lane, LaneBudget
from tests.support.store_factory import opened

TOKEN = token_id("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")


async def test_a_burst_passes_at_once_and_the_rest_at_the_steady_pace(database_url: str) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with opened(database_url) as database:
        budget = PostgresBudget(database, TOKEN, requests_per_minute=40, burst=10, sleep=sleep)
        for _ in range(14):
            await budget.acquire()
    step = 61 / 31
    assert len(slept) == 4
    assert slept[0] <= step
    assert all(abs(later - earlier - step) < 1 for earlier, later in pairwise(slept))


async def test_processes_together_never_start_more_than_the_budget_in_a_minute(database_url: str) -> None:
    per_minute, slots = 100, list[float]()
    loop = asyncio.get_running_loop()

    async def note(seconds: float) -> None:
        slots.append(loop.time() + seconds)

    async def process() -> None:
        async with opened(database_url) as database:
            budget = PostgresBudget(database, TOKEN, requests_per_minute=per_minute, burst=20, sleep=note)
            await asyncio.gather(*(budget.acquire() for _ in range(60)))

    await asyncio.gather(*(process() for _ in range(4)))
    slots.sort()
    assert len(slots) >= 240 - 20
    # The slots are noted a moment after the server gave them.
    assert all(later - earlier > 58 for earlier, later in zip(slots, slots[per_minute:], strict=False))


@given(per_minute=st.integers(1, 400), burst=st.integers(1, 60))
def test_burst_and_steady_pace_together_keep_the_budget(per_minute: int, burst: int) -> None:
    step, lead = pace(per_minute, burst)
    at_once = lead // step
    assert 1 <= at_once <= burst
    # Both ends of the minute count, and the request at its begin may have started late.
    assert (timedelta(minutes=1) + SLACK - timedelta(milliseconds=1)) // step + at_once <= per_minute
    assert step <= (timedelta(minutes=1) + SLACK) / per_minute * 4 / 3 + timedelta(microseconds=1)


async def test_who_wakes_up_after_its_slot_takes_another(database_url: str) -> None:
    loop, slept = asyncio.get_running_loop(), list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        # What a process that was stopped sees: the clock has moved on by more than it wanted to wait.
        if len(slept) == 1:
            moved = loop.time() + seconds + 2
            loop.time = lambda: moved  # type: ignore[method-assign]

    async with opened(database_url) as database:
        budget = PostgresBudget(database, TOKEN, requests_per_minute=1, burst=1, sleep=sleep)
        await budget.acquire()
        try:
            await budget.acquire()
        finally:
            del loop.time
    assert len(slept) == 2


def lane_budget(database: Database, lane: Lane) -> LaneBudget:
    return LaneBudget(database, TOKEN, lane, requests_per_minute=20, burst=5, share=0.2)


@pytest.mark.parametrize("lane", [None, Lane.BACKFILL])
async def test_a_slot_whose_answer_was_long_under_way_is_none(
    database_url: str, lane: Lane | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a cut or a freeze: many such answers come at once, and all would start together."""
    monkeypatch.setattr(rate_limit, "SLACK", timedelta(milliseconds=50))
    async with opened(database_url) as database, opened(database_url) as other:
        live = PostgresBudget(database, TOKEN, requests_per_minute=20, burst=5)
        await live.acquire()
        budget: PostgresBudget | LaneBudget = live if lane is None else lane_budget(database, lane)
        asking: asyncio.Task[int]
        async with other.transaction() as holder:
            await holder.execute("select from token_budgets for update")
            asking = asyncio.create_task(budget.acquire())
            await asyncio.sleep(0.2)
        await asking
        taken = "select extract(epoch from theoretical_arrival - clock_timestamp())::float8 from token_budgets"
        async with other.connection() as connection:
            step, _ = pace(20, 5)
            assert await connection.fetchval(taken) > 2.2 * step.total_seconds(), (
                "three slots are taken, one of them void"
            )


async def test_a_block_holds_everybody_back_also_those_that_already_wait(database_url: str) -> None:
    loop = asyncio.get_running_loop()
    async with opened(database_url) as one, opened(database_url) as other:
        budgets = [PostgresBudget(database, TOKEN, requests_per_minute=600, burst=1) for database in (one, other)]
        await budgets[0].acquire()
        waiting = [asyncio.create_task(budget.acquire()) for budget in budgets]
        begin, until = loop.time(), datetime.now(UTC) + timedelta(seconds=0.6)
        await budgets[1].block(until)
        await budgets[1].block(until - timedelta(hours=1))
        await asyncio.gather(*waiting)
        assert loop.time() - begin >= 0.5


async def test_a_block_of_a_token_nobody_used_yet_is_kept(database_url: str) -> None:
    notes: list[tuple[float, str]] = []

    async def sleep(seconds: float) -> None:
        async with database.connection() as connection:
            await connection.execute("update token_budgets set blocked_until = null")

    async with opened(database_url) as database:
        budget = PostgresBudget(
            database,
            TOKEN,
            requests_per_minute=350,
            burst=15,
            sleep=sleep,
            on_wait=lambda seconds, reason: notes.append((seconds, reason)),
        )
        await budget.block(datetime.now(UTC) + timedelta(minutes=10))
        await budget.acquire()
    [(seconds, reason)] = notes
    assert 590 < seconds <= 600
    assert "wait" in reason


async def test_tokens_have_budgets_of_their_own(database_url: str) -> None:
    async with opened(database_url) as database:
        blocked = PostgresBudget(database, TOKEN, requests_per_minute=350, burst=15)
        free = PostgresBudget(database, token_id("another"), requests_per_minute=350, burst=15)
        await blocked.block(datetime.now(UTC) + timedelta(minutes=10))
        async with asyncio.timeout(30):
            await free.acquire()


async def test_no_transaction_is_held_while_waiting(database_url: str) -> None:
    async with opened(database_url, pool_size=2) as database:
        budget = PostgresBudget(database, TOKEN, requests_per_minute=1, burst=1)
        await budget.acquire()
        waiting = asyncio.create_task(budget.acquire())
        query = "select count(*) from pg_stat_activity where datname = current_database() and state <> 'idle'"
        async with asyncio.timeout(30), database.connection() as one, database.connection() as two:
            await two.execute("update token_budgets set blocked_until = null")
            assert await one.fetchval(query) == 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


def test_the_name_of_a_token_does_not_tell_the_token() -> None:
    assert token_id("secret") == token_id("secret") != token_id("Secret")
    assert len(TOKEN) == 16
    assert "f81d" not in TOKEN
