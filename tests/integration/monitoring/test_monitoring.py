"""Measurements in a real database: recorder, rollups, figures, lateness, samples, retention."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.clock import FixedClock, SystemClock
from app.collection.models import Outcome, Work
from app.db.data_folder import visible_data_folder
from app.db.engine import Database
from app.db.migrate import migrate
from app.db.retention import Retention, erase
from app.lifecycle import collecting
from app.market.series import DataItem
from app.market.time import Interval
from app.monitoring.histogram import WORST_ERROR
from app.monitoring.lateness import LatenessKeeper
from app.monitoring.models import Sample
from app.monitoring.queries import FigureReads
from app.monitoring.recorder import MetricsRecorder
from app.monitoring.replica.data_disk import DataDisk
from app.monitoring.replica.sampler import Replica, ResourceSampler
from app.monitoring.repository import MonitoringRepository
from app.monitoring.rollup_maintenance import MonitoringUpkeep
from app.monitoring.service import MonitoringService
from app.monitoring.trends.queries import TrendReads
from app.settings import MonitoringSettings, load_settings
from app.sources.source import FetchStatistics, RejectedPoint
from app.timeseries.repository import TimeSeriesRepository
from app.wiring.catalog import CATALOG
from tests.support.monitoring_factory import DE, FR, NOON, collection_run, insert_run, measured
from tests.support.store_factory import LEARNED, block, hour, key, opened

FOREVER = 3650
DAY = Interval(NOON - timedelta(hours=12), NOON + timedelta(hours=12))
HOURLY = "select hour, item, area, runs, failed_runs, received, response_max from collection_hourly order by 1, 2, 3"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


@pytest.fixture
def repository(database: Database) -> MonitoringRepository:
    return MonitoringRepository(database)


@pytest.fixture
def figures(database: Database) -> MonitoringService:
    return MonitoringService(FigureReads(database), settings=MonitoringSettings())


async def ask(database: Database, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]


async def roll_up(repository: MonitoringRepository) -> int | None:
    return await repository.roll_up(raw_days=FOREVER)


async def test_a_run_is_kept_with_everything_it_measured(database: Database, repository: MonitoringRepository) -> None:
    recorder = MetricsRecorder(repository, capacity=10)
    run = collection_run(
        outcome=Outcome.FAILED,
        error_class="SourceUnavailable",
        error_message="no answer",
        rejected=(RejectedPoint("a", "b", "c"),),
        statistics=FetchStatistics(requests=3, retries=2, bytes=99, api_seconds=1.5, parse_seconds=0.25),
    )
    async with recorder.recording():
        await recorder.observe(run)
    [row] = await ask(
        database,
        "select run_id, item, area, started_at, finished_at - started_at, outcome, error_class, error_message, received,"
        " new, unchanged, rejected, requests, retries, bytes, response_seconds, parse_seconds, store_seconds"
        " from collection_metrics",
    )
    seconds = timedelta(seconds=2)
    assert row[:8] == (1, "load_actual", FR.eic, NOON, seconds, "failed", "SourceUnavailable", "no answer")
    assert row[8:] == (24, 20, 4, 1, 3, 2, 99, 1.5, 0.25, 0.125)


async def test_the_same_measurements_twice_leave_one(database: Database, repository: MonitoringRepository) -> None:
    for _ in range(2):
        await repository.add_runs([measured(1), measured(2)])
    await repository.add_runs([])
    assert await ask(database, "select count(*) from collection_metrics") == [(2,)]


async def test_runs_are_added_up_by_hour_and_day_however_often(
    database: Database, repository: MonitoringRepository
) -> None:
    later, failed = NOON + timedelta(hours=1), {"outcome": Outcome.FAILED}
    await repository.add_runs(
        [measured(1), measured(2, NOON + timedelta(minutes=59), **failed, response=4.0), measured(3, later, place=DE)]
    )
    expected = [
        (NOON, "load_actual", FR.eic, 2, 1, 48, 4.0),
        (later, "load_actual", DE.eic, 1, 0, 24, 0.5),
    ]
    for _ in range(2):
        assert await roll_up(repository) == 2
        assert await ask(database, HOURLY) == expected
    days = "select day, area, runs, failed_runs, requests, run_max from collection_daily order by area"
    assert await ask(database, days) == [(NOON.date(), DE.eic, 1, 0, 1, 2.0), (NOON.date(), FR.eic, 2, 1, 2, 2.0)]


async def test_a_run_that_comes_late_is_added_to_its_own_hour(
    database: Database, repository: MonitoringRepository
) -> None:
    await repository.add_runs([measured(1)])
    await roll_up(repository)
    await repository.add_runs([measured(2, NOON - timedelta(days=40)), measured(3, NOON + timedelta(seconds=1))])
    await roll_up(repository)
    assert [row[3] for row in await ask(database, HOURLY)] == [1, 2]
    assert await ask(database, "select sum(runs) from collection_daily") == [(3,)]


async def test_hours_whose_measurements_are_erased_keep_their_sums(
    database: Database, repository: MonitoringRepository
) -> None:
    now = datetime.now(UTC)
    old = now - timedelta(days=9)
    await repository.add_runs([measured(1, old), measured(2, old), measured(3, now)])
    await roll_up(repository)
    gone = await repository.erase_old(now, raw_days=3, rollup_days=30)
    await repository.add_runs([measured(4, old)])
    await repository.roll_up(raw_days=3)
    assert {table: count for table, count in gone.items() if count} == {"collection_metrics": 2}
    assert [row[3] for row in await ask(database, HOURLY)] == [2, 1]
    assert (await repository.erase_old(now, raw_days=3, rollup_days=4))["collection_daily"] == 1


async def test_what_a_killed_process_told_nobody_is_made_good_from_the_record_of_runs(
    database: Database, repository: MonitoringRepository
) -> None:
    now = SystemClock().now()
    number = await insert_run(database, collection_run(None, now, response=2.0))
    recorded = collection_run(number, now, response=2.0)
    await roll_up(repository)
    [row] = await ask(database, "select run_id, response_seconds, error_message from collection_metrics")
    assert row == (number, 2.0, "")
    recorder = MetricsRecorder(repository, capacity=10)
    await recorder.observe(recorded)
    await recorder.flush()
    await roll_up(repository)
    assert [row[3] for row in await ask(database, HOURLY)] == [1]


async def test_of_two_replicas_one_adds_up(database: Database, repository: MonitoringRepository) -> None:
    await repository.add_runs([measured(1)])
    found = await asyncio.gather(*(roll_up(repository) for _ in range(4)))
    assert {1} <= set(found) <= {1, None}
    assert [row[3] for row in await ask(database, HOURLY)] == [1]


async def test_figures_of_any_period_come_from_the_rollups(
    repository: MonitoringRepository, figures: MonitoringService
) -> None:
    runs = [
        measured(100 * day + n, NOON + timedelta(days=day, minutes=n), response=(n + 1) / 10, place=FR)
        for day in range(4)
        for n in range(100)
    ]
    runs.append(measured(999, NOON, item=DataItem.PRICE_DAY_AHEAD, place=DE, outcome=Outcome.FAILED))
    await repository.add_runs(runs)
    await roll_up(repository)
    prices, load = await sorted_pairs(figures, Interval(NOON, NOON + timedelta(days=4)))
    assert (prices.item, prices.totals.success_rate, load.totals.success_rate) == ("price_day_ahead", 0.0, 1.0)
    assert load.totals.runs == 400
    for found, true in ((load.totals.p50, 5.0), (load.totals.p95, 9.5), (load.totals.p99, 9.9)):
        assert found == pytest.approx(true, rel=WORST_ERROR + 0.001)
    # Two hours of the first day, and whole days with ragged ends, are the same runs counted once.
    first_hour = await figures.overall(Interval(NOON, NOON + timedelta(hours=1)), items=["load_actual"])
    ragged = await figures.overall(
        Interval(NOON + timedelta(hours=1), NOON + timedelta(days=3, hours=1)), areas=[FR.eic]
    )
    assert (first_hour.runs, ragged.runs) == (60, 40 + 100 + 100 + 60)
    assert (await figures.overall(Interval(NOON - timedelta(days=9), NOON - timedelta(days=8)))).runs == 0


async def sorted_pairs(figures: MonitoringService, interval: Interval) -> list[Any]:
    return sorted(await figures.by_pair(interval), key=lambda one: one.totals.runs)


async def test_the_database_and_the_program_read_a_quantile_alike(
    database: Database, repository: MonitoringRepository, figures: MonitoringService
) -> None:
    await repository.add_runs([measured(n, response=0.0001 * 1.3**n) for n in range(1, 60)])
    await roll_up(repository)
    [row] = await ask(
        database,
        "select p50_response_seconds, p95_response_seconds, p99_response_seconds, success_rate from v_collection_daily",
    )
    totals = await figures.overall(DAY)
    assert row == (pytest.approx(totals.p50), pytest.approx(totals.p95), pytest.approx(totals.p99), 1.0)
    assert await ask(database, "select latency_quantile(0, 0.5), latency_quantile(null, 0.5)") == [(None, None)]


async def test_every_end_of_a_bucket_belongs_to_it(database: Database) -> None:
    from app.monitoring.histogram import BUCKET_SQL

    query = f"select b, {BUCKET_SQL.format('0.001 * power(2.0::float8, b / 8.0)')} from generate_series(0, 160) as b"
    assert [row for row in await ask(database, query) if row[0] != row[1]] == []


async def test_lateness_counts_from_the_deadline_of_the_unit_after_the_newest(
    database: Database, figures: MonitoringService
) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    newest = (now - hour(0)) // timedelta(hours=1) - 6
    series = TimeSeriesRepository(database)
    await series.store(
        [block({newest - 1: 1.0, newest: 2.0}), block({newest: 1.0}, key("load_forecast_day_ahead"))],
        learned_at=LEARNED,
    )
    asked = now - timedelta(minutes=5)
    await insert_run(database, collection_run(None, asked, place=DE))  # of days long past, as a backfill asks
    await LatenessKeeper(database, CATALOG.publication).refresh(now)
    assert await figures.lateness() == []
    await insert_run(database, collection_run(None, asked, place=DE, window=Interval(asked - timedelta(days=1), asked)))
    for _ in range(2):
        assert await LatenessKeeper(database, CATALOG.publication).refresh(now) == 2
    [late] = await figures.lateness()
    assert (late.item, late.area, late.newest_start, late.resolution) == ("load_actual", "DE_LU", hour(newest), "PT60M")
    # The next hour ended four hours ago, and had to be public one hour later.
    assert late.due_at == now - timedelta(hours=3)
    assert late.late >= timedelta(hours=3)
    assert await ask(database, "select count(*) from data_lateness") == [(2,)]


async def some_disk() -> tuple[int, int]:
    return 3, 4


def replica(**changes: Any) -> Replica:
    values: dict[str, Any] = {"name": "host:1", "leads": lambda: True, "pool": lambda: (1, 5), "disk": some_disk}
    return Replica(**values | changes)


async def test_a_sample_tells_the_resources_and_is_a_sign_of_life(
    database: Database, repository: MonitoringRepository, figures: MonitoringService
) -> None:
    recorder = MetricsRecorder(repository, capacity=10)
    sampler = ResourceSampler(repository, recorder, replica(), SystemClock(), seconds=0.05)
    stop = asyncio.Event()
    sampling = asyncio.create_task(sampler.run(stop))
    async with asyncio.timeout(60):
        while (await ask(database, "select count(*) from service_metrics"))[0][0] < 2:  # noqa: ASYNC110  rows tell nobody
            await asyncio.sleep(0.02)
    stop.set()
    await sampling
    [newest] = await figures.replicas(SystemClock().now())
    assert (newest.instance, newest.leader, newest.pool_used, newest.pool_size) == ("host:1", True, 1, 5)
    assert newest.resident_bytes is None or newest.resident_bytes > 10_000_000
    assert (newest.disk_free_bytes, newest.disk_total_bytes) == (3, 4)
    assert newest.probe_seconds is not None
    names = {row[0] for row in await ask(database, "select distinct name from v_service_metrics")}
    assert {"leader", "loop_lag_seconds", "disk_free_bytes"} <= names
    assert await figures.replicas(SystemClock().now() + timedelta(minutes=2)) == []


async def test_availability_is_the_share_of_minutes_with_a_sign_of_life_from_anybody(
    repository: MonitoringRepository, figures: MonitoringService
) -> None:
    for minute in (*range(10), *range(15, 20)):
        for name in ("a", "b"):
            at = NOON + timedelta(minutes=minute, seconds=ord(name) % 7)
            await repository.add_sample(Sample(at, name, leader=False))
    found = await figures.availability(NOON + timedelta(minutes=20))
    assert (found.good, found.total, found.met) == (15, 20, False)
    assert found.budget_left == pytest.approx(-4.0)
    assert (await figures.availability(NOON - timedelta(days=1))).share is None


async def test_reliability_is_the_share_of_windows_that_were_answered(
    repository: MonitoringRepository, figures: MonitoringService
) -> None:
    outcomes = [Outcome.FAILED] + [Outcome.STORED] * 30 + [Outcome.EMPTY] * 9
    await repository.add_runs([measured(n, outcome=outcome) for n, outcome in enumerate(outcomes)])
    await roll_up(repository)
    found = await figures.reliability(NOON + timedelta(days=1))
    assert (found.good, found.total, found.met) == (39, 40, True)
    assert found.budget_left == pytest.approx(0.5)


async def test_a_round_adds_up_and_housekeeping_erases(database: Database, repository: MonitoringRepository) -> None:
    now = SystemClock().now()
    clock, settings = FixedClock(now), MonitoringSettings(rollup_seconds=1)
    upkeep = MonitoringUpkeep(repository, LatenessKeeper(database, CATALOG.publication), clock, settings=settings)
    await repository.add_runs([measured(1, now), measured(2, now - timedelta(days=100))])
    stop = asyncio.Event()
    running = asyncio.create_task(upkeep.run(stop))
    async with asyncio.timeout(60):
        while not await ask(database, HOURLY):  # noqa: ASYNC110  rows tell nobody
            await asyncio.sleep(0.02)
    stop.set()
    await running
    assert await upkeep.tidy(now) == "old measurements erased: 1 of collection_metrics"
    assert await upkeep.tidy(now) == ""


async def test_lateness_is_looked_at_with_every_round_until_a_first_collection_has_settled(database: Database) -> None:
    class Looks(LatenessKeeper):
        found = iter([0, 0, 3, 5, 5, 99])
        last = -1

        async def refresh(self, now: datetime) -> int:
            self.last = next(self.found)
            return self.last

    lateness = Looks(database, CATALOG.publication)
    upkeep = MonitoringUpkeep(
        MonitoringRepository(database), lateness, FixedClock(NOON), settings=MonitoringSettings(rollup_seconds=1)
    )
    for _ in range(7):
        await upkeep.once()
    assert lateness.last == 5


async def test_rounds_follow_each_other_closely_until_a_first_collection_has_settled(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.monitoring.rollup_maintenance.CLOSE_SECONDS", 0.01)
    settled, looks = asyncio.Event(), iter([0, 3, 5, 5])

    class Looks(LatenessKeeper):
        async def refresh(self, now: datetime) -> int:
            if (found := next(looks)) == 5:
                settled.set()
            return found

    lateness, stop = Looks(database, CATALOG.publication), asyncio.Event()
    settings = MonitoringSettings(rollup_seconds=3600)
    upkeep = MonitoringUpkeep(MonitoringRepository(database), lateness, FixedClock(NOON), settings=settings)
    running = asyncio.create_task(upkeep.run(stop))
    async with asyncio.timeout(60):
        await settled.wait()
    stop.set()
    await running


async def test_trends_are_read_from_rollups_scores_events_and_changes_of_gaps(
    database: Database, repository: MonitoringRepository
) -> None:
    now = NOON + timedelta(hours=1, minutes=10)
    await repository.add_runs([measured(1), measured(2, outcome=Outcome.FAILED)])
    await roll_up(repository)
    gap = "'load_actual', 'FR', null, now(), now() + interval '1 hour', 5, 4"
    async with database.connection() as connection:
        for days, was, reason in ((3, "null", "'ours'"), (2, "null", "'late'"), (1, "'late'", "null")):
            await connection.execute(
                "insert into gap_changes (at, item, area, series_id, change_start, change_end, resolution, missing, was, "
                f"reason, since, whole) values ($1, {gap}, {was}, {reason}, now(), true)",
                now - timedelta(days=days - 0.5),
            )
        await connection.execute(
            "insert into gaps (item, area, series_id, gap_start, gap_end, resolution, missing, reason, since, found_at) "
            f"values ({gap}, 'ours', now(), now())"
        )
        await connection.execute(
            "with alert as (insert into alerts (rule, labels, severity, phase, since, seen_at) "
            "values ('r', '{}', 'info', 'firing', $1, $1) returning alert_id) "
            "insert into alert_events (alert_id, rule, at, kind, severity, notified) "
            "select alert_id, 'r', $1, 'fired', 'info', true from alert",
            now - timedelta(days=1.5),
        )
    found = await TrendReads(database).trends(now)
    assert (len(found.success), found.success[-3:], found.requests[-2]) == (24, [None, 0.5, None], 2)
    assert found.gaps == [0] * 11 + [1, 2, 1]
    assert found.alerts == [0] * 12 + [1, 0]
    assert found.quality == []


async def test_a_command_that_collects_leaves_measurements_and_rollups(database_url: str, database: Database) -> None:
    settings = load_settings(sandbox=True, database={"url": database_url})
    work = Work(DataItem.LOAD_ACTUAL, FR, Interval(NOON - timedelta(days=1), NOON))
    async with collecting(settings, lambda _text: None) as container:
        await container.sources().live().service.collect(work)
    [row] = await ask(database, "select item, area, runs, failed_runs, requests from collection_daily")
    assert row == ("load_actual", FR.eic, 1, 0, 1)
    assert await ask(database, "select count(*) from collection_metrics join collection_runs using (run_id)") == [(1,)]
    assert await ask(database, "select runs_24h from v_collection_health") == [(1,)]


async def test_hypertables_take_measurements_and_drop_whole_chunks(timescale_url: str) -> None:
    now = datetime.now(UTC)
    async with opened(timescale_url) as database:
        await migrate(database)
        repository = MonitoringRepository(database)
        await repository.add_runs([measured(1, now), measured(2, now - timedelta(days=60))])
        await roll_up(repository)
        gone = await repository.erase_old(now, raw_days=30, rollup_days=40)
        erased = {table: count for table, count in gone.items() if count}
        assert erased == {"collection_metrics": 1, "collection_hourly": 1, "collection_daily": 1}
        assert await ask(database, "select run_id from collection_metrics") == [(1,)]


async def test_without_a_database_samples_and_rollups_pause_and_say_so_once() -> None:
    async with opened("postgresql://nobody@127.0.0.1:1/nothing", connect_timeout=1) as away:
        repository = MonitoringRepository(away)
        recorder = MetricsRecorder(repository, capacity=1)
        sampler = ResourceSampler(repository, recorder, replica(), SystemClock(), seconds=15)
        upkeep = MonitoringUpkeep(
            repository, LatenessKeeper(away, CATALOG.publication), SystemClock(), settings=MonitoringSettings()
        )
        with capture_logs() as logs:
            for _ in range(2):
                await sampler.try_sample()
                assert not await upkeep.try_once()
    assert [entry["event"] for entry in logs] == ["resource_samples_failed", "rollups_postponed"]


async def test_samples_go_on_when_the_database_is_back(database: Database, repository: MonitoringRepository) -> None:
    sampler = ResourceSampler(repository, MetricsRecorder(repository, capacity=1), replica(), SystemClock(), seconds=15)
    sampler._away = True
    with capture_logs() as logs:
        await sampler.try_sample()
    assert [entry["event"] for entry in logs] == ["resource_samples_recovered"]


async def test_old_rows_go_in_batches(database: Database, repository: MonitoringRepository) -> None:
    await repository.add_runs([measured(number) for number in range(5)])
    async with database.connection() as connection:
        tomorrow = NOON + timedelta(days=1)
        retention = Retention("collection_metrics", "started_at", "monitoring.raw_days", batch=2)
        assert await erase(connection, retention, tomorrow) == 5


async def test_the_disk_is_that_of_the_data_where_the_server_lets_us_find_it(database: Database) -> None:
    async with database.connection() as connection:
        folder = await visible_data_folder(connection)
        assert str(folder) == await connection.fetchval("show data_directory")
        # One that may not read the setting, and one that names a folder which changed at another time than ours.
        await connection.execute("set role pg_read_all_data")
        assert await visible_data_folder(connection) is None
        await connection.execute("reset role")
    assert folder is not None
    usage = shutil.disk_usage(folder)
    assert (await DataDisk(database, None).left())[1] == usage.total


async def test_a_folder_of_the_same_name_on_another_machine_is_not_taken_for_the_data(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.data_folder._CHANGED", "select '2020-01-01Z'::timestamptz where $1 <> ''")
    async with database.connection() as connection:
        assert await visible_data_folder(connection) is None


async def test_a_disk_that_is_not_known_is_unknown_and_logged_once(database: Database, tmp_path: Path) -> None:
    disk = DataDisk(database, tmp_path / "gone")
    with capture_logs() as logs:
        assert await disk.left() == (None, None)
        assert await disk.left() == (None, None)
    assert [entry["event"] for entry in logs] == ["disk_read_failed"]
    assert "GRIDKEEPER_DATABASE__DATA_FOLDER" in logs[0]["note"]
    (tmp_path / "gone").mkdir()
    assert (await disk.left())[1] == shutil.disk_usage(tmp_path).total
