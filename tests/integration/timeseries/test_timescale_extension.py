"""TimescaleDB's own features, as far as migrations, policies and statements rely on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg
import numpy as np
import pytest
from asyncpg import exceptions as pg

from app.db.engine import Database
from app.db.migrate import migrate
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution
from app.settings import DatabaseSettings
from app.timeseries.repository import StoreResult, TimeSeriesRepository
from tests.support.timescale_fixtures import clean
from tests.support.timescale_server import TimescaleServer

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

CREATE = """
    create table loads (
        series integer not null,
        delivery_start timestamptz not null,
        value double precision,
        primary key (series, delivery_start)
    )
"""
HYPERTABLE = """
    select create_hypertable('loads', by_range('delivery_start', interval '1 month'), create_default_indexes => false)
"""
COLUMNSTORE = """
    alter table loads set (
        timescaledb.enable_columnstore, timescaledb.segmentby = 'series', timescaledb.orderby = 'delivery_start'
    )
"""
FILL = """
    insert into loads
    select series, start, series
    from generate_series(1, 3) as series,
        generate_series(timestamptz '2024-03-01 00:00Z', '2024-04-30 23:00Z', interval '1 hour') as start
"""
COMPRESS = "select compress_chunk(chunk) from show_chunks('loads') as chunk"
DAILY = """
    create materialized view daily with (timescaledb.continuous, timescaledb.materialized_only = false) as
    select series, time_bucket('1 day', delivery_start, 'Europe/Brussels') as day, count(*) as hours
    from loads
    group by 1, 2
    with no data
"""
UPSERT = """
    insert into loads values ($1, $2, $3)
    on conflict (series, delivery_start) do update set value = excluded.value
