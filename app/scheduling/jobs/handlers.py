"""What the jobs of the plan do: each is a few lines over the services below."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from app.clock import Clock
from app.collection.models import CollectionRequest, CollectionRun, Outcome, Work
from app.collection.selection import Selection
from app.collection.service import CollectionService
from app.collection.source_health import Ended, PlatformCondition, PlatformState, SourceHealth
from app.errors import AccessDenied, JobFailed, RequestRejected
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.text import counted
from app.market.time import Interval
from app.scheduling.dispatcher import JobHandler
from app.scheduling.due import HOUR, Again, Analysis, Due, ItemSelection, fairly, merged, next_hour
from app.scheduling.models import Chore, JobOutcome, RunReport, Ticket
from app.scheduling.plan import JobType
from app.scheduling.repository import JobRunRepository
from app.settings import SchedulerSettings

if TYPE_CHECKING:
    from app.collection.gaps.windows import Gap
    from app.monitoring.anomalies.service import Anomaly

NAMED = 20
"""So many windows are named in a run's row; the rest are counted."""
COLLECTING_AT_ONCE = 2
NOTHING = "nothing is to be asked for now"
HEALTH_AGE = timedelta(minutes=1)
"""A window that ended longer ago says nothing of now: with a look every two minutes an outage is seen within three."""
MINUTES_OF_BUDGET = 5
EVER_DAYS = 20 * 366
"""Longer than the platform has existed."""
FOR_A_PERSON = {AccessDenied.__name__, RequestRejected.__name__}


class Backfills(Protocol):
    """Takes over windows that are too many to be asked for at once; tells what it did."""

    async def take(self, requests: Sequence[CollectionRequest], ticket: Ticket) -> str: ...

    async def prune(self) -> int:
        """Deletes those that ended long ago; how many."""
        ...


class GapAnalyst(Analysis, Protocol):
    """An analysis that also knows when each item and place was asked for last, and which old gaps are open."""

    async def open_before(self, planned: Sequence[CollectionRequest]) -> Sequence[CollectionRequest]: ...

    async def last_asked(self, work: Sequence[Work]) -> Mapping[tuple[str, str], datetime]: ...


class Anomalies(Protocol):
    """Keeps the hours in which the collection went unusually; those it found, the latest first."""

    async def look(self, now: datetime) -> Sequence[Anomaly]: ...


class Incidents(Protocol):
    """Notices that many windows come back empty where values are expected, and that this is over; says so."""

    async def look(self, now: datetime) -> str: ...


