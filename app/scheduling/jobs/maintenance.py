"""Jobs of the service itself: whether the platform answers, what is deleted, which hours were unusual."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from app.clock import Clock
from app.collection.models import Work
from app.collection.source_health import Ended, PlatformCondition, PlatformState, SourceHealth
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.scheduling.due import HOUR, next_hour
from app.scheduling.jobs.collection import wanted_by
from app.scheduling.jobs.declaration import daily, every, job
from app.scheduling.models import Chore, JobOutcome, RunReport, Ticket
from app.settings import SchedulerSettings

if TYPE_CHECKING:
    from app.collection.service import CollectionService
    from app.monitoring.anomalies.service import Anomaly
    from app.scheduling.repository import JobRunRepository

HEALTH_AGE = timedelta(minutes=1)
"""A window that ended longer ago says nothing of now: with a check every two minutes an outage is seen within three."""


class Incidents(Protocol):
    """Notices that many windows come back empty where values are expected, and that this is over; says so."""

    async def look(self, now: datetime) -> str: ...


class Anomalies(Protocol):
    """Keeps the hours in which the collection went unusually; those it found, the latest first."""

    async def look(self, now: datetime) -> Sequence[Anomaly]: ...


class PrunedBackfills(Protocol):
    """Deletes backfills that ended long ago; how many."""

    async def prune(self) -> int: ...


class PlatformCheck:
    """The outcome of the last window tells whether the platform answers; where it is old, a small request does."""

    def __init__(
        self,
        collection: CollectionService,
        runs: JobRunRepository,
        platform: SourceHealth,
        clock: Clock,
        incidents: Incidents | None = None,
    ) -> None:
        self._collection = collection
        self._runs = runs
        self._platform = platform
        self._clock = clock
        self._incidents = incidents

    @job(
        "platform_health",
        every(2, least=1, most=60),
        title="Whether the platform answers",
        asks_source=True,
        at_once=True,
    )
    async def check(self, ticket: Ticket) -> RunReport:
        now = self._clock.now()
        if self._incidents is not None and (incident := await self._incidents.look(now)):
            return RunReport(JobOutcome.SUCCEEDED, incident)
        last = await self._runs.last_window()
        if last is not None and now - last.finished_at < HEALTH_AGE:
            self._platform.learn(last)
            return _health(last)
        place = find_place(wanted_by(ticket).areas[0])
        end = next_hour(now) - HOUR
        run = await self._collection.collect(Work(DataItem.LOAD_ACTUAL, place, Interval(end - 2 * HOUR, end)))
        self._platform.learn(run)
        return _health(run)


class Housekeeping:
    """Deletes what is kept no longer."""

    def __init__(
        self,
        runs: JobRunRepository,
        backfills: PrunedBackfills | None,
        clock: Clock,
        *,
        settings: SchedulerSettings,
        chores: Sequence[Chore] = (),
    ) -> None:
        self._runs = runs
        self._backfills = backfills
        self._clock = clock
        self._days = settings.history_days
        self._chores = chores

    @job("housekeeping", daily("01:20"), title="Delete what is kept no longer", selection=False)
    async def run(self, _ticket: Ticket) -> RunReport:
        now = self._clock.now()
        gone = await self._runs.prune(now, days=self._days)
        summary = f"{gone} runs older than {self._days} days deleted"
        if self._backfills and (ended := await self._backfills.prune()):
            summary += f", {ended} backfills that ended long ago"
        chores = [await chore.tidy(now) for chore in self._chores]
        return RunReport(JobOutcome.SUCCEEDED, "; ".join(filter(None, (summary, *chores))))


class AnomalyJob:
    """Keeps the hours in which the collection went unusually."""

    def __init__(self, anomalies: Anomalies, clock: Clock) -> None:
        self._anomalies = anomalies
        self._clock = clock

    @job(
        "metric_anomalies",
        every(60, least=15, most=1440),
        title="Keep the hours in which the collection went unusually",
        selection=False,
    )
    async def run(self, _ticket: Ticket) -> RunReport:
        found = await self._anomalies.look(self._clock.now())
        latest = f"; the latest: {found[0]}" if found else ""
        return RunReport(JobOutcome.SUCCEEDED, f"{len(found)} unusual hours within the last day{latest}")


def _health(window: Ended) -> RunReport:
    state = PlatformState().after(window)
    if state.condition is PlatformCondition.ANSWERING:
        return RunReport(JobOutcome.SUCCEEDED, "the platform answers")
    return RunReport(JobOutcome.FAILED, state.warning)
