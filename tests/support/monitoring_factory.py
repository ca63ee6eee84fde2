"""Runs to be measured, and a store that remembers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.collection.models import CollectionRun, Outcome
from app.db.engine import Database
from app.errors import DatabaseUnavailable
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.monitoring.models import RunMetrics
from app.sources.source import FetchStatistics

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
FR = find_place("FR")
DE = find_place("DE_LU")


def collection_run(
    number: int | None = 1, at: datetime = NOON, *, response: float = 0.5, **changes: Any
) -> CollectionRun:
    """A window of French load, asked for in one request."""
    run = CollectionRun(
        source="entsoe",
        item=DataItem.LOAD_ACTUAL,
        place=FR,
        window=Interval(NOON - timedelta(days=1), NOON),
        started_at=at,
        finished_at=at + timedelta(seconds=2),
        outcome=Outcome.STORED,
        statistics=FetchStatistics(requests=1, bytes=1000, api_seconds=response, parse_seconds=0.25),
        received=24,
        new=20,
        unchanged=4,
        store_seconds=0.125,
        run_id=number,
    )
    return replace(run, **changes)


def measured(number: int = 1, at: datetime = NOON, **changes: Any) -> RunMetrics:
    found = RunMetrics.of(collection_run(number, at, **changes))
    assert found is not None
    return found


class Store:
    """Keeps batches in memory, and is away while the test says so."""

    def __init__(self) -> None:
        self.batches: list[list[RunMetrics]] = []
        self.failure: Exception | None = None

    @property
    def runs(self) -> list[int]:
        return [run.run_id for batch in self.batches for run in batch]

    async def add_runs(self, runs: Sequence[RunMetrics]) -> None:
        if self.failure:
            raise self.failure
        self.batches.append(list(runs))


AWAY = DatabaseUnavailable("the database is away")


async def insert_run(database: Database, run: CollectionRun) -> int:
    """The run as the collection records it."""
    from app.collection.repository import RunRepository

    return await RunRepository(database).add(run)
