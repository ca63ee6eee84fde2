"""The log of changes: in the order of commits, each once, over paging, open transactions, restores and killed writers."""

from __future__ import annotations

import asyncio
import math
import random
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from app.db.engine import Database
from app.db.feed.notices import Notices
from app.db.migrate import migrate
from app.errors import DatabaseUnavailable, Gone
from app.timeseries.changes.models import CHANGE_KINDS, ChangePage, LogPlace
from app.timeseries.changes.repository import ChangeLog
from app.timeseries.changes.service import ChangeFeed
from app.timeseries.repository import TimeSeriesRepository
from tests.support.change_mirror import Mirror, holds_no_connection, store_something
from tests.support.store_factory import FR, block, hour, hours, opened

Told = list[tuple[str, float, float, float]]

COMPRESS = """
    do $$
    declare chunk regclass;
    begin
        for chunk in select show_chunks('{table}') loop call convert_to_columnstore(chunk); end loop;
    end $$
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url, pool_size=8) as found:
        yield found


@pytest.fixture
def repository(database: Database) -> TimeSeriesRepository:
    return TimeSeriesRepository(database)


@pytest.fixture
def log(database: Database) -> ChangeLog:
    return ChangeLog(database)


async def page(log: ChangeLog, after: LogPlace | None = None, rows: int = 1000, **chosen: list[str]) -> ChangePage:
    return await log.read(after, items=chosen.get("items"), areas=chosen.get("areas"), rows=rows)


def told(found: ChangePage) -> Told:
    """Kind, hour, value and value before; -1 for none."""
    columns = found.changes
    return [
        (
            CHANGE_KINDS[kind],
            (start - hour(0).timestamp()) / 3600,
            *(-1 if math.isnan(x) else x for x in (value, previous)),
        )
        for kind, start, value, previous in zip(
            columns.kinds.tolist(),
            columns.starts.tolist(),
            columns.values.tolist(),
            columns.previous.tolist(),
            strict=True,
        )
    ]


async def test_every_change_is_told_once_as_it_was(repository: TimeSeriesRepository, log: ChangeLog) -> None:
    empty = await page(log)
    assert (told(empty), empty.more) == ([], False)
    await repository.store([block([1, 2, 3])])
    await repository.store([block([1, 2, 3])])  # writes nothing
    await repository.store([block([1, 2, 3], filled=[0])])  # no revision
    await repository.store([block([1, 20])], answered=hours(0, 3))
    await repository.store([block([1, 20, 30, 40])])
    expected: Told = [
        ("new", 0, 1, -1), ("new", 1, 2, -1), ("new", 2, 3, -1),
        ("revised", 1, 20, 2), ("vanished", 2, -1, 3),
        ("revised", 2, 30, -1), ("new", 3, 40, -1),
    ]  # fmt: skip
    assert told(await page(log)) == told(await page(log, empty.place)) == expected
    for rows in (1, 2, 4):
        place: LogPlace | None = None
        one_by_one: Told = []
        while len((found := await page(log, place, rows)).changes) or found.more:
            place, one_by_one = found.place, one_by_one + told(found)
        assert one_by_one == expected
    assert told(await page(log, await log.end())) == []
    assert told(await page(log, areas=[FR])) == []
    assert (await page(log, areas=[FR])).place == await log.end()


async def test_a_cursor_never_passes_a_transaction_that_is_open(
    database: Database, repository: TimeSeriesRepository, log: ChangeLog
) -> None:
    feed = ChangeFeed(log, notices := Notices(database))
    waiting = asyncio.create_task(feed.follow(await feed.end(), items=None, areas=None, rows=9, wait=60))
    async with database.transaction() as early:
        await early.execute("select pg_current_xact_id()")
        await repository.store([block([1])])
        held = await page(log)
        assert (told(held), held.more, await log.unsettled(), waiting.done()) == ([], False, True, False)
        end = await log.end()
    assert told(await page(log, held.place)) == told(await page(log, end)) == [("new", 0, 1, -1)]
    assert told(await waiting) == [("new", 0, 1, -1)]
    assert not await log.unsettled()
    await notices.close()


async def test_batches_of_one_microsecond_are_told_apart(
    database: Database, repository: TimeSeriesRepository, log: ChangeLog
) -> None:
    """The clock may go back; here every batch that is there lies in the future."""
    await repository.store([block([1, 2])])
    async with database.transaction() as connection:
        await connection.execute("update observations set recorded_at = now() + '1 h'")
        await connection.execute("update change_batches set recorded_at = now() + '1 h' where xid > 0")
    await repository.store([block([10, 2])])
    await repository.store([block([10, 20])])
    assert told(await page(log)) == [
        ("new", 0, 1, -1), ("new", 1, 2, -1), ("revised", 0, 10, 1), ("revised", 1, 20, 2),
    ]  # fmt: skip


async def test_a_place_that_is_kept_no_longer_is_gone_and_an_old_one_at_the_end_is_not(
    database: Database, repository: TimeSeriesRepository, log: ChangeLog
) -> None:
    await repository.store([block([1])])
    first = (await page(log)).place
    await repository.store([block({1: 2})])
    second = (await page(log)).place
    now = datetime.now(UTC)
    assert await log.erase(now - timedelta(days=1)) == 0
    assert await log.erase(now + timedelta(days=1)) == 1
    with pytest.raises(Gone, match=r"GRIDKEEPER_API__CHANGES_DAYS.*after=now"):
        await page(log, first)
    assert told(await page(log, second)) == []
    await repository.store([block({2: 3})])
    assert told(await page(log, second)) == [("new", 2, 3, -1)]


async def test_places_of_another_server_or_another_past_are_gone(
    database: Database, repository: TimeSeriesRepository, log: ChangeLog
) -> None:
    await repository.store([block([1])])
    place = await log.end()
    async with database.connection() as connection:
        await connection.execute("update change_batches set recorded_at = recorded_at + interval '1 microsecond'")
    with pytest.raises(Gone, match="restored from a copy"):
        await page(log, place)
    place = await log.end()
    async with database.connection() as connection:
        await connection.execute("update change_batches set system_id = system_id + 1")
    with pytest.raises(Gone):
        await page(log, place)
    assert told(await page(log)) == []
    await repository.store([block({1: 2})])
    assert told(await page(log)) == [("new", 1, 2, -1)]


async def test_the_end_of_the_service_ends_waiting(database: Database, log: ChangeLog) -> None:
    feed = ChangeFeed(log, notices := Notices(database))
    waiting = asyncio.create_task(feed.follow(await feed.end(), items=None, areas=None, rows=9, wait=60))
    assert await holds_no_connection(database)
    await notices.close()
    assert told(await waiting) == []


async def test_a_mirror_equals_the_source_while_four_write_and_connections_are_killed(
    database: Database, repository: TimeSeriesRepository, log: ChangeLog
) -> None:
    draw = random.Random(7)

    async def write(seed: int) -> None:
        own = random.Random(seed)
        for _ in range(40):
            try:
                await store_something(repository, own)
            except DatabaseUnavailable:
                continue

    mirror = Mirror()
    writers = [asyncio.create_task(write(seed)) for seed in range(4)]
    while not all(writer.done() for writer in writers):
        await asyncio.sleep(0.02)
        await mirror.step(log, draw.randrange(1, 40))
        async with database.connection() as connection:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
                "and state like 'idle in transaction%' and random() < 0.3"
            )
    await asyncio.gather(*writers)
    await mirror.catch_up(log)
    assert await mirror.differences(database) == []
    assert len(mirror.told) > 500


async def test_changes_in_compressed_chunks_are_told_as_in_plain_tables(timescale_url: str) -> None:
    mirror = Mirror()
    async with opened(timescale_url) as database:
        await migrate(database)
        repository, log = TimeSeriesRepository(database), ChangeLog(database)
        await repository.store([block(range(2000))])
        await mirror.step(log, 700)
        await repository.store([block([10.0] * 1500)], answered=hours(0, 2000))
        async with database.connection() as connection:
            for table in ("observations", "observation_revisions"):
                await connection.execute(COMPRESS.format(table=table))
        await mirror.catch_up(log)
        assert await mirror.differences(database) == []
    assert len(mirror.told) == 4000 - 1


@pytest.mark.long
async def test_a_mirror_equals_the_source_while_four_processes_write_and_are_killed(
    database: Database, database_url: str, log: ChangeLog
) -> None:
    draw = random.Random(11)

    async def started(seed: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.change_mirror", database_url, str(seed)
        )

    mirror, loop = Mirror(), asyncio.get_running_loop()
    writers = [await started(seed) for seed in range(4)]
    until, kill_at = loop.time() + 25, loop.time() + 4
    try:
        while loop.time() < until:
            await mirror.step(log, draw.randrange(1, 500))
            if loop.time() >= kill_at:
                victim = draw.randrange(4)
                writers[victim].send_signal(signal.SIGKILL)
                await writers[victim].wait()
                writers[victim] = await started(draw.randrange(1_000_000))
                kill_at = loop.time() + 2
            await asyncio.sleep(0.02)
    finally:
        for writer in writers:
            writer.kill()
            await writer.wait()
    async with database.connection() as connection:
        await connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'"
        )
    await mirror.catch_up(log)
    assert await mirror.differences(database) == []
    assert len(mirror.told) > 500
