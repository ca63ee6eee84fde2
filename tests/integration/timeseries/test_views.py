"""The documented views, the same on plain PostgreSQL and on TimescaleDB."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from app.db.dashboard_role import READER, admit_readers
from app.db.engine import Database
from app.db.migrate import migrate
from app.db.reference_data import has_market_days, refresh_areas
from app.market.areas import areas
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Resolution
from app.timeseries.repository import TimeSeriesRepository
from tests.support.store_factory import DE_LU, FR, LEARNED, T0, block, hour, hours, key, opened

DOCUMENT = Path(__file__).parents[3] / "docs" / "views.md"
GB = "10YGB----------A"
COLUMNS = """
    select table_name, column_name, data_type
    from information_schema.columns
    where table_schema = current_schema() and starts_with(table_name, 'v_')
    order by table_name, ordinal_position
"""


@pytest.fixture(params=["plain", "timescale"])
def url(request: pytest.FixtureRequest) -> str:
    """A database of each kind of server."""
    return str(request.getfixturevalue("database_url" if request.param == "plain" else "timescale_url"))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A migrated database without rows."""
    async with opened(url) as found:
        await migrate(found)
        yield found


@pytest.fixture
def repository(database: Database) -> TimeSeriesRepository:
    return TimeSeriesRepository(database)


