"""Finds what is missing and why, and asks for it.

Every series is compared with its own grid (`app.timeseries.grid`), every missing unit is judged by its deadline and by
the runs that covered it (`app.collection.gaps.classification`). Time in which no series of an item and place is known counts
as one gap of the whole item, at an assumed resolution: also a range of which the source said that it has nothing stays
asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.collection.gaps.classification import NEVER_ASKED, REASONS, Asked, Reason, classify_gaps, due
from app.collection.gaps.expectation import (
    ExpectedSeries,
    Question,
    pair_of,
    question_of,
    series_of,
)
from app.collection.gaps.idleness import others, rows_of, running_only, without_idle
from app.collection.gaps.models import GapRow
from app.collection.gaps.question_schedule import AskPolicy
from app.collection.gaps.repository import GapRepository
from app.collection.gaps.windows import Gap, windows_due
from app.collection.models import CollectionRequest, CollectionRun, Work
from app.market.areas import Place
from app.market.series import SeriesKey
from app.market.time import Interval, Resolution
from app.sources.catalog import Catalog
from app.timeseries.blocks import DayCounts
from app.timeseries.grid import (
    GridGaps,
    Held,
    Units,
    assumed_grid,
    contiguous_runs,
    examine_calendar,
    find_grid_gaps,
    is_calendar,
    merged_counts,
    short_days,
)
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.stored_units import Decided, StockReader, StoredUnitsRepository

if TYPE_CHECKING:
    from app.collection.service import CollectionService

STRETCH = timedelta(days=31)
"""Old gaps that lie closer together are looked at together."""
SERIES_AT_ONCE = 64
"""Memory stays flat: 64 series of two years have 47,000 counts."""


@dataclass(frozen=True, slots=True, eq=False)
class _Stock:
    """What is stored of the lines of a batch."""

    counts: DayCounts
    days: Mapping[tuple[int, int], Held]
    calendar: Mapping[int, Held]
    habits: Mapping[int, int]
    running: frozenset[int]
    """The first ids of the lines that are published only while they run."""


@dataclass(frozen=True, slots=True, eq=False)
class _Missing:
    """Missing units of a line, or, without one, of the whole item; with the moment each was due."""

    question: Question
    line: ExpectedSeries | None
    units: Units
    due_at: NDArray[np.int64]


class GapService:
    """Analyses and fills gaps; `now` is passed in by the caller."""

    def __init__(
        self,
        timeseries: TimeSeriesRepository,
        stock: StoredUnitsRepository,
        records: GapRepository,
        catalog: Catalog,
        *,
        patience: AskPolicy | None = None,
    ) -> None:
        self._timeseries = timeseries
        self._stock = stock
        self._records = records
        self._patience = patience or AskPolicy()
        self._catalog = catalog

    async def analyse(self, requests: Sequence[CollectionRequest], now: datetime, *, adding: bool = True) -> list[Gap]:
        """Every gap with its reason, in the order of the requests, of their series and of time.

        Keeps the gaps that are due and the history of resolutions in the database; the same again writes nothing.
        Without `adding` it corrects the gaps that are kept and adds none: for who looks at what nobody promised.
        """
        found: list[Gap] = []
        known = await series_of(self._timeseries, requests)
        for batch in _batches(requests, known):
            questions, missing, decided = await self._examined(batch, known, now)
            judged = await self._judged(missing, now)
            await self._stock.keep_history(decided, now)
            await self._records.keep(
                [replace(one.request, interval=one.living) for one in questions],
                [_row(gap, ids) for gap, ids in judged if gap.reason is not Reason.NOT_DUE],
                now,
                adding=adding,
            )
            found += [gap for gap, _ in judged]
        return found

    async def look_again(self, work: Work, now: datetime) -> None:
        """Analyse a window that was just asked for anew, where a gap of it is kept."""
        request = CollectionRequest(work.item, work.place, work.window)
        if await self._records.any_kept(request):
            await self.analyse([request], now)

    async def fill(
        self,
        gaps: Iterable[Gap],
        collection: CollectionService,
        *,
        forced: bool = False,
        on_plan: Callable[[Sequence[Work]], None] | None = None,
        on_run: Callable[[CollectionRun], None] | None = None,
    ) -> list[CollectionRun]:
        """Asks for all gaps that are late or ours, `forced` also for those the source lacked; gives the runs.

        `on_plan` hears of the windows before the first is asked for, `on_run` of each as it ends.
        """
        runs: list[CollectionRun] = []

        def report(run: CollectionRun) -> None:
            runs.append(run)
            if on_run is not None:
                on_run(run)

        work = collection.plan(windows_due(gaps, forced=forced).requests)
        if on_plan is not None:
            on_plan(work)
        await collection.collect_all(work, report)
        return runs

    async def open_before(self, planned: Sequence[CollectionRequest]) -> list[CollectionRequest]:
        """Where gaps are kept that the planned requests do not reach, in stretches."""
        found: list[CollectionRequest] = []
        for one in await self._records.open_before(planned):
            last = found[-1] if found else None
            if last and pair_of(last) == pair_of(one) and one.interval.start <= last.interval.end + STRETCH:
                window = Interval(last.interval.start, max(last.interval.end, one.interval.end))
                found[-1] = replace(last, interval=window)
            else:
                found.append(one)
        return found

    async def keep_asked(self, requests: Sequence[CollectionRequest], now: datetime) -> None:
        """Keep what a person asked for and the source did not have, so that it stays asked for."""
        await self._records.keep_asked(requests)
        await self.analyse(requests, now)

    async def last_asked(self, work: Sequence[Work]) -> Mapping[tuple[str, str], datetime]:
        """When each item and place was asked for last, for whatever window."""
        return await self._records.last_asked(list(dict.fromkeys((one.item.value, one.place.eic) for one in work)))

    async def _examined(
        self,
        batch: Sequence[CollectionRequest],
        known: Mapping[tuple[str, str], Sequence[tuple[int, SeriesKey]]],
        now: datetime,
    ) -> tuple[list[Question], list[_Missing], list[Decided]]:
        places = {number: one.place for one in batch for number, _ in known.get(pair_of(one), ())}
        async with self._stock.reading(places) as reader:
            extents = await reader.extents(list(places))
            questions = [
                question for one in batch if (question := question_of(one, known.get(pair_of(one), ()), extents, now))
            ]
            stock = await _read(reader, questions, now, habits=self._without_rule(questions))
        return questions, *await asyncio.to_thread(self._compare, questions, stock)

    def _without_rule(self, questions: Sequence[Question]) -> list[int]:
        return [
            number
            for question in questions
            if self._catalog.publication(question.request.item) is None
            for line in question.lines
            for number in line.ids
        ]

    def _compare(self, questions: Sequence[Question], stock: _Stock) -> tuple[list[_Missing], list[Decided]]:
        missing: list[_Missing] = []
        decided: list[Decided] = []
        for question in questions:
            item, zone = question.request.item, question.request.place.zone
            rule = self._catalog.publication(item)
            for line in question.lines:
                examined = _examine(line, stock, question.request.place)
                lacking = examined.missing
                if line.ids[0] in stock.running:
                    lacking = without_idle(lacking, rows_of(stock.counts, others(question)), stock.days)
                habit = max((stock.habits[number] for number in line.ids if number in stock.habits), default=None)
                due_at = due(rule, lacking, zone, habit)
                missing.append(_Missing(question, line, lacking, due_at))
                decided.append(Decided(line.ids[0], line.interval, examined.changes))
            for blank in question.blank:
                units = assumed_grid(blank, self._assumed(question), zone)
                missing.append(_Missing(question, None, units, due(rule, units, zone, None)))
        return [one for one in missing if len(one.units)], decided

    def _assumed(self, question: Question) -> Resolution:
        """The resolution of the item where nothing tells it: that of its other series, else the longest it comes in."""
        if question.known:
            return question.known[0].resolution
        return self._catalog.longest_resolution(question.request.item)

    async def _judged(self, missing: Sequence[_Missing], now: datetime) -> list[tuple[Gap, tuple[int, ...]]]:
        wanted = [(one.question.request, hull) for one in missing for hull in _hulls(one.units)]
        asked = await self._records.asked(wanted) if wanted else {}
        found: list[tuple[Gap, tuple[int, ...]]] = []
        for one in missing:
            runs = asked.get(pair_of(one.question.request), NEVER_ASKED)
            gaps = await asyncio.to_thread(_gaps, one, runs, now, self._patience)
            found += [(gap, one.line.ids if one.line else ()) for gap in gaps]
        return found


def _batches(
    requests: Sequence[CollectionRequest], known: Mapping[tuple[str, str], Sequence[object]]
) -> Iterator[list[CollectionRequest]]:
    batch: list[CollectionRequest] = []
    series = 0
    for request in requests:
        number = max(1, len(known.get(pair_of(request), ())))
        if batch and series + number > SERIES_AT_ONCE:
            yield batch
            batch, series = [], 0
        batch.append(request)
        series += number
    if batch:
        yield batch


async def _read(reader: StockReader, questions: Sequence[Question], now: datetime, *, habits: Sequence[int]) -> _Stock:
    """The counts of all lines, and the units where counts cannot tell."""
    lines = [line for question in questions for line in question.lines]
    # The first value tells the resolution of the hours before it, also where it lies behind the interval.
    counts = await reader.counts({number: _until_first(line) for line in lines for number in line.ids})
    calendar = {
        number: Interval(line.extent.first, line.interval.end)
        for line in lines
        for number in line.ids
        if line.extent.resolution.is_calendar or is_calendar(rows_of(counts, line.ids))
    }
    short = short_days(counts) & ~np.isin(counts.series, list(calendar))
    return _Stock(
        counts,
        await reader.days(counts.series[short], counts.days[short]) if short.any() else {},
        await reader.units(calendar) if calendar else {},
        await reader.habits(habits, now) if habits else {},
        await running_only(reader, questions),
    )


def _until_first(line: ExpectedSeries) -> Interval:
    return Interval(line.interval.start, max(line.interval.end, line.extent.first + timedelta(seconds=1)))


def _examine(line: ExpectedSeries, stock: _Stock, place: Place) -> GridGaps:
    counts = rows_of(stock.counts, line.ids)
    if line.ids[0] in stock.calendar:
        return examine_calendar(_merged([stock.calendar[number] for number in line.ids]), line.interval, place.zone)
    if len(line.ids) == 1:
        number = line.ids[0]
        days = counts.days[short_days(counts)].tolist()
        return find_grid_gaps(
            counts, {day: stock.days[number, day] for day in days if (number, day) in stock.days}, line.interval
        )
    merged = merged_counts(counts)
    looked_into = {
        day: _merged([stock.days[number, day] for number in line.ids if (number, day) in stock.days])
        for day in merged.days[short_days(merged)].tolist()
    }
    return find_grid_gaps(merged, looked_into, line.interval)


def _merged(held: Sequence[Held]) -> Held:
    """The units that at least one of several series has."""
    rows = np.array(
        [pair for one in held for pair in zip(one.starts.tolist(), one.resolutions.tolist(), strict=True)], np.int64
    ).reshape(-1, 2)
    starts, resolutions = np.unique(rows, axis=0).T
    return Held(starts, resolutions.astype(np.int16))


def _hulls(units: Units) -> list[Interval]:
    """Few intervals around all units: those within a day of each other share one."""
    broken = np.flatnonzero(units.starts[1:] - units.ends[:-1] > 86_400)
    firsts = np.append(0, broken + 1)
    lasts = np.append(broken, len(units) - 1)
    return [Interval(_instant(units.starts[i]), _instant(units.ends[j])) for i, j in zip(firsts, lasts, strict=True)]


def _instant(second: np.int64) -> datetime:
    return datetime.fromtimestamp(int(second), UTC)


def _gaps(one: _Missing, asked: Asked, now: datetime, patience: AskPolicy) -> list[Gap]:
    request, units = one.question.request, one.units
    verdict = classify_gaps(units, one.due_at, asked, int(now.timestamp()), patience)
    gaps = [
        Gap(
            item=request.item,
            place=request.place,
            series_key=one.line.key if one.line else None,
            interval=Interval(_instant(units.starts[part.start]), _instant(units.ends[part.stop - 1])),
            resolution=Resolution.from_id(int(units.resolutions[part.start])),
            missing=part.stop - part.start,
            reason=REASONS[int(verdict.reasons[part.start])],
            since=_instant(one.due_at[part].min()),
            asked=int(verdict.asked[part].min()),
            last_asked=_instant(last) if (last := verdict.last_asked[part].max()) else None,
            next_ask=_instant(verdict.next_ask[part].min()),
            answers=int(verdict.answers[part].min()),
        )
        for part in contiguous_runs(units, verdict.reasons)
    ]
    # Where no series is expected, none is late: there, a gap is what somebody asks for, not what is still to come.
    beside = one.line is None and one.question.known
    return [gap for gap in gaps if gap.reason is not Reason.NOT_DUE or not beside]


def _row(gap: Gap, ids: tuple[int, ...]) -> GapRow:
    return GapRow(
        gap.item.value, gap.place.eic, ids[0] if ids else None, gap.interval, gap.resolution,
        gap.missing, gap.reason, gap.since,
    )  # fmt: skip
