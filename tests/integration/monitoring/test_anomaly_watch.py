"""Unusual hours of the collection as rows: found from real measurements, kept, forgotten, readable by rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.clock import FixedClock
from app.db.engine import Database
from app.monitoring.anomalies.repository import AnomalyRepository
from app.monitoring.anomalies.service import AnomalyWatch
from app.monitoring.repository import MonitoringRepository
from tests.support.monitoring_factory import DE, FR, NOON
from tests.support.store_factory import opened

DAYS = 17
# Two runs an hour and area, each half a second and four new values, until the moment given.
_MEASURE = """
    insert into collection_metrics (
        run_id, source, item, area, started_at, finished_at, outcome, received, new, revised, unchanged, vanished,
        rejected, requests, retries, bytes, response_seconds, parse_seconds, store_seconds
    )
    select
        row_number() over () + (select coalesce(max(run_id), 1000000) from collection_metrics),
        'entsoe', 'load_actual', $1, at, at + interval '1 second', 'stored', 8, 4, 0, 4, 0,
        0, 1, 0, 1000, 0.5 + 0.01 * extract(minute from at)::float8 / 60, 0.01, 0.01
    from generate_series($2::timestamptz, $3::timestamptz - interval '1 second', interval '30 minutes') as at
"""
ROWS = "select metric, area, hour, value, expected, score from v_metric_anomalies order by metric, area, hour"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        async with found.connection() as connection:
            for place in (FR, DE):
                await connection.execute(_MEASURE, place.eic, NOON - timedelta(days=DAYS), NOON)
        yield found


async def change(database: Database, what: str, since: datetime, place_eic: str = FR.eic) -> None:
    async with database.connection() as connection:
        await connection.execute(
            f"update collection_metrics set {what} where area = $1 and started_at >= $2", place_eic, since
        )


async def rows(database: Database) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(ROWS)]


async def test_a_usual_day_leaves_no_row(database: Database) -> None:
    assert await AnomalyWatch(AnomalyRepository(database)).look(NOON) == []
    assert await rows(database) == []


async def test_slow_answers_become_rows_with_the_area_as_people_know_it(database: Database) -> None:
    await change(database, "response_seconds = 3 * response_seconds", NOON - timedelta(hours=6))
    [latest, *_] = await AnomalyWatch(AnomalyRepository(database)).look(NOON + timedelta(minutes=20))
    assert str(latest) == f"latency of load_actual {FR.eic} at 2026-03-10 11:00Z: 1.51 instead of 0.502"
    found = await rows(database)
    assert {(row[0], row[1]) for row in found} == {("latency", "FR")}
    assert found[-1][2:] == (
        NOON - timedelta(hours=1),
        pytest.approx(1.5, rel=0.02),
        pytest.approx(0.5, rel=0.02),
        latest.score,
    )


async def test_half_of_the_values_become_rows(database: Database) -> None:
    await change(database, "new = 2", NOON - timedelta(hours=8))
    await AnomalyWatch(AnomalyRepository(database)).look(NOON)
    assert {(row[0], row[1]) for row in await rows(database)} == {("volume", "FR")}


async def test_failures_are_told_of_an_area_and_of_all_areas_together(database: Database) -> None:
    for place in (FR, DE):
        await change(database, "outcome = 'failed'", NOON - timedelta(hours=2), place.eic)
    await AnomalyWatch(AnomalyRepository(database)).look(NOON)
    assert {(row[0], row[1]) for row in await rows(database)} == {
        ("failures", "FR"),
        ("failures", "DE_LU"),
        ("failures", ""),
    }


async def test_values_of_a_backfill_do_not_raise_what_is_expected(database: Database) -> None:
    async with database.connection() as connection:
        # Each run of the weeks before also brought a thousand values of years ago.
        await connection.execute(
            """
            with history as (
                insert into collection_runs (source, item, area, window_start, window_end, started_at, finished_at, outcome, new)
                select 'entsoe', item, area, '2020-01-01Z', '2020-02-01Z', started_at, finished_at, 'stored', 1000
                from collection_metrics
                where started_at < $1
                returning *
            )
            insert into collection_metrics (
                run_id, source, item, area, started_at, finished_at, outcome, received, new, revised, unchanged,
                vanished, rejected, requests, retries, bytes, response_seconds, parse_seconds, store_seconds
            )
            select run_id, source, item, area, started_at, finished_at, outcome, 1000, 1000, 0, 0,
                0, 0, 1, 0, 1000, 0.5, 0.01, 0.01
            from history
            """,
            NOON - timedelta(days=1),
        )
    await AnomalyWatch(AnomalyRepository(database)).look(NOON)
    assert [row for row in await rows(database) if row[0] == "volume"] == []


async def test_looking_twice_changes_nothing_and_what_is_usual_after_all_is_forgotten(database: Database) -> None:
    await change(database, "response_seconds = 3 * response_seconds", NOON - timedelta(hours=6))
    watch = AnomalyWatch(AnomalyRepository(database))
    await watch.look(NOON)
    first = await rows(database)
    await watch.look(NOON)
    assert first
    assert await rows(database) == first
    await change(database, "response_seconds = response_seconds / 3", NOON - timedelta(hours=6))
    await watch.look(NOON)
    assert await rows(database) == []


async def test_old_rows_are_erased_with_the_rollups(database: Database) -> None:
    await change(database, "response_seconds = 3 * response_seconds", NOON - timedelta(hours=6))
    await AnomalyWatch(AnomalyRepository(database)).look(NOON)
    repository, later = MonitoringRepository(database), FixedClock(NOON + timedelta(days=400)).now()
    gone = await repository.erase_old(later, raw_days=90, rollup_days=730)
    assert gone["metric_anomalies"] == 0
    gone = await repository.erase_old(later, raw_days=90, rollup_days=365)
    assert gone["metric_anomalies"] > 0
    assert await rows(database) == []
