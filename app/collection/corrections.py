"""What is stored and to be asked for again now: the platform corrects its values without a word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from app.collection.answers import Answers
from app.collection.gaps.expectation import pair_of, series_of
from app.collection.gaps.question_schedule import AskPace, eagerness, next_of_stored, pace_of, ripe_spans
from app.collection.models import CollectionRequest
from app.collection.repository import AnswerRepository
from app.market.calendar import AfterDelivery, DaysBefore
from app.market.series import DataItem
from app.market.time import Interval
from app.sources.catalog import Catalog
from app.timeseries.grid import Extent
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.stored_units import StockReader, StoredUnitsRepository

HOUR, DAY = 3600, 86_400
NEVER = 2**62
BY_THE_HOUR = timedelta(days=8)
"""Older values are judged by the day."""


def item_pace(item: DataItem, catalog: Catalog) -> AskPace:
    """How an item is asked for again."""
    unit, window = catalog.longest_resolution(item).nominal, catalog.longest_window(item)
    return pace_of(unit, price=item is DataItem.PRICE_DAY_AHEAD, longest_window=window)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is stored of an item and place: the window from its first value on, and its series."""

    request: CollectionRequest
    series: tuple[int, ...]
    appears_elsewhere: bool
    """Whether others ask for values that are not there yet."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Stretches of time that are judged as one, in seconds since 1970."""

    edges: NDArray[np.int64]

    @property
    def ends(self) -> NDArray[np.int64]:
        return self.edges[1:]


class CorrectionService:
    """Finds what is to be asked for again by the age of the last answer; `now` is passed in by the caller."""

    def __init__(
        self,
        timeseries: TimeSeriesRepository,
        stock: StoredUnitsRepository,
        answers: AnswerRepository,
        catalog: Catalog,
    ) -> None:
        self._timeseries = timeseries
        self._stock = stock
        self._answers = answers
        self._catalog = catalog

    async def again(self, requests: Sequence[CollectionRequest], now: datetime) -> list[CollectionRequest]:
        """The windows to ask for again of each request's item and place, from its first stored value on.

        The end of a request is where values may lie by now; its start says how far back to look, None of it further.
        """
        async with self._reading(requests) as (reader, stored):
            if not stored:
                return []
            answers = await self._answers.answers([one.request for one in stored], now)
            return [
                CollectionRequest(one.request.item, one.request.place, window)
                for one in stored
                for window in await self._windows(one, answers[pair_of(one.request)], reader, now)
            ]

    async def _windows(self, one: _Stored, answers: Answers, reader: StockReader, now: datetime) -> list[Interval]:
        interval, pace = one.request.interval, item_pace(one.request.item, self._catalog)
        if not one.appears_elsewhere or answers.cover(interval):
            return windows_again(interval, answers, pace, now)
        counts = await reader.counts(dict.fromkeys(one.series, interval))
        return windows_again(interval, answers, pace, now, stored_days=np.unique(counts.days))

    @asynccontextmanager
    async def _reading(self, requests: Sequence[CollectionRequest]) -> AsyncIterator[tuple[StockReader, list[_Stored]]]:
        """The requests from the first value on that is stored; of what has none, nothing can be corrected."""
        series = await series_of(self._timeseries, requests)
        places = {number: one.place for one in requests for number, _ in series.get(pair_of(one), ())}
        async with self._stock.reading(places) as reader:
            extents = await reader.extents(list(places))
            found = [
                self._stored(one, [number for number, _ in series.get(pair_of(one), ())], extents) for one in requests
            ]
            yield reader, [one for one in found if one is not None]

    def _stored(
        self, request: CollectionRequest, series: Sequence[int], extents: Mapping[int, Extent]
    ) -> _Stored | None:
        lives = [extents[number] for number in series if number in extents]
        if not lives:
            return None
        # What a cycle asks for anyway is asked for as it appears; what is published for weeks and years, here.
        each_cycle = isinstance(self._catalog.publication(request.item), AfterDelivery | DaysBefore)
        first = min(life.first for life in lives)
        end = max(life.end for life in lives) if each_cycle else request.interval.end
        part = request.interval.intersection(Interval(first, max(end, first)))
        return _Stored(replace(request, interval=part), tuple(series), each_cycle) if part else None


def windows_again(
    interval: Interval,
    answers: Answers,
    pace: AskPace,
    now: datetime,
    *,
    stored_days: NDArray[np.int64] | None = None,
) -> list[Interval]:
    """The parts of the interval that are to be asked for again.

    What was never answered and has no value on a UTC day of `stored_days` (since 1970) is nothing that could be corrected.
    """
    cells = _cells(interval, now)
    last = answers.last(cells.edges)
    second = int(now.timestamp())
    eager = eagerness(*answers.about_the_past())
    following = np.maximum(next_of_stored(cells.ends, last, pace, eager), answers.not_before(cells.edges))
    if stored_days is not None:
        following[(last == 0) & ~np.isin(cells.edges[:-1] // DAY, stored_days)] = NEVER
    return [
        Interval(max(interval.start, _instant(cells.edges[first])), min(interval.end, _instant(cells.edges[end])))
        for first, end in ripe_spans(following, last, second)
    ]


def _cells(interval: Interval, now: datetime) -> _Cells:
    """Whole days of long ago, then whole hours; what is far ahead by the day again."""
    first, last = int(interval.start.timestamp()), int(interval.end.timestamp())
    recent = int((now - BY_THE_HOUR).timestamp()) // DAY * DAY
    ahead = int(now.timestamp()) // DAY * DAY + 3 * DAY
    edges = np.concatenate([*_edges(first, last, recent, ahead)])
    return _Cells(np.unique(np.clip(edges, first // HOUR * HOUR, -(-last // HOUR) * HOUR)))


def _edges(first: int, last: int, recent: int, ahead: int) -> Iterator[NDArray[np.int64]]:
    for begin, end, step in (
        (first, min(recent, last), DAY),
        (max(first, recent), min(last, ahead), HOUR),
        (max(first, ahead), last, DAY),
    ):
        if begin < end:
            yield np.arange(begin // step * step, end + step, step, dtype=np.int64).clip(None, end)


def _instant(second: np.int64) -> datetime:
    return datetime.fromtimestamp(int(second), UTC)
