"""The levels of a server: what a migration makes of each, and that the store is the same on all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection as SyncConnection
from sqlalchemy import MetaData

from app.clock import SystemClock
from app.db.engine import Database
from app.db.migrate import VERSION_TABLE, Migration, MigrationOptions, _config, migrate
from app.db.timescale import (
    PORTION_DAYS,
    Level,
    ServerLevel,
    _portions,
    _unused,
    detect_server_level,
    include_name,
    next_day,
)
from app.db.timescale_steps import AGGREGATES, HYPERTABLES
from app.errors import DatabaseUnavailable
from app.market.series import SeriesBlock
from app.market.time import MARKET_ZONE, Resolution
from app.settings import RetentionSettings
from app.timeseries.repository import StoreResult, TimeSeriesRepository
from tests.support.store_factory import DE_LU, FR, LEARNED, T0, block, hour, hours, key, opened, rows_of
from tests.support.timescale_server import TimescaleServer

GB = "10YGB----------A"
SECOND = timedelta(seconds=1)
RETENTION = RetentionSettings(observations_days=365, revisions_days=400, backtest_days=300)
COMPRESS = """
    do $$
    declare chunk regclass;
    begin
        for chunk in select show_chunks('{table}') loop call convert_to_columnstore(chunk); end loop;
    end $$
"""


@pytest.fixture
async def community(timescale_url: str) -> AsyncIterator[Database]:
    async with opened(timescale_url) as database:
        await migrate(database)
        yield database


@pytest.fixture
def plain_server(timescale_server: TimescaleServer) -> TimescaleServer:
    """A server of its own that has the extension's files and no extension; the fixture before decides whether it may."""
    return TimescaleServer.start(extension=False)


async def ask(database: Database, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]


async def compress(database: Database, table: str = "observations") -> None:
    async with database.connection() as connection:
        await connection.execute(COMPRESS.format(table=table))


async def run_jobs(database: Database, *procedures: str) -> None:
    """What the extension's background workers would do."""
    jobs = await ask(
        database, "select job_id from timescaledb_information.jobs where proc_name = any($1) order by 1", procedures
    )
    assert jobs
    async with database.connection() as connection:
        for (job,) in jobs:
            await connection.execute(f"call run_job({job})")


