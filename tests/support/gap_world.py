"""A small world for the tests of gaps: series that are published in time, late or never, and a collector that asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from app.clock import FixedClock
from app.collection.gaps.question_schedule import AskPolicy
from app.collection.gaps.windows import Gap
from app.collection.models import CollectionRequest, CollectionRun, Work
from app.collection.repository import RunRepository
from app.collection.service import CollectionService
from app.db.engine import Database
from app.errors import SourceError, SourceUnavailable
from app.market.areas import Place, find_place
from app.market.series import DataItem, SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution
from app.settings import DatabaseSettings
from app.sources.source import Fetched, RejectedPoint
from app.timeseries.repository import TimeSeriesRepository
from tests.support.fakes import FakeSource, RecordingSleep
from tests.support.services import gap_service

DISTANCES = tuple(timedelta(minutes=minutes) for minutes in (0, 30, 45))
Told = tuple[str, str, str, int]
"""A gap as a test writes it: start and end as `02T13:00`, reason, number of missing units."""


def at(text: str) -> datetime:
    """`02T13:00` in March 2024, or a whole date, in UTC."""
    return datetime.fromisoformat(text if text.count("-") else f"2024-03-{text}").replace(tzinfo=UTC)


def span(first: str, last: str) -> Interval:
    return Interval(at(first), at(last))


@dataclass
class Published:
    """A series at the source: units of a resolution in `life`, public `delay` after their end; `holes` come later or never."""

    life: Interval
    resolution: Resolution = Resolution.PT60M
    delay: timedelta = timedelta(minutes=30)
    holes: Sequence[tuple[Interval, datetime | None]] = field(default_factory=list)
    psr_type: str = ""
    flow_direction: str = ""
    currency: str = ""

    def block(self, item: DataItem, place: Place, window: Interval, now: datetime) -> SeriesBlock:
        starts = [
            int(start.timestamp())
            for second in self.resolution.starts(self.life, place.zone).tolist()
            if (start := datetime.fromtimestamp(second, UTC)) < window.end
            and self.resolution.step(start, 1, place.zone) > window.start
            and self._public(start, place, now)
        ]
        key = SeriesKey(
            "fake", item, place.eic, psr_type=self.psr_type, flow_direction=self.flow_direction, currency=self.currency
        )
        values = np.arange(len(starts), dtype=np.float64)
        return SeriesBlock(key, self.resolution, np.array(starts, np.int64), values, np.zeros(len(starts), np.bool_))

    def _public(self, start: datetime, place: Place, now: datetime) -> bool:
        if any(start in hole and (until is None or now < until) for hole, until in self.holes):
            return False
        return self.resolution.step(start, 1, place.zone) + self.delay <= now


class World:
    """A source, a collector and an analysis on one database and one clock that stands where a test sets it."""

    def __init__(self, database: Database, item: DataItem, place: Place, *series: Published) -> None:
        self.database = database
        self.item, self.place, self.series = item, place, list(series)
        self.failure: SourceError | None = None
        self.rejects = 0
        self.takes = timedelta()
        self.clock = FixedClock(at("2024-03-01"))
        self.repository = TimeSeriesRepository(database)
        self.source = FakeSource(self._answer, days=400)
        self.collection = CollectionService(
            self.source, self.repository, RunRepository(database), self.clock, concurrency=2, sleep=RecordingSleep()
        )
        self.service = gap_service(database, patience=AskPolicy(asks=3))

    def _answer(self, item: DataItem, place: Place, window: Interval) -> Fetched | SourceError:
        asked_at = self.clock.now()
        self.clock.set(asked_at + self.takes)
        if self.failure is not None:
            return self.failure
        blocks = [one.block(item, place, window, asked_at) for one in self.series]
        rejected = tuple(RejectedPoint("1", f"position {number}", "no number") for number in range(self.rejects))
        return Fetched([block for block in blocks if len(block)], rejected)

    async def ask(self, now: str, first: str, last: str, *, times: int = 1) -> CollectionRun:
        """The last of so many questions; the others lie before it, so far apart that each answer counts."""
        for distance in reversed(DISTANCES[:times]):
            self.clock.set(at(now) - distance)
            run = await self.collection.collect(Work(self.item, self.place, span(first, last)))
        return run

    async def fails(self, now: str, first: str, last: str) -> None:
        self.failure = SourceUnavailable("503")
        await self.ask(now, first, last)
        self.failure = None

    async def gaps(self, now: str, first: str, last: str, *, adding: bool = True) -> list[Gap]:
        self.clock.set(at(now))
        request = CollectionRequest(self.item, self.place, span(first, last))
        return await self.service.analyse([request], at(now), adding=adding)

    async def told(self, now: str, first: str, last: str, *, adding: bool = True) -> list[Told]:
        return [
            (_short(gap.interval.start), _short(gap.interval.end), gap.reason.value, gap.missing)
            for gap in await self.gaps(now, first, last, adding=adding)
        ]

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        async with self.database.connection() as connection:
            return [tuple(row) for row in await connection.fetch(query)]


def _short(instant: datetime) -> str:
    form = "%dT%H:%M" if (instant.year, instant.month) == (2024, 3) else "%Y-%m-%dT%H:%M"
    return instant.strftime(form)


MakeWorld = Callable[..., World]


@asynccontextmanager
async def world_on(url: str) -> AsyncIterator[MakeWorld]:
    database = Database(DatabaseSettings(), url)

    def make(*series: Published, item: DataItem = DataItem.LOAD_ACTUAL, place: str = "FR") -> World:
        return World(database, item, find_place(place), *series)

    try:
        yield make
    finally:
        await database.close()