"""
APRIL = datetime(2024, 4, 1, tzinfo=UTC)


@pytest.fixture
async def loads(timescale_connection: Connection) -> Connection:
    """A timescale_connection to a database with the hypertable `loads`: three series, two months of hours."""
    for statement in (CREATE, HYPERTABLE, COLUMNSTORE, FILL):
        await timescale_connection.execute(statement)
    return timescale_connection


async def test_the_extension_is_the_community_edition(timescale_connection: Connection) -> None:
    assert await timescale_connection.fetchval("select current_setting('timescaledb.license')") == "timescale"
    assert await timescale_connection.fetchval("select count(*) from pg_extension where extname = 'timescaledb'") == 1


async def test_a_filled_table_becomes_a_hypertable_without_losing_a_row(timescale_connection: Connection) -> None:
    await timescale_connection.execute(CREATE + ";" + FILL)
    before = await timescale_connection.fetchval("select count(*) from loads")
    with pytest.raises(pg.FeatureNotSupportedError, match="not empty"):
        await timescale_connection.execute(HYPERTABLE)
    await timescale_connection.execute(HYPERTABLE.replace("=> false", "=> false, migrate_data => true"))

    assert await timescale_connection.fetchval("select count(*) from loads") == before
    assert await timescale_connection.fetchval("select count(*) from only loads") == 0


async def test_the_columnstore_takes_upserts(loads: Connection) -> None:
    compressed = await loads.fetch(COMPRESS)
    await loads.execute(UPSERT, 1, APRIL, 99.0)
    await loads.execute(UPSERT, 4, APRIL, 100.0)

    assert len(compressed) >= 2
    rows = await loads.fetch("select series, value from loads where delivery_start = $1 order by series", APRIL)
    assert [tuple(row) for row in rows] == [(1, 99), (2, 2), (3, 3), (4, 100)]


async def test_a_continuous_aggregate_counts_local_days_and_their_tail(loads: Connection) -> None:
    await loads.execute(DAILY)
    await loads.execute("call refresh_continuous_aggregate('daily', null, timestamptz '2024-04-15 00:00Z')")
    days = await loads.fetch("""
        select (day at time zone 'Europe/Brussels')::date::text as day, hours from daily where series = 1 order by 1
    """)

    hours = {row["day"]: row["hours"] for row in days}
    assert hours["2024-03-30"] == 24
    assert hours["2024-03-31"] == 23
    assert hours["2024-04-30"] == 24
    assert sum(hours.values()) == await loads.fetchval("select count(*) from loads where series = 1")


async def test_a_refresh_within_a_transaction_is_refused(loads: Connection) -> None:
    await loads.execute(DAILY)
    with pytest.raises(pg.ActiveSQLTransactionError):
        async with loads.transaction():
            await loads.execute("call refresh_continuous_aggregate('daily', null, null)")


async def test_policies_do_their_work_when_they_are_run(loads: Connection) -> None:
    await loads.execute(DAILY)
    await loads.execute("call add_columnstore_policy('loads', after => interval '1 month')")
    await loads.execute("""
        select add_continuous_aggregate_policy(
            'daily', start_offset => null, end_offset => interval '1 hour', schedule_interval => interval '1 hour'
        )
    """)
    await loads.execute("alter materialized view daily set (timescaledb.materialized_only = true)")
    jobs = await loads.fetch("select job_id from timescaledb_information.jobs where job_id >= 1000 order by job_id")
    for job in jobs:
        await loads.execute(f"call run_job({job['job_id']})")

    assert len(jobs) == 2
    chunks = "from timescaledb_information.chunks where hypertable_name = 'loads'"
    assert await loads.fetchval(f"select bool_and(is_compressed) {chunks}")
    assert await loads.fetchval("select sum(hours) from daily") == await loads.fetchval("select count(*) from loads")


async def test_retention_drops_the_chunks_that_are_too_old(loads: Connection) -> None:
    job = await loads.fetchval("select add_retention_policy('loads', drop_after => interval '1 month')")
    await loads.execute(f"call run_job({job})")

    assert await loads.fetchval("select count(*) from loads") == 0


async def test_gapfill_shows_the_hours_without_a_value(loads: Connection) -> None:
    await loads.execute("delete from loads where series = 1 and delivery_start = $1", APRIL + timedelta(hours=1))
    rows = await loads.fetch(
        """
            select time_bucket_gapfill('1 hour', delivery_start, $1::timestamptz, $2::timestamptz) as hour, avg(value) as mean
            from loads
            where series = 1 and delivery_start >= $1 and delivery_start < $2
            group by 1
        """,
        APRIL,
        APRIL + timedelta(hours=3),
    )

    assert [row["mean"] for row in rows] == [1, None, 1]


async def test_our_store_works_on_compressed_hypertables(timescale_url: str) -> None:
    database = Database(DatabaseSettings(), timescale_url)
    await migrate(database)
    repository = TimeSeriesRepository(database)
    starts = int(APRIL.timestamp()) + np.arange(960, dtype=np.int64) * 900
    key = SeriesKey("entsoe", "load_actual", "10YNL----------L", unit="MAW")
    values = np.arange(960, dtype=np.float64)
    corrected = np.where(values < 96, values + 0.5, values)

    def block(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[SeriesBlock]:
        return [SeriesBlock(key, Resolution.PT15M, starts, values, np.zeros(960, bool))]

    learned = [datetime(2024, 6, day, tzinfo=UTC) for day in (1, 2, 3)]
    results = [await repository.store(block(values), learned_at=learned[0])]
    async with database.connection() as connection:
        compressed = await connection.fetch(COMPRESS.replace("loads", "observations"))
    results += [await repository.store(block(values), learned_at=learned[1])]
    results += [await repository.store(block(corrected), learned_at=learned[2])]
    whole = {key.area: Interval(APRIL, APRIL + timedelta(days=10))}
    now, before = [
        [
            value
            async for batch in repository.read(items=["load_actual"], areas=whole, as_of=as_of)
            for value in batch.values
        ]
        for as_of in (None, learned[1])
    ]
    await database.close()

    assert compressed
    assert results == [
        StoreResult(new=960, received=960),
        StoreResult(unchanged=960, received=960),
        StoreResult(revised=96, unchanged=864, received=960),
    ]
    assert now == list(corrected)
    assert before == list(values)


async def test_cleaning_leaves_nothing_but_the_extension(loads: Connection, timescale_url: str) -> None:
    await loads.execute(DAILY)
    await loads.execute("create view v as select 1; create schema other; create table other.t (a int)")
    await loads.execute("create type mood as enum ('good'); create role reader; grant select on loads to reader")
    await loads.execute("create function f() returns int language sql return 1")
    await clean(timescale_url)
    left = await loads.fetchval("""
        select
            (select count(*) from timescaledb_information.hypertables)
            + (select count(*) from pg_tables where schemaname not like all (array['pg_%', '%timescaledb%', 'information_schema']))
            + (select count(*) from pg_roles where rolname = 'reader')
            + (select count(*) from timescaledb_information.jobs where job_id >= 1000)
            + (select count(*) from pg_type where typname = 'mood')
            + (select count(*) from pg_namespace where nspname = 'other')
    """)

    assert left == 0


async def test_the_extension_may_come_after_the_tables(timescale_server: TimescaleServer) -> None:
    server = TimescaleServer.start(extension=False)
    try:
        connection = await asyncpg.connect(server.url)
        before = await connection.fetchval("select count(*) from pg_extension where extname = 'timescaledb'")
        await connection.execute(CREATE + ";" + FILL)
        await connection.execute("create extension timescaledb")
        await connection.execute(HYPERTABLE.replace("=> false", "=> false, migrate_data => true"))
        rows = await connection.fetchval("select count(*) from loads")
        await connection.close()
    finally:
        server.stop()

    assert before == 0
    assert rows == 3 * 61 * 24
