"""Stand-ins at the network's edge: small real classes, no mock trees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np

from app.errors import SourceError
from app.market.areas import Place
from app.market.series import DataItem, SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution, split_interval
from app.sources.catalog import Catalog
from app.sources.entsoe.catalog import EntsoeCatalog
from app.sources.source import Fetched, FetchStatistics

Answer = Fetched | SourceError


class FakeCatalog(EntsoeCatalog):
    """The platform's items, asked for in windows of so many days."""

    def __init__(self, days: int) -> None:
        self._days = days

    def windows(self, item: DataItem, place: Place, interval: Interval) -> list[Interval]:
        return list(split_interval(interval, days=self._days, zone=place.zone))


class WithoutDeadlines(EntsoeCatalog):
    """The platform's items, as if nobody knew when they have to be public."""

    def publication(self, item: DataItem) -> None:
        return None


class FakeSource:
    """Answers each window with what a function says, and remembers what was asked."""

    name = "fake"

    def __init__(self, answer: Callable[[DataItem, Place, Interval], Answer], *, days: int = 31) -> None:
        self._answer = answer
        self.catalog: Catalog = FakeCatalog(days)
        self.asked: list[tuple[DataItem, str, Interval]] = []

    async def fetch(self, item: DataItem, place: Place, window: Interval, statistics: FetchStatistics) -> Fetched:
        self.asked.append((item, place.code, window))
        statistics.requests += 1
        answer = self._answer(item, place, window)
        if isinstance(answer, SourceError):
            raise answer
        return answer


def hourly(item: DataItem, place: Place, window: Interval, value: float = 1.0) -> Fetched:
    """A constant value for every hour of the window."""
    starts = Resolution.PT60M.starts(window, place.zone)
    return Fetched([block(item, place, starts, np.full(len(starts), value))])


def block(
    item: DataItem, place: Place, starts: Sequence[int] | np.ndarray, values: Sequence[float] | np.ndarray
) -> SeriesBlock:
    return SeriesBlock(
        SeriesKey("fake", item, place.eic),
        Resolution.PT60M,
        np.asarray(starts, dtype=np.int64),
        np.asarray(values, dtype=np.float64),
        np.zeros(len(starts), dtype=np.bool_),
    )


class RecordingSleep:
    """Sleeps not at all and remembers for how long it should have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


class SteppingClock:
    """A clock that moves on by a second with each look."""

    def __init__(self, start: datetime) -> None:
        self._next = start

    def now(self) -> datetime:
        from datetime import timedelta

        now, self._next = self._next, self._next + timedelta(seconds=1)
        return now
