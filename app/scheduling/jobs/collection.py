"""Jobs that ask for values: what should be there by now, and what is stored and to be asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from app.clock import Clock
from app.collection.models import CollectionRequest, CollectionRun, Outcome, Work
from app.collection.selection import Selection
from app.collection.sharing.collection import WindowCollector
from app.errors import AccessDenied, JobFailed, RequestRejected
from app.market.series import DataItem
from app.market.text import counted
from app.scheduling.due import Again, Analysis, Due, ItemSelection, fairly, merge_requests
from app.scheduling.jobs.declaration import every, from_time, job
from app.scheduling.models import JobOutcome, RunReport, Ticket
from app.sources.catalog import Catalog

COLLECT = "collect"
NEAR_REAL_TIME, FORECASTS, PRICES, CORRECTIONS = "near_real_time", "forecasts", "prices", "corrections"
NAMED = 20
"""So many windows are named in a run's row; the rest are counted."""
NOTHING = "nothing is to be asked for now"
MINUTES_OF_BUDGET = 5
EVER_DAYS = 20 * 366
"""Longer than the platform has existed."""
FOR_A_PERSON = {AccessDenied.__name__, RequestRejected.__name__}


class GapAnalyst(Analysis, Protocol):
    """An analysis that also knows when each item and place was asked for last, and which old gaps are open."""

    async def open_before(self, planned: Sequence[CollectionRequest]) -> Sequence[CollectionRequest]: ...

    async def last_asked(self, work: Sequence[Work]) -> Mapping[tuple[str, str], datetime]: ...


class BoundedCollection:
    """A collection whose runs take turns and ask for so many windows each."""

    def __init__(
        self, collection: WindowCollector, analysis: GapAnalyst, clock: Clock, *, largest_run: int, at_once: int
    ) -> None:
        self._collection = collection
        self._analysis = analysis
        self._clock = clock
        self._largest_run = largest_run
        self.turn = asyncio.Semaphore(at_once)

    async def ask(self, selection: Selection) -> RunReport:
        """Collect the windows of the requests, as many as one run may; what is left is named, and comes first next time."""
        work = self._collection.plan(selection.requests)
        if not work:
            return RunReport(JobOutcome.NOTHING_DUE, NOTHING, selection.skipped)
        left: list[Work] = []
        if len(work) > self._largest_run:
            work, left = fairly(work, await self._analysis.last_asked(work), self._largest_run)
        runs: list[CollectionRun] = []
        await self._collection.collect_all(work, runs.append)
        # What has come is no gap any more: neither people nor rules wait for the next analysis to learn it.
        await self._analysis.analyse(selection.requests, self._clock.now())
        return report_of(runs, (*beyond(left, self._largest_run), *selection.skipped), left=len(left))


class CollectionJobs:
    """Live questions, and questions for corrections in the lane of gaps."""

    def __init__(
        self,
        live: BoundedCollection,
        filling: BoundedCollection,
        due: Due,
        again: Again,
        clock: Clock,
        *,
        catalog: Catalog,
    ) -> None:
        self._live = live
        self._filling = filling
        self._due = due
        self._again = again
        self._catalog = catalog
        self._clock = clock

    @job(
        COLLECT,
        {
            NEAR_REAL_TIME: every(30, least=5, most=120),
            FORECASTS: every(360, least=60, most=1440),
            PRICES: from_time("12:45", 5, least=1, most=60),
        },
        title="Ask for what should be there by now and is not, and for what is about to appear",
        asks_source=True,
        at_once=True,
    )
    async def collect(self, ticket: Ticket) -> RunReport:
        async with self._live.turn:
            due = await self._due.due(wanted_by(ticket), self._clock.now(), again=ticket.attempt > 1)
            return await self._live.ask(due)

    @job(
        "repoll",
        {CORRECTIONS: every(10, least=5, most=240)},
        title="Ask again for what is stored and whose time has come: the platform corrects silently",
        asks_source=True,
    )
    async def repoll(self, ticket: Ticket) -> RunReport:
        now = self._clock.now()
        selection = wanted_by(ticket).select(EVER_DAYS, now, self._catalog)
        async with self._filling.turn:
            due = merge_requests(await self._again.again(selection.requests, now))
            return await self._filling.ask(Selection(due, selection.skipped))


def largest_run(requests_per_minute: int) -> int:
    """How many windows one run may ask for, so that the jobs of a cycle get on together."""
    return requests_per_minute * MINUTES_OF_BUDGET


def wanted_by(ticket: Ticket) -> ItemSelection:
    """The items and areas in the parameters of a run."""
    items = ticket.params.get("item") or ticket.params.get("items", "")
    return ItemSelection(tuple(str(ticket.params["areas"]).split(",")), tuple(str(items).split(",")))


def report_of(runs: Sequence[CollectionRun], skipped: tuple[str, ...], *, left: int) -> RunReport:
    """What came of the windows of one run; JobFailed, to be tried again, where the source answered none of them."""
    failed = [run for run in runs if run.outcome is Outcome.FAILED]
    summary = _counted(runs, failed)
    reasons = _some([f"{_name(run)}: {run.error_message}" for run in failed])
    if len(failed) == len(runs):
        if failed[0].error_class in FOR_A_PERSON:
            return RunReport(JobOutcome.FAILED, f"{summary}; {failed[0].error_message}", (*reasons, *skipped))
        raise JobFailed(f"{summary}; first: {reasons[0]}")
    outcome = JobOutcome.PARTIAL if failed or left else JobOutcome.SUCCEEDED
    return RunReport(outcome, summary, (*reasons, *skipped))


def beyond(left: Sequence[Work], limit: int) -> list[str]:
    """A line for each item with the areas that have to wait, and why."""
    by_item: dict[DataItem, list[str]] = {}
    for one in left:
        by_item.setdefault(one.item, []).append(one.place.code)
    return [
        f"{item} for {', '.join(dict.fromkeys(codes))}: {counted(len(codes), 'window')} beyond the {limit} of one run; "
        "the next run begins with them"
        for item, codes in by_item.items()
    ]


def _counted(runs: Sequence[CollectionRun], failed: Sequence[CollectionRun]) -> str:
    empty = sum(run.outcome is Outcome.EMPTY for run in runs)
    new, revised = sum(run.new for run in runs), sum(run.revised for run in runs)
    return f"{counted(len(runs), 'window')}: {new} new, {revised} revised, {empty} empty, {len(failed)} failed"


def _name(window: Work | CollectionRun) -> str:
    return f"{window.item} {window.place.code} {window.window}"


def _some(reasons: Sequence[str]) -> tuple[str, ...]:
    more = (f"and {len(reasons) - NAMED} more",) if len(reasons) > NAMED else ()
    return (*reasons[:NAMED], *more)