async def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the store and of the bases of the aggregated views, where sums depend on the order of their parts."""
    sums = "series_id, resolution, {}, stored, round(total::numeric, 6), minimum, maximum"
    columns = {
        "observations": "*",
        "observation_revisions": "*",
        "daily_counts": "*",
        "series": "series_id, item, area",
        "observations_by_hour": sums.format("hour"),
        "observations_by_day": sums.format("day"),
    }
    return {
        table: sorted(await ask(database, f"select {listed} from {table}"), key=repr)
        for table, listed in columns.items()
    }


async def test_a_plain_server_is_plain(database_url: str) -> None:
    async with opened(database_url) as database, database.connection() as connection:
        server = await detect_server_level(connection)

    assert (server.level, str(server)) == (Level.PLAIN, "plain PostgreSQL")
    assert _unused(RETENTION)
    assert not _unused(RetentionSettings())


async def test_the_community_edition_is_known_by_its_licence(community: Database) -> None:
    async with community.connection() as connection:
        server = await detect_server_level(connection)

    assert server.level is Level.COMMUNITY
    assert server.current
    assert str(server).startswith("TimescaleDB 2.")
    assert not replace(server, version="2.17.2").current


async def test_a_server_without_the_extension_refuses_the_upgrade_and_says_how_to_get_it(database_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"no TimescaleDB; install.*shared_preload_libraries"):
        await migrate(database_url, MigrationOptions(timescale=True))
    assert ServerLevel(Level.PLAIN, installable=True).installable


async def test_retention_that_a_server_cannot_do_is_said(database_url: str) -> None:
    migration = await migrate(database_url, MigrationOptions(retention=RETENTION))

    assert ["nothing is erased" in note for note in migration.notes] == [True]


async def test_every_hypertable_has_its_chunks_columnstore_and_policy(community: Database) -> None:
    chunks = """
        select hypertable_name, column_name, time_interval from timescaledb_information.dimensions
        where hypertable_schema = 'public' order by 1
    """
    assert await ask(community, chunks) == [
        ("collection_metrics", "started_at", timedelta(days=7)),
        ("interface_results", "at", timedelta(days=7)),
        ("observation_revisions", "delivery_start", timedelta(days=30)),
        ("observations", "delivery_start", timedelta(days=30)),
        ("quality_scores", "day_start", timedelta(days=90)),
        ("rule_executions", "due_at", timedelta(days=1)),
        ("service_metrics", "at", timedelta(days=7)),
        ("website_checks", "at", timedelta(days=7)),
        ("website_hours", "start_at", timedelta(days=30)),
    ]
    columnstore = """
        select coalesce(view_name, relation), segmentby, replace(orderby, ' ', '')
        from (select *, hypertable::text as relation from timescaledb_information.hypertable_columnstore_settings) as settings
        left join timescaledb_information.continuous_aggregates on
            hypertable = format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass
        order by 1
    """
    assert await ask(community, columnstore) == [
        ("collection_metrics", "item,area", "started_at,run_id"),
        ("interface_results", "operation_id", "at"),
        ("observation_revisions", "series_id", "delivery_start,resolution,recorded_at"),
        ("observations", "series_id", "delivery_start,resolution"),
        ("observations_daily", "series_id", "day_start,resolution"),
        ("observations_hourly", "series_id", "hour,resolution"),
        ("quality_scores", "series_id", "day_start"),
        ("rule_executions", "rule", "due_at"),
        ("service_metrics", "instance", "at"),
        ("website_checks", "website_id", "at"),
        ("website_hours", "website_id", "start_at"),
    ]
    policies = """
        select hypertable_name, proc_name, schedule_interval, config - 'hypertable_id' - 'mat_hypertable_id', scheduled
        from timescaledb_information.jobs where hypertable_name is not null order by 1, 2
    """
    after, refresh = "policy_compression", "policy_refresh_continuous_aggregate"
    hourly = {"end_offset": "1 day", "start_offset": None}
    assert [(row[0], row[1], row[3], row[4]) for row in await ask(community, policies)] == [
        ("collection_metrics", after, {"compress_after": "8 days"}, True),
        ("interface_results", after, {"compress_after": "8 days"}, True),
        ("observation_revisions", after, {"compress_after": "45 days"}, True),
        ("observations", after, {"compress_after": "45 days"}, True),
        ("observations_daily", after, {"compress_after": "3 mons"}, True),
        ("observations_daily", refresh, hourly, True),
        ("observations_hourly", after, {"compress_after": "3 mons"}, True),
        ("observations_hourly", refresh, hourly, True),
        ("quality_scores", after, {"compress_after": "6 mons"}, True),
        ("rule_executions", after, {"compress_after": "7 days"}, True),
        ("service_metrics", after, {"compress_after": "8 days"}, True),
        ("website_checks", after, {"compress_after": "8 days"}, True),
        ("website_hours", after, {"compress_after": "60 days"}, True),
    ]
    frequent = "select distinct schedule_interval from timescaledb_information.jobs where proc_name = $1"
    assert await ask(community, frequent, refresh) == [(timedelta(hours=1),)]


async def test_aggregates_show_the_present_and_read_no_other_table(community: Database) -> None:
    query = """
        select view_name, hypertable_name, materialized_only, view_definition like '%join%'
        from timescaledb_information.continuous_aggregates order by 1
    """
    assert await ask(community, query) == [
        ("observations_daily", "observations", False, False),
        ("observations_hourly", "observations", False, False),
    ]


async def test_no_limit_stands_in_the_way_of_large_corrections(community: Database) -> None:
    settings = await ask(community, "select unnest(setconfig) from pg_db_role_setting where setrole = 0")

    assert ("timescaledb.max_tuples_decompressed_per_dml_transaction=0",) in settings


async def test_migrating_again_makes_nothing(community: Database) -> None:
    steps: list[str] = []
    migration = await migrate(community, MigrationOptions(timescale=True, tell=steps.append))

    assert (steps, migration.changed, migration.notes) == ([], False, ())


async def test_a_filled_database_keeps_every_row_however_often_its_upgrade_is_interrupted(
    plain_server: TimescaleServer,
) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(step: str) -> None:
        steps.append(step)
        raise Interrupted

    steps: list[str] = []
    try:
        async with opened(plain_server.url) as database:
            await migrate(database)
            await fill(TimeSeriesRepository(database))
            before = await contents(database)
            note = ""
            for _ in range(60):
                try:
                    await migrate(database, MigrationOptions(timescale=True, tell=interrupt))
                    break
                except Interrupted:
                    assert await contents(database) == before, f"after {steps[-1]}"
                if steps == ["extension timescaledb"]:
                    [note] = (await migrate(database)).notes
            async with database.connection() as connection:
                server = await detect_server_level(connection)
            migration = await migrate(database)
            await run_jobs(database, "policy_refresh_continuous_aggregate", "policy_compression")
            assert await contents(database) == before
    finally:
        plain_server.stop()

    assert "`gridkeeper migrate --timescale`" in note
    assert migration == Migration(migration.after, migration.after)
    assert server.level is Level.COMMUNITY
    assert len(steps) == len(set(steps))
    expected = {f"hypertable {table.name}" for table in HYPERTABLES}
    expected |= {
        f"{kind} {aggregate.name}" for aggregate in AGGREGATES for kind in ("continuous aggregate", "columnstore of")
    }
    assert expected | {"extension timescaledb", "view observations_by_day"} < set(steps)
    assert sum(step.startswith("observations_hourly until") for step in steps) > 1


async def fill(repository: TimeSeriesRepository) -> None:
    """A hundred days of hours for two areas, with corrections."""
    starts = int(T0.timestamp()) + 3600 * np.arange(24 * 100)
    values = np.round(np.random.default_rng(3).normal(100, 20, len(starts)), 2)
    for area in (DE_LU, GB):
        for step in (0.0, 1.5):
            changed = np.where(values > 130, values + step, values)
            blocks = [SeriesBlock(key(area=area), Resolution.PT60M, starts, changed, np.zeros(len(starts), bool))]
            await repository.store(blocks, learned_at=LEARNED + step * timedelta(days=1))


Act = Callable[[Database], Any]


async def live(database: Database, between: Act) -> tuple[list[StoreResult], list[Any]]:
    """A store's life: values, corrections, withdrawals and returns, with `between` after each, and every as-of read."""
    repository, random = TimeSeriesRepository(database), np.random.default_rng(11)
    results, known = [], np.round(random.normal(50, 10, (3, 24 * 45)), 1)
    for turn in range(6):
        changed = np.where(random.random(known.shape) < 0.05 * turn, known + turn, known)
        absent = (random.random(known.shape) < 0.02) & (turn % 2 == 1)
        blocks = [
            block({float(n): value for n, value in enumerate(row) if not gone[n]}, key(area=area))
            for area, row, gone in zip((DE_LU, FR, GB), changed.tolist(), absent.tolist(), strict=True)
        ]
        answered = hours(0, 24 * 45)
        results.append(await repository.store(blocks, learned_at=LEARNED + turn * SECOND, answered=answered))
        await between(database)
        known = changed
    late = block({24 * 45 + n: float(n) for n in range(30)}, filled=[24 * 45 + 3])
    results.append(await repository.store([late], learned_at=LEARNED + 9 * SECOND))
    reads = [await rows_of(repository, as_of=LEARNED + turn * SECOND) for turn in range(-1, 10)]
    return results, reads