async def rows(database: Database, query: str, *arguments: object) -> list[tuple[object, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]


async def columns(database: Database) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for view, column, kind in await rows(database, COLUMNS):
        found.setdefault(str(view), {})[str(column)] = str(kind)
    return found


def documented() -> dict[str, set[str]]:
    """The columns of each view as the document lists them."""
    introduction, *sections = re.split(r"^## ", DOCUMENT.read_text(), flags=re.MULTILINE)
    words = re.compile(r"`([a-z][a-z0-9_]*)`")
    key_columns = set(words.findall(introduction.partition("The **key** of")[2].partition("|")[0])) - {
        "generation",
        "consumption",
    }
    views: dict[str, set[str]] = {}
    for section in sections:
        name, _, text = section.partition("\n")
        lines = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
        listed = " ".join(lines) if lines else text.partition(": ")[2]
        views[name] = set(words.findall(re.sub(r"\([^)]*\)", "", listed)))
        views[name] |= key_columns if re.search(r"\bkey\b", " ".join(lines)) else set()
        views[name] |= views["v_observations"] if "columns of `v_observations`" in text else set()
    return views


async def test_every_view_has_the_columns_of_its_documentation_and_a_comment(database: Database) -> None:
    found = await columns(database)
    comments = await rows(
        database,
        "select count(*) from pg_views where starts_with(viewname, 'v_') and obj_description(viewname::regclass) is null",
    )

    assert documented().pop("v_latest") == set(found["v_observations"])
    assert {view: set(names) for view, names in found.items()} == documented()
    assert comments == [(0,)]


async def test_values_come_with_their_key_and_the_short_code_of_their_area(
    database: Database, repository: TimeSeriesRepository
) -> None:
    border = key("flow_physical", f"{FR}>{DE_LU}", in_area=DE_LU, out_area=FR, unit="MAW")
    await repository.store([block([1, 2], key(unit="MAW")), block([3], border)], learned_at=LEARNED)
    await repository.store([block([1], key(unit="MAW"))], learned_at=LEARNED + timedelta(1), answered=hours(0, 2))

    query = "select item, area, delivery_start, resolution, value, recorded_at from v_observations order by item"
    assert await rows(database, query) == [
        ("flow_physical", "FR>DE_LU", T0, "PT60M", 3.0, LEARNED),
        ("load_actual", "DE_LU", T0, "PT60M", 1.0, LEARNED),
    ]
    flows = await rows(database, "select border, from_area, to_area, flow_mw from v_flows")
    assert flows == [("FR>DE_LU", "FR", "DE_LU", 3.0)]
    assert await rows(database, "select area, load_mw from v_load") == [("DE_LU", 1.0)]


async def test_an_area_without_a_short_code_keeps_its_eic(database: Database, repository: TimeSeriesRepository) -> None:
    await repository.store(
        [block([1], key(area="10Y1001A1001B004")), block([2], key(area=f"X>{FR}"))], learned_at=LEARNED
    )

    assert await rows(database, "select area, zone from v_series order by area") == [
        ("10Y1001A1001B004", "Europe/Brussels"),
        ("X>FR", "Europe/Paris"),
    ]


async def test_the_latest_value_of_each_series_is_the_last_that_is_there(
    database: Database, repository: TimeSeriesRepository
) -> None:
    await repository.store([block([1, 2, 3]), block([7], key(area=FR))], learned_at=LEARNED)
    await repository.store([block([1, 2])], learned_at=LEARNED + timedelta(1), answered=hours(0, 3))

    latest = await rows(database, "select area, delivery_start, value from v_latest order by area")
    assert latest == [("DE_LU", hour(1), 2.0), ("FR", T0, 7.0)]


async def test_a_revision_shows_the_value_before_and_after_also_of_earlier_corrections(
    database: Database, repository: TimeSeriesRepository
) -> None:
    learned = [LEARNED + timedelta(days=day) for day in range(3)]
    await repository.store([block([1, 5])], learned_at=learned[0])
    await repository.store([block([5])], learned_at=learned[1], answered=hours(0, 2))
    await repository.store([block([9, 5])], learned_at=learned[2], answered=hours(0, 2))

    query = """
        select delivery_start, value_before, value_after, recorded_at, superseded_at from v_revisions
        order by delivery_start, superseded_at
    """
    assert await rows(database, query) == [
        (hour(0), 1.0, 5.0, learned[0], learned[1]),
        (hour(0), 5.0, 9.0, learned[1], learned[2]),
        (hour(1), 5.0, None, learned[0], learned[1]),
        (hour(1), None, 5.0, learned[1], learned[2]),
    ]


@pytest.mark.parametrize("area", [DE_LU, GB])
async def test_a_delivery_day_is_the_local_day_of_its_area_also_when_the_clocks_change(
    database: Database, repository: TimeSeriesRepository, area: str
) -> None:
    first = int(datetime(2024, 3, 29, 12, tzinfo=UTC).timestamp())
    values = np.ones(4 * 24 * 4)
    quarters = SeriesBlock(
        key(area=area), Resolution.PT15M, first + 900 * np.arange(len(values)), values, np.zeros(len(values), bool)
    )
    await repository.store([quarters], learned_at=LEARNED)
    days = await rows(database, "select day, day_start, stored, expected, mean from v_daily order by day")

    offset = timedelta(hours=1) if area == DE_LU else timedelta(0)
    assert days[1:4] == [
        (date(2024, 3, 30), datetime(2024, 3, 30, tzinfo=UTC) - offset, 96, 96, 1.0),
        (date(2024, 3, 31), datetime(2024, 3, 31, tzinfo=UTC) - offset, 92, 92, 1.0),
        (date(2024, 4, 1), datetime(2024, 4, 1, tzinfo=UTC) - offset - timedelta(hours=1), 96, 96, 1.0),
    ]
    assert sum(int(str(row[2])) for row in days) == len(values)


async def test_hours_hold_the_mean_of_their_values_and_leave_days_out(
    database: Database, repository: TimeSeriesRepository
) -> None:
    quarters = block({n / 4: n for n in range(6)}, resolution=Resolution.PT15M)
    day = block([8], key("load_forecast_week_ahead"), Resolution.P1D)
    await repository.store([quarters, day], learned_at=LEARNED)

    query = "select hour, resolution, stored, mean, minimum, maximum from v_hourly order by hour"
    assert await rows(database, query) == [
        (T0, "PT15M", 4, 1.5, 0.0, 3.0),
        (hour(1), "PT15M", 2, 4.5, 4.0, 5.0),
    ]
    daily = "select stored, expected, mean from v_daily where item = 'load_forecast_week_ahead'"
    assert await rows(database, daily) == [(1, 1, 8.0)]


async def test_coverage_names_the_days_without_any_value(database: Database, repository: TimeSeriesRepository) -> None:
    await repository.store([block({0: 1, 1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 48: 1})], learned_at=LEARNED)

    query = "select day, stored, expected, coverage from v_coverage_daily order by day"
    assert await rows(database, query) == [
        (date(2024, 1, 1), 6, 24, 0.25),
        (date(2024, 1, 2), 0, 24, 0.0),
        (date(2024, 1, 3), 1, 24, pytest.approx(1 / 24)),
    ]


async def test_the_consumption_of_storage_is_negative_generation(
    database: Database, repository: TimeSeriesRepository
) -> None:
    storage = [
        key("generation_actual", psr_type="B10", direction=direction) for direction in ("generation", "consumption")
    ]
    await repository.store([block([4], series) for series in storage], learned_at=LEARNED)

    query = "select psr_name, direction, generation_mw from v_generation order by direction"
    assert await rows(database, query) == [
        ("Hydro pumped storage", "consumption", -4.0),
        ("Hydro pumped storage", "generation", 4.0),
    ]


async def test_prices_carry_their_currency_and_auction(database: Database, repository: TimeSeriesRepository) -> None:
    auction = key("price_day_ahead", unit="MWH", currency="EUR", sequence="1")
    await repository.store([block([-3.5], auction)], learned_at=LEARNED)

    assert await rows(database, "select area, price, currency, unit, sequence from v_prices") == [
        ("DE_LU", -3.5, "EUR", "MWH", "1")
    ]


async def test_the_hours_of_the_collection_say_how_many_runs_failed(database: Database) -> None:
    insert = """
        insert into collection_runs (
            source, item, area, window_start, window_end, started_at, finished_at, outcome, received, requests
        )
        values ('entsoe', 'load_actual', $1, $2, $2, $2, $2::timestamptz + $3::interval, $4, 10, 2)
    """
    async with database.connection() as connection:
        for seconds, outcome in ((1, "stored"), (2, "empty"), (3, "failed"), (4, "stored")):
            await connection.execute(insert, f"{FR}>{DE_LU}", T0, timedelta(seconds=seconds), outcome)

    query = """
        select hour, area, runs, stored_runs, empty_runs, failed_runs, success_rate, received, requests, mean_seconds
        from v_collection_hourly
    """
    assert await rows(database, query) == [(T0, "FR>DE_LU", 4, 2, 1, 1, 0.75, 40, 8, 2.5)]
    assert await rows(database, "select max(seconds) from v_collection_runs") == [(4.0,)]


async def test_a_gap_names_its_area(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            """
            insert into gaps (item, area, gap_start, gap_end, resolution, missing, reason, since, found_at)
            values ('load_actual', $1, $2, $3, 7, 2, 'late', $2, $3)
            """,
            DE_LU,
            T0,
            hour(2),
        )

    query = "select item, area, series_id, gap_start, gap_end, resolution, missing, reason, due_since from v_gaps"
    assert await rows(database, query) == [("load_actual", "DE_LU", None, T0, hour(2), "PT60M", 2, "late", T0)]


async def test_areas_are_those_of_the_vocabulary_and_written_only_when_they_differ(database: Database) -> None:
    async with database.connection() as connection:
        assert not await refresh_areas(connection)
        await connection.execute("update areas set zone = 'Europe/Berlin'")
        assert await refresh_areas(connection)

    found = await rows(database, "select code, eic, zone from v_areas order by code")
    assert found == sorted((area.code, area.eic, area.zone.key) for area in areas().values())


def test_days_of_berlin_begin_with_the_market_and_those_of_london_do_not() -> None:
    assert has_market_days("Europe/Berlin")
    assert not has_market_days("Europe/London")


async def test_the_reader_may_read_the_views_and_nothing_else(database_url: str) -> None:
    async with opened(database_url) as database:
        for view in await columns(database):
            assert await rows(database, f"select has_table_privilege('{READER}', '{view}', 'select')") == [(True,)]
        others = """
            select relname from pg_class
            where
                relnamespace = current_schema()::regnamespace and relkind in ('r', 'v', 'm')
                and not starts_with(relname, 'v_')
                and has_table_privilege($1, oid, 'select, insert, update, delete, truncate')
        """
        assert await rows(database, others, READER) == []


async def test_the_readers_statements_end_after_ten_seconds_and_cannot_write(database_url: str) -> None:
    connection = await asyncpg.connect(database_url, user=READER)
    try:
        assert await connection.fetchval("show statement_timeout") == "10s"
        assert await connection.fetchval("select count(*) from v_hourly") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("select count(*) from observations")
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("create temporary table t (a integer)")
    finally:
        await connection.close()


async def test_a_user_who_may_not_create_roles_is_told_what_to_run(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("create role humble")
        try:
            async with connection.transaction():
                await connection.execute(f"alter role {READER} rename to elsewhere")
                await connection.execute("set local role humble")
                notes = await admit_readers(connection)
                await connection.execute("reset role")
                await connection.execute(f"alter role elsewhere rename to {READER}")
        finally:
            await connection.execute("drop role humble")

    [note] = notes
    assert re.search(rf"create role {READER} login; alter role .*statement_timeout = '10s'", note)


async def test_two_views_of_a_series_key_agree_with_the_vocabulary(database: Database) -> None:
    found = await columns(database)
    names = set(SeriesKey.__dataclass_fields__)
    assert names < set(found["v_series"])
    assert names < set(found["v_observations"])