class Jobs:
    """The handlers of all kinds of jobs."""

    def __init__(
        self,
        collection: CollectionService,
        due: Due,
        again: Again,
        analysis: GapAnalyst,
        runs: JobRunRepository,
        *,
        gap_collection: CollectionService,
        backfills: Backfills | None,
        settings: SchedulerSettings,
        clock: Clock,
        largest_run: int,
        platform: SourceHealth,
        chores: Sequence[Chore] = (),
        anomalies: Anomalies | None = None,
        incidents: Incidents | None = None,
        nightly_quality: JobHandler | None = None,
        quality_repair: JobHandler | None = None,
        reports: Mapping[str, JobHandler] = MappingProxyType({}),
    ) -> None:
        self._chores = chores
        self._anomalies = anomalies
        self._incidents = incidents
        self._nightly_quality = nightly_quality
        self._quality_repair = quality_repair
        self._reports = reports
        self._platform = platform
        self._collection = collection
        self._gap_collection = gap_collection
        self._due = due
        self._again = again
        self._analysis = analysis
        self._runs = runs
        self._backfills = backfills
        self._settings = settings
        self._clock = clock
        self._largest_run = largest_run
        self._live = asyncio.Semaphore(COLLECTING_AT_ONCE)
        self._filling = asyncio.Semaphore(1)

    def handlers(self) -> Mapping[str, JobHandler]:
        """The handler of each kind."""
        quality = {
            JobType.QUALITY.value: self._nightly_quality,
            JobType.QUALITY_REPAIR.value: self._quality_repair,
        }
        return MappingProxyType(
            {kind: handler for kind, handler in quality.items() if handler is not None}
            | ({JobType.METRIC_ANOMALIES.value: self.metric_anomalies} if self._anomalies else {})
            | dict(self._reports)
            | {
                JobType.COLLECT.value: self.collect,
                JobType.REPOLL.value: self.repoll,
                JobType.GAP_ANALYSIS.value: self.gap_analysis,
                JobType.BACKFILL_ANALYSIS.value: self.backfill_analysis,
                JobType.PLATFORM_HEALTH.value: self.platform_health,
                JobType.HOUSEKEEPING.value: self.housekeeping,
            }
        )

    async def collect(self, ticket: Ticket) -> RunReport:
        """Ask for what should be there by now and is not, and for what is about to appear."""
        async with self._live:
            due = await self._due.due(wanted_by(ticket), self._clock.now(), again=ticket.attempt > 1)
            return await self._ask(due, self._collection)

    async def repoll(self, ticket: Ticket) -> RunReport:
        """Ask again for what is stored and whose time has come: the platform corrects without telling."""
        now = self._clock.now()
        selection = wanted_by(ticket).select(EVER_DAYS, now)
        async with self._filling:
            due = merged(await self._again.again(selection.requests, now))
            return await self._ask(Selection(due, selection.skipped), self._gap_collection)

    async def gap_analysis(self, ticket: Ticket) -> RunReport:
        """Find all gaps of the last weeks; fill small ones, hand large ones to a backfill."""
        from app.collection.gaps.windows import windows_due

        now = self._clock.now()
        selection = wanted_by(ticket).select(self._settings.analysis_days, now)
        # What is older is known from the gaps that are kept: their questions never end.
        requests = [*selection.requests, *await self._analysis.open_before(selection.requests)]
        gaps = await self._analysis.analyse(requests, now)
        windows = windows_due(gaps, now=now, again=ticket.attempt > 1)
        # First: a source that does not answer now raises below, and the backfill has all the time it needs.
        handed = await self._hand_over(windows.large, ticket)
        async with self._filling:
            report = await self._ask(Selection(windows.small, selection.skipped), self._gap_collection)
        return _analysed(gaps, report, handed)

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
        if self._incidents is not None and (told := await self._incidents.look(now)):
            return RunReport(JobOutcome.SUCCEEDED, told)
        last = await self._runs.last_window()
        if last is not None and now - last.finished_at < HEALTH_AGE:
            self._platform.learn(last)
            return _health(last)
        place = find_place(wanted_by(ticket).areas[0])
        end = next_hour(now) - HOUR
        run = await self._collection.collect(Work(DataItem.LOAD_ACTUAL, place, Interval(end - 2 * HOUR, end)))
        self._platform.learn(run)
        return _health(run)

    async def housekeeping(self, _ticket: Ticket) -> RunReport:
        """Delete what nobody asks for any more."""
        now = self._clock.now()
        gone = await self._runs.prune(now, days=self._settings.history_days)
        told = f"{gone} runs older than {self._settings.history_days} days deleted"
        if self._backfills and (ended := await self._backfills.prune()):
            told += f", {ended} backfills that ended long ago"
        chores = [await chore.tidy(now) for chore in self._chores]
        return RunReport(JobOutcome.SUCCEEDED, "; ".join(filter(None, (told, *chores))))

    async def metric_anomalies(self, _ticket: Ticket) -> RunReport:
        """Keep the hours in which the collection went unusually."""
        found = await self._anomalies.look(self._clock.now()) if self._anomalies else ()
        latest = f"; the latest: {found[0]}" if found else ""
        return RunReport(JobOutcome.SUCCEEDED, f"{len(found)} unusual hours within the last day{latest}")

    async def _ask(self, selection: Selection, collection: CollectionService) -> RunReport:
        """Collect the windows of the requests, as many as one run may; what is left is named, and comes first next time."""
        work = collection.plan(selection.requests)
        if not work:
            return RunReport(JobOutcome.NOTHING_DUE, NOTHING, selection.skipped)
        left: list[Work] = []
        if len(work) > self._largest_run:
            work, left = fairly(work, await self._analysis.last_asked(work), self._largest_run)
        runs: list[CollectionRun] = []
        await collection.collect_all(work, runs.append)
        # What has come is no gap any more: neither people nor rules wait for the next analysis to learn it.
        await self._analysis.analyse(selection.requests, self._clock.now())
        return report_of(runs, (*beyond(left, self._largest_run), *selection.skipped), left=len(left))


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


def _analysed(gaps: Sequence[Gap], report: RunReport, handed: str) -> RunReport:
    """What was found, and what was done about it; whatever waits for a later question is said to wait."""
    counts = Counter(gap.reason.value for gap in gaps)
    told = ["gaps: " + (", ".join(f"{count} {reason}" for reason, count in sorted(counts.items())) or "none")]
    if oldest := min((gap.since for gap in gaps if gap.reason != "not_due"), default=None):
        told.append(f"the oldest open since {oldest:%Y-%m-%d}")
    outcome = report.outcome
    if outcome is not JobOutcome.NOTHING_DUE:
        told.append(report.summary)
    elif handed:
        outcome = JobOutcome.SUCCEEDED
    else:
        told.append(_waiting(gaps))
    return RunReport(outcome, "; ".join([*told, handed] if handed else told), report.skipped)


def _waiting(gaps: Sequence[Gap]) -> str:
    moments = [gap.next_ask for gap in gaps if gap.reason != "not_due"]
    if not moments:
        return NOTHING
    return f"{len(moments)} wait for their next question, the first until {min(moments):%Y-%m-%d %H:%M}Z"


def _health(window: Ended) -> RunReport:
    state = PlatformState().after(window)
    if state.condition is PlatformCondition.ANSWERING:
        return RunReport(JobOutcome.SUCCEEDED, "the platform answers")
    return RunReport(JobOutcome.FAILED, state.warning)


def _name(window: Work | CollectionRun) -> str:
    return f"{window.item} {window.place.code} {window.window}"


def _some(reasons: Sequence[str]) -> tuple[str, ...]:
    more = (f"and {len(reasons) - NAMED} more",) if len(reasons) > NAMED else ()
    return (*reasons[:NAMED], *more)
