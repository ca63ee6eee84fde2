"""Far more windows due at once than the pool has connections."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from app.clock import FixedClock
from app.collection.backfill.models import BackfillRequest, BackfillState, Reprocess, WindowState
from app.collection.models import CollectionRequest, CollectionRun, Outcome, Work
from app.collection.repository import RunRepository
from app.collection.service import CollectionService
from app.scheduling.models import JobOutcome, JobRun, RunReport, Ticket
from app.scheduling.store import encode
from app.tasks.local import LocalBackend, TaskLimits
from app.timeseries.repository import TimeSeriesRepository
from tests.support.backfill_factory import FR, LOAD, NOW, Scene, days
from tests.support.fakes import FakeSource, RecordingSleep, hourly
from tests.support.scheduler_factory import Remembering, every_kind, rows, runs_until, service, serving
from tests.support.store_factory import opened

WINDOWS = 200


async def test_two_hundred_windows_at_once_are_collected_over_five_connections(database_url: str) -> None:
    async with opened(database_url, pool_size=5) as database:
        collection = CollectionService(
            FakeSource(hourly), TimeSeriesRepository(database), RunRepository(database), FixedClock(NOW),
            concurrency=64, sleep=RecordingSleep(),
        )  # fmt: skip
        runs: list[CollectionRun] = []
        await collection.collect_all([Work(LOAD, FR, days(day, day + 1)) for day in range(WINDOWS)], runs.append)
        assert [run.outcome for run in runs] == [Outcome.STORED] * WINDOWS
        async with database.connection() as connection:
            assert await connection.fetchval("select count(*) from observations") == WINDOWS * 24


@pytest.mark.long
async def test_two_hundred_windows_of_a_backfill_end_over_five_connections(database_url: str) -> None:
    async with opened(database_url, pool_size=5) as database:
        scene = Scene(database)
        request = BackfillRequest((CollectionRequest(LOAD, FR, days(0, WINDOWS)),), Reprocess.ALL, concurrency=64)
        backfill_id = await scene.start(request)
        async with LocalBackend(TaskLimits(in_flight=64, backfill=64)) as backend:
            working = asyncio.create_task(scene.worker(backend).work(backfill_id))
            async with asyncio.timeout(120):
                while (await scene.service.progress(backfill_id)).state is not BackfillState.COMPLETED:  # noqa: ASYNC110  rows tell nobody
                    await asyncio.sleep(0.05)
            working.cancel()
            await asyncio.wait([working])
        assert await scene.counts(backfill_id) == {WindowState.STORED: WINDOWS}
        assert scene.service.time_left(await scene.service.progress(backfill_id)) == timedelta(0)


@pytest.mark.long
async def test_two_hundred_jobs_due_at_once_ask_for_a_window_each_over_five_connections(database_url: str) -> None:
    """The scheduler claims, runs and records them while they store: the leader keeps its term, and none runs twice."""
    async with opened(database_url, pool_size=5) as database:
        collection = CollectionService(
            FakeSource(hourly), TimeSeriesRepository(database), RunRepository(database), FixedClock(NOW),
            concurrency=64, sleep=RecordingSleep(),
        )  # fmt: skip

        async def ask(ticket: Ticket) -> RunReport:
            day = int(ticket.params["day"])
            run = await collection.collect(Work(LOAD, FR, days(day, day + 1)))
            return RunReport(JobOutcome.SUCCEEDED if run.outcome is Outcome.STORED else JobOutcome.FAILED)

        add = "insert into scheduler_jobs (id, next_run_time, job_state) values ($1, $2, $3)"
        async with database.connection() as connection:
            for day in range(WINDOWS):
                state = encode("window", "every 1440m", {"day": day})
                await connection.execute(add, f"window:{day}", NOW.timestamp(), state)
        handlers = every_kind(Remembering()) | {"window": ask}
        # So patient that no slow machine ends the term: a pool without a free connection would.
        patient = service(
            database,
            handlers,
            clock=FixedClock(NOW),
            concurrent_runs=64,
            heartbeat=5,
            takeover_after=60,
            misfire_grace=900,
        )
        async with serving(patient):
            await runs_until(database, lambda found: sum(ended(run) for run in found) == WINDOWS, seconds=60)
        found = await rows(
            database, "select outcome, epoch, count(*) from job_runs where kind = 'window' group by 1, 2"
        )
        assert found == [("succeeded", 1, WINDOWS)]
        assert await rows(database, "select count(*) from observations") == [(WINDOWS * 24,)]


def ended(run: JobRun) -> bool:
    return run.job.startswith("window:") and run.finished_at is not None
