"""One outage of the platform is one message when it begins and one when it ends, however it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app.db.engine import Database
from tests.support.outage_world import DOWN, Outage, an_outage
from tests.support.store_factory import opened

ONCE = ["fired platform_down", "resolved platform_down"]
MINUTE = 60.0


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as database:
        yield database


async def quick(it: Outage, *, series: int) -> None:
    """Refused, reset, 503, 302, empty: a window fails within half a minute, a look every two minutes."""
    for minute in range(0, 16, 2):
        await it.run("running")
        await it.passes(15)
        for number in range(series if minute % 10 == 0 else 1):
            await it.window(took=15, error=DOWN, item=f"item{number}")
        await it.run("failed", began=15)
        await it.passes(105)


async def hangs(it: Outage, *, series: int) -> None:
    """A question waits for minutes; the slots meanwhile are skipped, and the next question begins anew."""
    for _ in range(2):
        await it.run("running")
        for _ in range(3):
            await it.passes(120)
            await it.run("skipped")
        for number in range(series):
            await it.window(took=360, error=DOWN, item=f"item{number}")
        await it.run("failed", began=360)
        await it.passes(60)


async def drips(it: Outage, *, series: int) -> None:
    """An answer of which a byte comes now and then is given up after half an hour."""
    await it.run("running")
    await it.passes(60)
    for _ in range(16):
        await it.passes(120, step=120)
        await it.run("skipped")
    for number in range(series):
        await it.window(took=1920, error=DOWN, item=f"item{number}")
    await it.run("failed", began=1920)
    await it.passes(60)
    await it.run("running")
    await it.passes(120)


async def changes_hands(it: Outage, *, series: int) -> None:
    """The leader is lost twice while its question waits."""
    for _ in range(3):
        await it.run("running")
        await it.passes(300)
        await it.new_leader()
        await it.passes(20)
    for number in range(series):
        await it.window(took=300, error=DOWN, item=f"item{number}")


async def told_to_wait_meanwhile(it: Outage, *, series: int) -> None:
    """The platform's gateway limits us in the middle of it."""
    await quick(it, series=series)
    await it.told_to_wait(600)
    await it.window(error="RateLimited")
    await it.passes(900, step=90)
    await quick(it, series=1)


Way = Callable[..., Awaitable[None]]


@pytest.mark.parametrize(
    ("way", "series"),
    [(quick, 1), (quick, 24), (hangs, 1), (hangs, 24), (drips, 1), (changes_hands, 1), (told_to_wait_meanwhile, 24)],
)
async def test_each_way_to_fail_is_told_once_and_its_end_once(
    database: Database, database_url: str, way: Way, series: int
) -> None:
    async with an_outage(database, database_url, ["platform_down"]) as it:
        await it.window()
        await it.passes(20)
        begun = it.now
        await way(it, series=series)
        assert it.messages() == ONCE[:1]
        assert (it.told.events[0].at - begun).total_seconds() <= 60
        await it.window()
        await it.passes(20)
        assert it.messages() == ONCE
        for _ in range(4):
            await it.run("succeeded")
            await it.window()
            await it.passes(300, step=150)
        assert it.messages() == ONCE


async def test_what_an_outage_caused_is_never_told_after_it(database: Database, database_url: str) -> None:
    """Hundreds of failed windows, late data, gaps and failed jobs stand in the tables for hours after the end."""
    async with an_outage(database, database_url) as it:
        for number in range(30):
            await it.window(item=f"item{number}")
        await it.run("succeeded")
        await it.passes(30)
        for _ in range(4):
            for number in range(30):
                await it.window(took=20, error=DOWN, item=f"item{number}")
            await it.run("failed", job="platform_health", began=20)
            await it.run("failed", job="collect:item1", began=500)
            await it.passes(10 * MINUTE, step=MINUTE)
        async with database.connection() as connection:
            await connection.execute("insert into scheduler_jobs (id, job_state) values ('collect:item1', '')")
            await connection.execute(
                "insert into collection_hourly select (jsonb_populate_record(null::collection_hourly, jsonb_object_agg("
                "column_name, value))).* from (select column_name, case column_name when 'hour' then "
                "to_jsonb(date_trunc('hour', clock.now())) when 'item' then '\"item1\"' when 'area' then '\"x\"' "
                "when 'runs' then '100' when 'failed_runs' then '90' when 'last_success_at' then 'null' else '0' end"
                "::jsonb as value from information_schema.columns where table_name = 'collection_hourly') as columns"
            )
            await connection.execute(
                "insert into data_lateness (item, area, newest_start, resolution, due_at, asked_at, changed_at) "
                "select 'item2', '10YFR-RTE------C', at - interval '9 h', 5, at - interval '8 h', at, at "
                "from clock.moment"
            )
            await connection.execute(
                "insert into gaps (item, area, gap_start, gap_end, resolution, missing, reason, since, found_at) "
                "select 'item1', '10YFR-RTE------C', at - interval '5 h', at - interval '4 h', 5, 4, 'ours', "
                "at - interval '3 h', at from clock.moment"
            )
        await it.passes(MINUTE)
        assert it.messages() == ONCE[:1]
        await it.window()
        await it.passes(30)
        assert it.messages() == ONCE
        for _ in range(26):
            await it.window(item="another")
            await it.run("succeeded")
            await it.passes(10 * MINUTE, step=10 * MINUTE)
        assert it.messages() == ONCE


async def test_what_fails_after_an_outage_is_told(database: Database, database_url: str) -> None:
    async with an_outage(database, database_url, ["platform_down", "runs_failing", "collection_failing"]) as it:
        await hangs(it, series=24)
        await it.window()
        await it.passes(60)
        for _ in range(12):
            await it.window(error="MalformedDocument")
        await it.passes(120)
        assert it.messages()[:2] == ONCE
        assert sorted(it.messages()[2:]) == ["fired collection_failing", "fired runs_failing"]
