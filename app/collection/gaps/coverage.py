"""The coverage of items and places, month by month or day by day, from the daily counts."""

from __future__ import annotations

import bisect
import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.collection.gaps.expectation import (
    ExpectedSeries,
    Question,
    pair_of,
    question_of,
    series_of,
)
from app.collection.gaps.idleness import idle_seconds, others, running_only
from app.collection.gaps.windows import AskEvidence, Gap
from app.collection.models import CollectionRequest
from app.market.areas import Place
from app.market.calendar import PublicationRule
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval, Resolution
from app.sources.catalog import Publication
from app.timeseries.coverage import Buckets, Granularity, begin_of, buckets, calendar_seconds, expected_seconds
from app.timeseries.grid import Held
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.stored_units import StockReader, StoredUnitsRepository

_QUARTER = timedelta(minutes=15)
_FURTHEST = timedelta(days=800)
"""No rule asks for a value earlier than a year and a half before its delivery ends, or later than this after it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A month or a day of an item and a place, over all its series: seconds that were due, and those with values.

    `idle`: of each series that is published only while it runs the seconds without values that are not missing.
    """

    item: DataItem
    place: Place
    begin: date
    expected: int
    covered: int
    idle: Mapping[SeriesKey, int] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """None where nothing was due."""
        return self.covered / self.expected if self.expected else None


class CoverageService:
    """Tells how complete the store is."""

    def __init__(
        self,
        timeseries: TimeSeriesRepository,
        stock: StoredUnitsRepository,
        *,
        publication: Publication,
    ) -> None:
        self._timeseries = timeseries
        self._stock = stock
        self._publication = publication

    async def matrix(self, requests: Sequence[CollectionRequest], now: datetime, step: Granularity) -> list[Cell]:
        """One cell for each request and each month or day of its interval, in order."""
        cells = [cell for line in await self.lines(requests, now, step) for cell in line.cells()]
        order = {(one.item, one.place.eic): number for number, one in enumerate(requests)}
        return sorted(cells, key=lambda cell: (order[cell.item, cell.place.eic], cell.begin))

    async def lines(
        self, requests: Sequence[CollectionRequest], now: datetime, step: Granularity
    ) -> list[CoverageLine]:
        """The same in one line for each request, in the order of their intervals, and of the requests within one."""
        known = await series_of(self._timeseries, requests)
        found: list[CoverageLine] = []
        places = {number: one.place for one in requests for number, _ in known.get(pair_of(one), ())}
        untils: dict[tuple[DataItem, ZoneInfo], datetime] = {}
        async with self._stock.reading(places) as reader:
            extents = await reader.extents(list(places))
            for interval, group in _by_interval(requests).items():
                portions = buckets(interval, step)
                parts = _parts(portions, step)
                questions = [question_of(one, known.get(pair_of(one), ()), extents, now) for one in group]
                known_places = [one for one in questions if one]
                covered = await _covered(reader, known_places, portions)
                running = await running_only(reader, known_places)
                for request, question in zip(group, questions, strict=True):
                    key = request.item, request.place.zone
                    if key not in untils:
                        untils[key] = _until(self._publication(request.item), request, now)
                    counted = _Counted(covered, running)
                    found.append(_line(request, question, counted, portions=portions, parts=parts, until=untils[key]))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class CoverageLine:
    """An item and a place over months or days: seconds that were due, those with values, and idle ones by series."""

    request: CollectionRequest
    begins: tuple[date, ...]
    expected: NDArray[np.int64]
    covered: NDArray[np.int64]
    idle: Mapping[SeriesKey, NDArray[np.int64]]

    def cells(self) -> list[Cell]:
        item, place = self.request.item, self.request.place
        sums = zip(self.begins, self.expected.tolist(), self.covered.tolist(), strict=True)
        return [
            Cell(item, place, begin, due, there, {key: int(idle[number]) for key, idle in self.idle.items()})
            for number, (begin, due, there) in enumerate(sums)
        ]

    def percents(self) -> list[int | None]:
        """`whole_percent` of each month or day."""
        due, there = self.expected, self.covered
        shares = np.rint(100 * there / np.maximum(due, 1)).astype(np.int64)
        shares = np.where((there > 0) & (there < due), np.clip(shares, 1, 99), shares)
        return [share if one else None for share, one in zip(shares.tolist(), due.tolist(), strict=True)]