async def test_the_store_does_the_same_on_compressed_hypertables_as_on_plain_tables(
    community: Database, database_url: str
) -> None:
    async def compress_all(database: Database) -> None:
        for table in ("observations", "observation_revisions"):
            await compress(database, table)

    async def nothing(_database: Database) -> None:
        await asyncio.sleep(0)

    compressed = await live(community, compress_all)
    async with opened(database_url) as plain:
        assert compressed == await live(plain, nothing)
        assert await contents(community) == await contents(plain)


async def test_storing_the_same_again_into_the_columnstore_writes_nothing(community: Database) -> None:
    repository = TimeSeriesRepository(community)
    await repository.store([block(range(100))], learned_at=LEARNED)
    await compress(community)
    before = await ask(community, "select *, tableoid::regclass::text from observations order by 1, 2, 3")
    result = await repository.store([block(range(100))], learned_at=LEARNED + SECOND)

    assert result == StoreResult(unchanged=100, received=100)
    assert await ask(community, "select *, tableoid::regclass::text from observations order by 1, 2, 3") == before
    assert await ask(community, "select count(*) from observation_revisions") == [(0,)]


async def test_a_correction_of_old_days_shows_after_the_refresh_and_new_hours_at_once(community: Database) -> None:
    repository, now = TimeSeriesRepository(community), SystemClock().now()
    today = (now - timedelta(hours=3) - T0) // timedelta(hours=1)
    await repository.store([block({0: 1, 1: 2, today: 5})], learned_at=LEARNED)
    await run_jobs(community, "policy_refresh_continuous_aggregate")
    await repository.store([block({0: 3, today: 7, today + 1: 9})], learned_at=LEARNED + SECOND)
    hourly = "select hour, mean from v_hourly order by hour"
    at_once = await ask(community, hourly)
    await run_jobs(community, "policy_refresh_continuous_aggregate")

    assert at_once == [(hour(0), 1), (hour(1), 2), (hour(today), 7), (hour(today + 1), 9)]
    assert await ask(community, hourly) == [(hour(0), 3), (hour(1), 2), (hour(today), 7), (hour(today + 1), 9)]


