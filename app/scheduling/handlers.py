"""What the jobs of the plan do: each is a few lines over the services below."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from app.clock import Clock
from app.collection.models import CollectionRequest, CollectionRun, Outcome, Work
from app.collection.requests import Selection
from app.collection.service import CollectionService
from app.errors import AccessDenied, JobFailed, RequestRejected
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.scheduling.dispatcher import Handler
from app.scheduling.due import HOUR, Analysis, Due, Wanted, next_hour, repolled
from app.scheduling.models import JobOutcome, RunReport, Ticket
from app.scheduling.plan import Kind, parse_age
from app.scheduling.repository import JobRunRepository
from app.settings import SchedulerSettings

if TYPE_CHECKING:
    from app.collection.gap_windows import Gap

NAMED = 20
"""So many windows are named in a run's row; the rest are counted."""
COLLECTING_AT_ONCE = 2
HEALTH_AGE = timedelta(minutes=2)
MINUTES_OF_BUDGET = 5
FOR_A_PERSON = {AccessDenied.__name__, RequestRejected.__name__}


class Backfills(Protocol):
    """Takes over windows that are too many to be asked for at once; tells what it did."""

    async def take(self, requests: Sequence[CollectionRequest], ticket: Ticket) -> str: ...


class Jobs:
    """The handlers of all kinds of jobs."""

    def __init__(
        self,
        collection: CollectionService,
        due: Due,
        analysis: Analysis,
        runs: JobRunRepository,
        *,
        backfills: Backfills | None,
        settings: SchedulerSettings,
        clock: Clock,
        largest_run: int,
    ) -> None:
        self._collection = collection
        self._due = due
        self._analysis = analysis
        self._runs = runs
        self._backfills = backfills
        self._settings = settings
        self._clock = clock
        self._largest_run = largest_run
        self._live = asyncio.Semaphore(COLLECTING_AT_ONCE)
        self._filling = asyncio.Semaphore(1)

    def handlers(self) -> Mapping[str, Handler]:
        """The handler of each kind."""
        return MappingProxyType(
            {
                Kind.COLLECT.value: self.collect,
                Kind.REPOLL.value: self.repoll,
                Kind.GAP_ANALYSIS.value: self.gap_analysis,
                Kind.BACKFILL_ANALYSIS.value: self.backfill_analysis,
                Kind.PLATFORM_HEALTH.value: self.platform_health,
                Kind.HOUSEKEEPING.value: self.housekeeping,
            }
        )

    async def collect(self, ticket: Ticket) -> RunReport:
        """Ask for what should be there by now and is not, and for what is about to appear."""
        async with self._live:
            return await self._ask(await self._due.due(wanted_by(ticket), self._clock.now()))

    async def repoll(self, ticket: Ticket) -> RunReport:
        """Ask again for what has reached the job's age since the last time: the platform corrects without telling."""
        now, age = self._clock.now(), parse_age(str(ticket.params["age"]))
        since = await self._runs.last_done(ticket.job, ticket.scheduled_for)
        selection = wanted_by(ticket).select(0, now)
        found = [again for one in selection.requests if (again := repolled(one, age, since, now))]
        async with self._filling:
            return await self._ask(Selection(tuple(found), selection.skipped))

    async def gap_analysis(self, ticket: Ticket) -> RunReport:
        """Find all gaps of the last weeks; fill small ones, hand large ones to a backfill."""
        from app.collection.gap_windows import windows_due

        now = self._clock.now()
        selection = wanted_by(ticket).select(self._settings.analysis_days, now)
        gaps = await self._analysis.analyse(selection.requests, now)
        windows = windows_due(gaps, now=now)
        async with self._filling:
            report = await self._ask(Selection(windows.small, selection.skipped))
        handed = await self._hand_over(windows.large, ticket)
        return RunReport(report.outcome, "; ".join(filter(None, (_told(gaps), report.summary, handed))), report.skipped)

    async def backfill_analysis(self, ticket: Ticket) -> RunReport:
        """Look over the whole time that is to be kept, and queue what it lacks."""
        selection = wanted_by(ticket).select(self._settings.backfill_days, self._clock.now())
        handed = await self._hand_over(selection.requests, ticket)
        return RunReport(JobOutcome.SUCCEEDED, handed or "no backfill runs in this process", selection.skipped)

    async def _hand_over(self, requests: Sequence[CollectionRequest], ticket: Ticket) -> str:
        return await self._backfills.take(requests, ticket) if self._backfills and requests else ""

    async def platform_health(self, ticket: Ticket) -> RunReport:
        """The outcome of the last window tells whether the platform answers; where it is old, a small request does."""
        now = self._clock.now()
        last = await self._runs.last_window()
        if last is not None and now - last.finished_at < HEALTH_AGE:
            return _health(last.outcome, last.error_class, last.error_message)
        place = find_place(wanted_by(ticket).areas[0])
        end = next_hour(now) - HOUR
        run = await self._collection.collect(Work(DataItem.LOAD_ACTUAL, place, Interval(end - 2 * HOUR, end)))
        return _health(run.outcome.value, run.error_class, run.error_message)

    async def housekeeping(self, _ticket: Ticket) -> RunReport:
        """Delete what nobody asks for any more."""
        gone = await self._runs.prune(self._clock.now(), days=self._settings.history_days)
        return RunReport(JobOutcome.SUCCEEDED, f"{gone} runs older than {self._settings.history_days} days deleted")

    async def _ask(self, selection: Selection) -> RunReport:
        """Collect the windows of the requests, as many as one run may; what is left is named."""
        work = self._collection.plan(selection.requests)
        if not work:
            return RunReport(JobOutcome.NOTHING_DUE, "everything that should be there is", selection.skipped)
        now_asked, left = work[: self._largest_run], work[self._largest_run :]
        runs: list[CollectionRun] = []
        await self._collection.collect_all(now_asked, runs.append)
        beyond = [f"{_name(one)}: beyond the share of the request budget of one run" for one in left]
        return report_of(runs, (*_some(beyond), *selection.skipped), left=len(left))