@dataclass(frozen=True, slots=True)
class _Counted:
    """Covered seconds of each series by portion, and the lines that are published only while they run."""

    covered: Mapping[int, NDArray[np.int64]]
    running: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The months or days of portions, and the first portion of each."""

    begins: tuple[date, ...]
    firsts: NDArray[np.int64]

    def sums(self, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
        found: NDArray[np.int64] = np.add.reduceat(seconds, self.firsts)
        return found


def _parts(portions: Buckets, step: Granularity) -> _Parts:
    firsts: dict[date, int] = {}
    for number, day in enumerate(portions.bounds[:-1]):
        firsts.setdefault(begin_of(day, step), number)
    return _Parts(tuple(firsts), np.array(list(firsts.values()), np.int64))


def _by_interval(requests: Sequence[CollectionRequest]) -> dict[Interval, list[CollectionRequest]]:
    found: dict[Interval, list[CollectionRequest]] = {}
    for request in requests:
        found.setdefault(request.interval, []).append(request)
    return found


async def _covered(
    reader: StockReader, questions: Sequence[Question], portions: Buckets
) -> Mapping[int, NDArray[np.int64]]:
    """Covered seconds of each series by portion; calendar units are spread over the days they mean."""
    lines = [(line, question.request.place.zone) for question in questions for line in question.lines]
    if not lines:
        return {}
    fixed = [number for line, _ in lines for number in line.ids if not line.extent.resolution.is_calendar]
    calendar = {
        number: (Interval(line.extent.first, max(line.interval.end, line.extent.first)), zone)
        for line, zone in lines
        for number in line.ids
        if line.extent.resolution.is_calendar
    }
    found = await reader.covered(fixed, portions) if fixed else {}
    held: Mapping[int, Held] = (
        await reader.units({number: interval for number, (interval, _) in calendar.items()}) if calendar else {}
    )
    return found | {number: calendar_seconds(held[number], portions, calendar[number][1]) for number in held}


def _line(
    request: CollectionRequest,
    question: Question | None,
    counted: _Counted,
    *,
    portions: Buckets,
    parts: _Parts,
    until: datetime,
) -> CoverageLine:
    due, there = np.zeros(len(portions), np.int64), np.zeros(len(portions), np.int64)
    idle: dict[SeriesKey, NDArray[np.int64]] = {}
    for line in question.lines if question else ():
        expected = expected_seconds(_due_part(line, until), portions)
        stored = np.minimum(expected, sum(counted.covered[number] for number in line.ids))
        if question and line.ids[0] in counted.running:
            idle[line.key] = idle_seconds(expected, stored, [counted.covered[number] for number in others(question)])
            expected = expected - idle[line.key]
        due += expected
        there += stored
    idle_of = {key: parts.sums(seconds) for key, seconds in idle.items()}
    return CoverageLine(request, parts.begins, parts.sums(due), parts.sums(there), idle_of)


def _due_part(line: ExpectedSeries, until: datetime) -> Interval | None:
    """The part of a series of which values have to be there by now."""
    return Interval(line.interval.start, min(line.interval.end, until)) if line.interval.start < until else None


def _until(rule: PublicationRule | None, request: CollectionRequest, now: datetime) -> datetime:
    """The first quarter of an hour that is not due yet."""
    if rule is None:
        return now
    origin = now.replace(minute=0, second=0, microsecond=0) - _FURTHEST
    zone = request.place.zone

    def deadline(quarter: int) -> datetime:
        return rule.deadline(origin + quarter * _QUARTER, Resolution.PT15M, zone)

    return origin + bisect.bisect_right(range(2 * _FURTHEST // _QUARTER), now, key=deadline) * _QUARTER


def whole_percent(share: float | None) -> int | None:
    """Whole percents, rounded so that 100 means complete and 0 means nothing; None where nothing was due."""
    if share is None:
        return None
    return min(99, max(1, round(100 * share))) if 0 < share < 1 else int(100 * share)


def hours_missing(cell: Cell, gaps: Sequence[Gap], *, by_day: bool, expected: bool) -> dict[str, float]:
    """The hours of gaps in a month or day, by what the questions for them say; of several series the most.

    Those of series, or, not `expected`, those of time in which no series is expected.
    """
    end = cell.begin + timedelta(days=1 if by_day else calendar.monthrange(cell.begin.year, cell.begin.month)[1])
    inside = Interval(*(datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (cell.begin, end)))
    hours: dict[tuple[str, SeriesKey | None], float] = {}
    for gap in gaps:
        part = gap.interval.intersection(inside)
        if part is None or (gap.item, gap.place) != (cell.item, cell.place) or gap.evidence is AskEvidence.NOT_DUE:
            continue
        if (gap.series_key is not None) is expected:
            which = gap.evidence.value, gap.series_key
            hours[which] = hours.get(which, 0.0) + part.duration.total_seconds() / 3600
    return {name: max(most for other, most in _named(hours) if other == name) for name, _ in _named(hours)}


def _named(hours: Mapping[tuple[str, SeriesKey | None], float]) -> list[tuple[str, float]]:
    return [(name, number) for (name, _), number in hours.items()]
