"""Far more windows due at once than the pool has connections."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from app.clock import FixedClock
from app.collection.backfill_models import BackfillRequest, BackfillState, ChunkState, Reprocess
from app.collection.models import CollectionRequest, CollectionRun, Outcome, Work
from app.collection.repository import RunRepository
from app.collection.service import CollectionService
from app.tasks.local import Limits, LocalBackend
from app.timeseries.repository import TimeSeriesRepository
from tests.backfill_factory import FR, LOAD, NOW, Scene, days
from tests.fakes import FakeSource, RecordingSleep, hourly
from tests.store_factory import opened

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


async def test_two_hundred_windows_of_a_backfill_end_over_five_connections(database_url: str) -> None:
    async with opened(database_url, pool_size=5) as database:
        scene = Scene(database)
        request = BackfillRequest((CollectionRequest(LOAD, FR, days(0, WINDOWS)),), Reprocess.ALL, concurrency=64)
        backfill_id = await scene.start(request)
        async with LocalBackend(Limits(in_flight=64, backfill=64)) as backend:
            working = asyncio.create_task(scene.worker(backend).work(backfill_id))
            async with asyncio.timeout(60):
                while (await scene.service.progress(backfill_id)).state is not BackfillState.COMPLETED:  # noqa: ASYNC110  rows tell nobody
                    await asyncio.sleep(0.05)
            working.cancel()
            await asyncio.wait([working])
        assert await scene.counts(backfill_id) == {ChunkState.STORED: WINDOWS}
        assert scene.service.time_left(await scene.service.progress(backfill_id)) == timedelta(0)
