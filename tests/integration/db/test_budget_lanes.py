"""The lanes of a token's budget; the steps are minutes long, so that no test hangs on the speed of the machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from app.db.engine import Database
from app.db.rate_limit import PostgresBudget, token_id
from app.db.rate_limit_lanes import Lane, LaneBudget, Slot, steady_rate
from tests.support.store_factory import opened

TOKEN = token_id("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
STEP = 61.0


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


def lane(database: Database, name: Lane, *, share: float = 0.2) -> LaneBudget:
    return LaneBudget(database, TOKEN, name, requests_per_minute=1, burst=1, share=share)


async def execute(database: Database, statement: str) -> None:
    async with database.connection() as connection:
        await connection.execute(statement)


async def contend(database: Database, steps: int = 3) -> None:
    """Live requests have taken so many slots of the future."""
    live = PostgresBudget(database, TOKEN, requests_per_minute=1, burst=1)
    for _ in range(steps + 1):
        await live._reserve()


async def test_a_lane_takes_a_slot_that_is_free_and_no_second_one(database: Database) -> None:
    backfill = lane(database, Lane.BACKFILL)
    assert (await backfill.ask()).taken
    refused = await backfill.ask()
    assert not refused.taken
    assert STEP - 5 < refused.seconds <= STEP


async def test_while_live_requests_wait_backfill_gets_one_slot_in_each_turn_of_its_share(database: Database) -> None:
    backfill = lane(database, Lane.BACKFILL)
    await contend(database)
    first = await backfill.ask()
    assert first.taken
    assert 3 * STEP - 5 < first.seconds <= 4 * STEP
    assert (await backfill.ask()).taken is False
    await execute(database, f"update token_budgets set backfill_due = backfill_due - interval '{STEP / 0.2} seconds'")
    assert (await backfill.ask()).taken
    assert (await backfill.ask()).taken is False


async def test_a_live_request_waits_no_longer_than_a_step_for_a_greedy_backfill(database: Database) -> None:
    backfill = lane(database, Lane.BACKFILL)
    for _ in range(50):
        await backfill.ask()
    live = PostgresBudget(database, TOKEN, requests_per_minute=1, burst=1)
    seconds, *_ = await live._reserve()
    assert 0 < seconds <= STEP


async def test_backfill_leaves_free_slots_to_gaps_that_wait(database: Database) -> None:
    gap, backfill = lane(database, Lane.GAP), lane(database, Lane.BACKFILL)
    assert (await gap.ask()).taken
    assert (await backfill.ask()).taken  # its share
    assert not (await gap.ask()).taken
    await execute(
        database,
        "update token_budgets set theoretical_arrival = now() - interval '1 hour', gap_waits_until = now() + interval '1 hour'",
    )
    assert not (await backfill.ask()).taken
    assert (await gap.ask()).taken
    await execute(database, "update token_budgets set theoretical_arrival = now() - interval '1 hour'")
    assert (await backfill.ask()).taken


async def test_a_blocked_token_gives_no_slot_to_any_lane(database: Database) -> None:
    until = datetime.now(UTC) + timedelta(minutes=10)
    for name in Lane:
        one = lane(database, name)
        await one.block(until)
        refused = await one.ask()
        assert not refused.taken
        assert 500 < refused.seconds <= 600


async def test_lanes_and_live_requests_together_keep_the_budget_over_all_processes(database_url: str) -> None:
    per_minute, slots = 100, list[float]()
    loop = asyncio.get_running_loop()

    async def note(seconds: float) -> None:
        slots.append(loop.time() + seconds)

    async def live() -> None:
        async with opened(database_url) as own:
            budget = PostgresBudget(own, TOKEN, requests_per_minute=per_minute, burst=20, sleep=note)
            await asyncio.gather(*(budget.acquire() for _ in range(60)))

    async def waiting(name: Lane) -> None:
        async with opened(database_url) as own:
            budget = LaneBudget(own, TOKEN, name, requests_per_minute=per_minute, burst=20, share=0.2)
            for _ in range(100):
                slot = await budget.ask()
                if slot.taken:
                    await note(max(0.0, slot.seconds))

    await asyncio.gather(live(), waiting(Lane.BACKFILL), waiting(Lane.GAP), waiting(Lane.BACKFILL), live())
    slots.sort()
    assert len(slots) > per_minute
    # The slots are noted a moment after the server gave them.
    assert all(later - earlier > 58 for earlier, later in zip(slots, slots[per_minute:], strict=False))


async def test_of_those_who_wait_in_a_process_one_asks(database: Database) -> None:
    asked, now = 0, asyncio.get_running_loop().time()
    said = ((False, 7.0), (True, -1.0), (True, 2.0))
    answers = iter([Slot(taken=taken, seconds=seconds, asked_at=now) for taken, seconds in said])
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    class Scripted(LaneBudget):
        async def ask(self) -> Slot:
            nonlocal asked
            asked += 1
            return next(answers)

    budget = Scripted(database, TOKEN, Lane.BACKFILL, requests_per_minute=1, burst=1, share=0.2, sleep=sleep)
    await asyncio.gather(budget.acquire(), budget.acquire())
    assert asked == 3
    assert sorted(slept) == [0.0, 2.0, 5.0]


def test_the_steady_rate_leaves_room_for_the_burst() -> None:
    assert steady_rate(360, 15) * 60 == pytest.approx(346 * 60 / 61, rel=0.001)


async def test_a_clock_of_the_server_that_went_back_by_an_hour_holds_no_lane_up_for_an_hour(database: Database) -> None:
    step = timedelta(seconds=61 / 60)
    lanes = {name: LaneBudget(database, TOKEN, name, requests_per_minute=60, burst=1, share=0.4) for name in Lane}
    for one in lanes.values():
        await one.ask()
    await execute(
        database,
        "update token_budgets set theoretical_arrival = theoretical_arrival + interval '1 hour', "
        "gap_due = gap_due + interval '1 hour', backfill_due = backfill_due + interval '1 hour'",
    )
    live = PostgresBudget(database, TOKEN, requests_per_minute=60, burst=1)
    first, *_ = await live._reserve()
    second, *_ = await live._reserve()
    # What was let out before the step may still be on its way for a minute.
    assert 55 < first <= 60 + 2 * step.total_seconds()
    assert 0 < second - first <= step.total_seconds()
    for one in lanes.values():
        answer = await one.ask()
        assert not answer.taken
        assert answer.seconds <= step.total_seconds() / 0.4