async def test_retention_erases_old_values_and_neither_sums_nor_counts(community: Database) -> None:
    repository, now = TimeSeriesRepository(community), SystemClock().now()
    recent = (now - timedelta(days=100) - T0) // timedelta(hours=1)
    await repository.store(
        [block({0: 1, 1: 3, 24 * 400: 5, recent: 7}), block({0: 2}, key(area=GB))], learned_at=LEARNED
    )
    await repository.store([block({0: 2})], learned_at=LEARNED + SECOND)
    daily = "select area, day, stored, mean from v_daily order by area, day"
    before = await ask(community, daily)

    migration = await migrate(community, MigrationOptions(retention=RETENTION))
    await run_jobs(community, "policy_retention")
    await run_jobs(community, "policy_refresh_continuous_aggregate")

    assert migration.notes == ()
    assert await ask(community, "select delivery_start from observations") == [(hour(recent),)]
    assert await ask(community, "select count(*) from observation_revisions") == [(0,)]
    assert await ask(community, daily) == before
    assert await ask(community, "select count(*), sum(stored) from daily_counts") == [(4, 5)]

    # Without retention the horizon of the refresh stays: behind it there is nothing left to add up.
    steps: list[str] = []
    await migrate(community, MigrationOptions(tell=steps.append))
    await run_jobs(community, "policy_refresh_continuous_aggregate")
    assert steps == ["no retention of observations", "no retention of observation_revisions"]
    assert await ask(community, daily) == before


async def test_a_shorter_retention_replaces_the_policies(community: Database) -> None:
    await migrate(community, MigrationOptions(retention=RETENTION))
    steps: list[str] = []
    shorter = RETENTION.model_copy(update={"observations_days": 330})
    await migrate(community, MigrationOptions(retention=shorter, tell=steps.append))

    assert steps == [
        "refresh policy of observations_hourly",
        "refresh policy of observations_daily",
        "retention of observations: 330 days",
    ]
    query = "select distinct config->>'start_offset' from timescaledb_information.jobs where proc_name like '%refresh%'"
    assert await ask(community, query) == [("323 days",)]


def test_a_refresh_takes_whole_market_days_in_portions_that_meet() -> None:
    portions = list(_portions(hour(5), T0 + timedelta(days=400)))

    assert portions[0].start.astimezone(MARKET_ZONE).isoformat() == "2024-01-01T00:00:00+01:00"
    assert portions[-1].end.astimezone(MARKET_ZONE).isoformat() == "2025-02-04T00:00:00+01:00"
    assert all(one.end == following.start for one, following in pairwise(portions))
    assert max(one.duration for one in portions) <= timedelta(days=PORTION_DAYS, hours=1)
    assert list(_portions(hour(5), hour(6))) == []


def test_the_next_day_begins_at_local_midnight_also_when_the_clocks_change() -> None:
    before = datetime(2024, 3, 30, 22, tzinfo=UTC)

    assert next_day(before) == datetime(2024, 3, 30, 23, tzinfo=UTC)
    assert next_day(next_day(before)) == datetime(2024, 3, 31, 22, tzinfo=UTC)


async def test_autogenerate_finds_nothing_to_drop_or_to_create(community: Database, database_url: str) -> None:
    expected = MetaData()

    def compare(connection: SyncConnection) -> list[Any]:
        options = {"version_table": VERSION_TABLE, "include_name": include_name, "include_schemas": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, expected))

    async with opened(database_url) as plain, plain.pooled() as connection:
        await connection.run_sync(expected.reflect)
        expected.remove(expected.tables[VERSION_TABLE])
    await TimeSeriesRepository(community).store([block([1, 2])], learned_at=LEARNED)
    async with community.pooled() as connection:
        assert await connection.run_sync(compare) == []


async def test_a_downgrade_takes_the_aggregates_down_and_up_again(community: Database) -> None:
    def down(connection: SyncConnection) -> None:
        command.downgrade(_config(connection), "base")
        connection.commit()

    async with community.pooled() as connection:
        await connection.run_sync(down)
    assert await ask(community, "select count(*) from timescaledb_information.hypertables") == [(0,)]
    assert (await migrate(community)).changed
    assert await ask(community, "select count(*) from timescaledb_information.continuous_aggregates") == [(2,)]
