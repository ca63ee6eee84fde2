"""Stored series with the habits of real ones, scanned at an hour that a test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from app.db.engine import Database
from app.market.areas import Place, find_place
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution
from app.quality.models import Series
from app.quality.repository import QualityRepository
from app.quality.scan import QualityScanner, ScanReport, ScanSelection
from app.quality.scoring import DEFAULT_WEIGHTS, Weights
from app.settings import DatabaseSettings
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.rolling import Values
from tests.support.services import quality_scanner

HOUR = timedelta(hours=1)
_RESOLUTIONS = {900: Resolution.PT15M, 1800: Resolution.PT30M, 3600: Resolution.PT60M, 86_400: Resolution.P1D}


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


@dataclass
class QualityWorld:
    """A store, a scanner and the rows that it keeps."""

    database: Database
    weights: Weights = DEFAULT_WEIGHTS
    repository: TimeSeriesRepository = field(init=False)
    quality: QualityRepository = field(init=False)
    scanner: QualityScanner = field(init=False)

    def __post_init__(self) -> None:
        self.repository = TimeSeriesRepository(self.database)
        self.quality = QualityRepository(self.database)
        self.scanner = quality_scanner(
            self.database,
            weights=self.weights,
        )

    async def store(
        self,
        series: Series,
        *,
        item: str = "load_actual",
        area: str = "FR",
        learned: datetime | None = None,
        values: Values | None = None,
        **more: str,
    ) -> SeriesKey:
        """Values as if learned when their delivery ended, NaN left out; `values` replaces those of the series."""
        key = SeriesKey("fake", item, find_place(area).eic, **more)
        given = series.values if values is None else values
        known = ~np.isnan(given)
        starts = series.start + series.step * np.arange(len(given), dtype=np.int64)
        block = SeriesBlock(
            key, _RESOLUTIONS[series.step], starts[known], given[known], np.zeros(int(known.sum()), np.bool_)
        )
        moment = learned or at(int(starts[-1]) + series.step)
        await self.repository.store([block], learned_at=moment)
        return key

    async def scan(
        self,
        now: datetime,
        *,
        days: int = 30,
        items: Sequence[str] | None = None,
        window: Interval | None = None,
        again: bool = False,
    ) -> ScanReport:
        def windows(_: Place) -> Interval:
            return window or Interval(now - timedelta(days=days), now)

        return await self.scanner.scan(ScanSelection(items), windows, now, again=again)

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        async with self.database.connection() as connection:
            return [tuple(row) for row in await connection.fetch(query)]

    async def contents(self) -> list[tuple[object, ...]]:
        """Everything that scans keep."""
        found = []
        for table in ("quality_scores", "quality_findings", "quality_scans"):
            found += await self.rows(f"select * from {table} order by 1, 2")
        return found


@asynccontextmanager
async def quality_world(url: str, weights: Weights = DEFAULT_WEIGHTS) -> AsyncIterator[QualityWorld]:
    database = Database(DatabaseSettings(), url)
    try:
        yield QualityWorld(database, weights)
    finally:
        await database.close()
