"""Backfills for tests: requests, a source that answers what a test says, workers on a real database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from app.clock import FixedClock
from app.collection.backfill.models import BackfillRequest, BackfillRetryPolicy, Reprocess, WindowState
from app.collection.backfill.repository import BackfillRepository
from app.collection.backfill.service import BackfillService, GapCompleteness
from app.collection.backfill.window_runner import Collector
from app.collection.backfill.worker import BackfillWorker
from app.collection.models import CollectionRequest, Work
from app.collection.repository import RunRepository
from app.collection.service import CollectionService
from app.db.engine import Database
from app.market.areas import Place, find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.tasks.local import LocalBackend, TaskLimits
from app.timeseries.repository import TimeSeriesRepository
from tests.support.fakes import Answer, FakeSource, RecordingSleep, hourly
from tests.support.services import gap_service

FR = find_place("FR")
LOAD = DataItem.LOAD_ACTUAL
T0 = datetime(2024, 1, 1, tzinfo=UTC)
NOW = datetime(2024, 6, 1, tzinfo=UTC)
SOON = BackfillRetryPolicy(retry=timedelta(milliseconds=1))


def days(first: int, last: int) -> Interval:
    return Interval(T0 + timedelta(days=first), T0 + timedelta(days=last))


def daily_windows(_item: DataItem, place: Place, interval: Interval) -> Sequence[Interval]:
    return [Interval(start, start + timedelta(days=1)) for start in _midnights(interval)]


def _midnights(interval: Interval) -> list[datetime]:
    return [interval.start + timedelta(days=day) for day in range(interval.duration.days)]


def ten_days(reprocess: Reprocess = Reprocess.ALL, *, concurrency: int = 2, last: int = 10) -> BackfillRequest:
    return BackfillRequest((CollectionRequest(LOAD, FR, days(0, last)),), reprocess, concurrency=concurrency)


class Scene:
    """One process: everything a backfill needs, on one database."""

    def __init__(
        self,
        database: Database,
        answer: Callable[[DataItem, Place, Interval], Answer] = hourly,
        patience: BackfillRetryPolicy = SOON,
    ) -> None:
        self.database = database
        self.source = FakeSource(answer)
        self.patience = patience
        self.clock = FixedClock(NOW)
        self.repository = BackfillRepository(database, patience)
        self.collection = CollectionService(
            self.source,
            TimeSeriesRepository(database),
            RunRepository(database),
            self.clock,
            concurrency=2,
            sleep=RecordingSleep(),
        )
        self.gaps = gap_service(database)
        self.service = BackfillService(
            self.repository,
            GapCompleteness(self.gaps),
            daily_windows,
            requests_per_second=2.0,
            share=0.2,
        )

    async def start(self, request: BackfillRequest | None = None) -> int:
        request = request or ten_days()
        return await self.service.start(request, await self.service.plan(request, NOW))

    def worker(self, backend: LocalBackend, collector: Collector | None = None) -> BackfillWorker:
        return BackfillWorker(
            self.repository, collector or self.collection, self.gaps, backend, self.patience, poll_seconds=0.02
        )

    async def counts(self, backfill_id: int) -> dict[WindowState, int]:
        progress = await self.service.progress(backfill_id)
        return {state: count for state, count in progress.counts.items() if count}

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        async with self.database.connection() as connection:
            return [tuple(row) for row in await connection.fetch(query)]


def local() -> LocalBackend:
    return LocalBackend(TaskLimits(in_flight=4, backfill=4))


def window_of(work: Work) -> int:
    """The number of the day that a window is."""
    return (work.window.start - T0).days