def largest_run(requests_per_minute: int) -> int:
    """How many windows one run may ask for, so that the jobs of a cycle get on together."""
    return requests_per_minute * MINUTES_OF_BUDGET


def wanted_by(ticket: Ticket) -> Wanted:
    """The items and areas in the parameters of a run."""
    items = ticket.params.get("item") or ticket.params.get("items", "")
    return Wanted(tuple(str(ticket.params["areas"]).split(",")), tuple(str(items).split(",")))


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


def _counted(runs: Sequence[CollectionRun], failed: Sequence[CollectionRun]) -> str:
    empty = sum(run.outcome is Outcome.EMPTY for run in runs)
    new, revised = sum(run.new for run in runs), sum(run.revised for run in runs)
    return f"{len(runs)} windows: {new} new, {revised} revised, {empty} empty, {len(failed)} failed"


def _told(gaps: Sequence[Gap]) -> str:
    counts = Counter(gap.reason.value for gap in gaps)
    return "gaps: " + (", ".join(f"{count} {reason}" for reason, count in sorted(counts.items())) or "none")


def _health(outcome: str, error_class: str, error_message: str) -> RunReport:
    if outcome == Outcome.FAILED.value:
        return RunReport(JobOutcome.FAILED, f"the platform gives no answer: {error_class} {error_message}")
    return RunReport(JobOutcome.SUCCEEDED, "the platform answers")


def _name(window: Work | CollectionRun) -> str:
    return f"{window.item} {window.place.code} {window.window}"


def _some(reasons: Sequence[str]) -> tuple[str, ...]:
    more = (f"and {len(reasons) - NAMED} more",) if len(reasons) > NAMED else ()
    return (*reasons[:NAMED], *more)
