"""What is stored and to be asked for again now: the platform corrects its values without a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.stored_units import StoredUnitsRepository

HOUR, DAY = 3600, 86_400
BY_THE_HOUR = timedelta(days=8)
"""Older values are judged by the day."""


def item_pace(item: DataItem, catalog: Catalog) -> AskPace:
    """How an item is asked for again."""
    unit, window = catalog.longest_resolution(item).nominal, catalog.longest_window(item)
    return pace_of(unit, price=item is DataItem.PRICE_DAY_AHEAD, longest_window=window)


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
        known = await self._known(requests)
        if not known:
            return []
        answers = await self._answers.answers(known, now)
        return [
            CollectionRequest(one.item, one.place, window)
            for one in known
            for window in windows_again(one.interval, answers[pair_of(one)], item_pace(one.item, self._catalog), now)
        ]

    async def _known(self, requests: Sequence[CollectionRequest]) -> list[CollectionRequest]:
        """The requests from the first value on that is stored; of what has none, nothing can be corrected."""
        series = await series_of(self._timeseries, requests)
        places = {number: one.place for one in requests for number, _ in series.get(pair_of(one), ())}
        async with self._stock.reading(places) as reader:
            extents = await reader.extents(list(places))
        found: list[CollectionRequest] = []
        for one in requests:
            lives = [extents[number] for number, _ in series.get(pair_of(one), ()) if number in extents]
            if not lives:
                continue
            # What a cycle asks for anyway is asked for as it appears; what is published for weeks and years, here.
            each_cycle = isinstance(self._catalog.publication(one.item), AfterDelivery | DaysBefore)
            end = max(life.end for life in lives) if each_cycle else one.interval.end
            stored = Interval(min(life.first for life in lives), max(end, min(life.first for life in lives)))
            if part := one.interval.intersection(stored):
                found.append(CollectionRequest(one.item, one.place, part))
        return found


def windows_again(interval: Interval, answers: Answers, pace: AskPace, now: datetime) -> list[Interval]:
    """The parts of the interval that are to be asked for again."""
    cells = _cells(interval, now)
    last = answers.last(cells.edges)
    second = int(now.timestamp())
    eager = eagerness(*answers.about_the_past())
    following = np.maximum(next_of_stored(cells.ends, last, pace, eager), answers.not_before(cells.edges))
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
