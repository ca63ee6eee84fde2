"""Jobs that find what is missing: short gaps are filled at once, long ones go to a backfill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from app.clock import Clock
from app.collection.models import CollectionRequest
from app.collection.selection import Selection
from app.scheduling.jobs.collection import NOTHING, BoundedCollection, GapAnalyst, wanted_by
from app.scheduling.jobs.declaration import daily, every, job
from app.scheduling.models import JobOutcome, RunReport, Ticket
from app.settings import SchedulerSettings
from app.sources.catalog import Catalog

if TYPE_CHECKING:
    from app.collection.gaps.windows import Gap

GAP_ANALYSIS = "gap_analysis"


class Backfills(Protocol):
    """Takes over windows that are too many to be asked for at once; says what it did."""

    async def take(self, requests: Sequence[CollectionRequest], ticket: Ticket) -> str: ...


class GapJobs:
    """Finds gaps of the last weeks, and of the whole time that is to be kept."""

    def __init__(
        self,
        analysis: GapAnalyst,
        filling: BoundedCollection,
        backfills: Backfills | None,
        clock: Clock,
        *,
        catalog: Catalog,
        settings: SchedulerSettings,
    ) -> None:
        self._analysis = analysis
        self._filling = filling
        self._backfills = backfills
        self._clock = clock
        self._catalog = catalog
        self._settings = settings

    @job(
        GAP_ANALYSIS,
        every(240, least=60, most=1440),
        title="Find all gaps of the last weeks; fill small ones, hand large ones to a backfill",
        asks_source=True,
    )
    async def gap_analysis(self, ticket: Ticket) -> RunReport:
        from app.collection.gaps.windows import windows_due

        now = self._clock.now()
        selection = wanted_by(ticket).select(self._settings.analysis_days, now, self._catalog)
        # What is older is known from the gaps that are kept: their questions never end.
        requests = [*selection.requests, *await self._analysis.open_before(selection.requests)]
        gaps = await self._analysis.analyse(requests, now)
        windows = windows_due(gaps, now=now, again=ticket.attempt > 1)
        # First: a source that does not answer now raises below, and the backfill has all the time it needs.
        handed = await self._hand_over(windows.large, ticket)
        async with self._filling.turn:
            report = await self._filling.ask(Selection(windows.small, selection.skipped))
        return _analysed(gaps, report, handed)

    @job(
        "backfill_analysis",
        daily("02:00"),
        title="Assess the whole time that is to be kept, and queue what it lacks",
        asks_source=True,
    )
    async def backfill_analysis(self, ticket: Ticket) -> RunReport:
        selection = wanted_by(ticket).select(self._settings.backfill_days, self._clock.now(), self._catalog)
        handed = await self._hand_over(selection.requests, ticket)
        return RunReport(JobOutcome.SUCCEEDED, handed or "no backfill runs in this process", selection.skipped)

    async def _hand_over(self, requests: Sequence[CollectionRequest], ticket: Ticket) -> str:
        return await self._backfills.take(requests, ticket) if self._backfills and requests else ""


def _analysed(gaps: Sequence[Gap], report: RunReport, handed: str) -> RunReport:
    """What was found, and what was done about it; whatever waits for a later question is said to wait."""
    counts = Counter(gap.reason.value for gap in gaps)
    parts = ["gaps: " + (", ".join(f"{count} {reason}" for reason, count in sorted(counts.items())) or "none")]
    if oldest := min((gap.since for gap in gaps if gap.reason != "not_due"), default=None):
        parts.append(f"the oldest open since {oldest:%Y-%m-%d}")
    outcome = report.outcome
    if outcome is not JobOutcome.NOTHING_DUE:
        parts.append(report.summary)
    elif handed:
        outcome = JobOutcome.SUCCEEDED
    else:
        parts.append(_waiting(gaps))
    return RunReport(outcome, "; ".join([*parts, handed] if handed else parts), report.skipped)


def _waiting(gaps: Sequence[Gap]) -> str:
    moments = [gap.next_ask for gap in gaps if gap.reason != "not_due"]
    if not moments:
        return NOTHING
    return f"{len(moments)} wait for their next question, the first until {min(moments):%Y-%m-%d %H:%M}Z"
