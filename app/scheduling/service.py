"""The scheduler as a service: stands for election, and while it leads keeps the plan and runs what is due."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.clock import Clock, until_beat
from app.db.engine import Database
from app.db.feed.notices import EVENTS, Notices, Watch, watching
from app.db.leader import Leadership, LeadershipLost
from app.db.sync_engine import small_sync_engine
from app.errors import ConfigurationError, DatabaseUnavailable, SchedulerStateError
from app.kit.periodic import pause
from app.logging import OutageLog
from app.scheduling.cycles.first import Cycle
from app.scheduling.dispatcher import Dispatcher, JobHandler
from app.scheduling.jobs.collection import COLLECT
from app.scheduling.models import UNREADABLE, JobObserver, Ticket
from app.scheduling.plan import Plan, cautious, plan_changes
from app.scheduling.plan_file import PlanFile
from app.scheduling.repository import JobRunRepository
from app.scheduling.retries import RetryPolicy
from app.scheduling.store import PostgresJobStore
from app.scheduling.ticker import Ticker
from app.settings import SchedulerSettings

ATTEND_SECONDS = 1.0
PLAN_SECONDS = 2.0
"""Between two looks at the file of the plan."""
MEND_SECONDS = 10.0
"""Between two comparisons of the stored jobs with the plan: somebody may have damaged or deleted them."""
SHORT_TERM = 30.0
"""Seconds: a leader that falls sooner waits longer each time before it stands again."""
LONGEST_PAUSE = 20.0
FAILING_TERMS = 5
"""So many times `stalled_after` terms may fail one after the other before this process counts as dead."""
RUN_TOPICS = ("runs", "jobs")
"""What is told of runs that are asked for, and of jobs that go on."""
LEADER, STANDBY = "leader", "standby"


@dataclass(frozen=True, slots=True)
class SchedulerStatus:
    """What health and metrics tell; ages are seconds of the monotonic clock, None where there is nothing to age."""

    role: str
    name: str
    epoch: int | None
    tick_age: float | None
    round_age: float
    running: int
    jobs: int
    plan_error: str
    database_error: str
    alive: bool
    unreadable: tuple[str, ...] = ()
    """Stored jobs whose definition cannot be read, and which the plan does not have."""
    failing_age: float = 0.0
    """Since when each term has failed before it did any work; 0 where none has."""

    @property
    def ready(self) -> bool:
        """Whether this process does its part: leads and ticks, or stands by with a database."""
        return self.alive and not self.database_error and (self.role == STANDBY or self.tick_age is not None)


@dataclass(slots=True)
class _Term:
    """One term of leadership."""

    epoch: int
    dispatcher: Dispatcher
    store: PostgresJobStore
    ticker: Ticker
    unreadable: tuple[str, ...] = ()
    checked_at: float = 0.0
    applied_at: float = -math.inf
    attempt_at: datetime | None = None
    """When the next attempt at a run is due that waits for one."""
    blocked: frozenset[str] = frozenset()
    """Jobs that took no run at the last look."""


class SchedulerService:
    """One replica's scheduler; `run` it until its event is set."""

    def __init__(
        self,
        database: Database,
        runs: JobRunRepository,
        handlers: Mapping[str, JobHandler],
        plan_file: PlanFile,
        *,
        settings: SchedulerSettings,
        clock: Clock,
        observers: Sequence[JobObserver] = (),
        cycle: Cycle | None = None,
        notices: Notices | None = None,
    ) -> None:
        self._cycle = cycle
        self._notices = notices
        self._database = database
        self._runs = runs
        self._handlers = handlers
        self._plan_file = plan_file
        self._settings = settings
        self._clock = clock
        self._observers = observers
        self._leadership = Leadership(
            database.address, heartbeat=settings.heartbeat, takeover_after=settings.takeover_after
        )
        self._term: _Term | None = None
        self._plan: Plan | None = None
        self._plan_error = ""
        self._database_error = ""
        self._stepped_down = ""
        self._stands_by = False
        self._direct = False
        """Whether the sessions are known to be ours alone."""
        self._short_terms = 0
        self._failing_since: float | None = None
        self._worked_in_term = False
        self._round_at = time.monotonic()
        self._log = structlog.get_logger()
        self._failing = OutageLog("scheduler_round_failed", "scheduler_round_recovered", level="error")

    @property
    def plan(self) -> Plan:
        if self._plan is None:
            self._plan = self._shaped(self._plan_file.load())
        return self._plan

    @property
    def plan_error(self) -> str:
        """Why the file of the plan cannot be used as it stands; empty where it can."""
        return self._plan_error

    def status(self) -> SchedulerStatus:
        """The state of this replica at this moment; reads memory only."""
        term = self._term
        tick_age = term.ticker.age if term else None
        round_age = time.monotonic() - self._round_at
        patience = self._settings.stalled_after
        failing_age = 0.0 if self._failing_since is None else time.monotonic() - self._failing_since
        stalled = tick_age is not None and tick_age >= patience
        return SchedulerStatus(
            role=LEADER if term else STANDBY,
            name=self._leadership.name,
            epoch=term.epoch if term else None,
            tick_age=tick_age,
            round_age=round_age,
            running=term.dispatcher.running if term else 0,
            jobs=len(self.plan.jobs()),
            plan_error=self._plan_error,
            database_error=self._database_error
            or self._stepped_down
            or ("the job store does not answer" if stalled else ""),
            alive=max(term.ticker.idle if term else 0.0, round_age) < patience
            and failing_age < FAILING_TERMS * patience,
            unreadable=term.unreadable if term else (),
            failing_age=failing_age,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Lead whenever no other replica does; returns, drained, after `stop` is set."""
        self._plan = self.plan
        try:
            while not stop.is_set():
                epoch = await self._campaign()
                if epoch is None:
                    await pause(stop, self._settings.heartbeat / 2)
                else:
                    await self._lead(epoch, stop)
        finally:
            await self._leadership.resign()

    async def _campaign(self) -> int | None:
        self._round_at = time.monotonic()
        try:
            if not self._direct:
                await self._leadership.check_direct()
                self._direct = True
            epoch = await self._leadership.campaign()
        except DatabaseUnavailable as error:
            if not self._database_error:
                self._log.warning("leader_election_failed", error=str(error))
            self._database_error = str(error)
            # Without a database no process works, and none that is started anew would.
            self._failing_since = None
            return None
        if self._database_error:
            self._log.info("leader_election_recovered")
        self._database_error = ""
        if epoch is None:
            self._stepped_down, self._short_terms, self._failing_since = "", 0, None
        if epoch is None and not self._stands_by:
            note = "another replica leads; this one works on backfills and takes over when that one stops"
            self._log.info("standby_entered", name=self._leadership.name, note=note)
        self._stands_by = epoch is None
        return epoch

    async def _lead(self, epoch: int, stop: asyncio.Event) -> None:
        """One term: until the service stops, or leadership is lost."""
        self._worked_in_term = False
        self._log.info("leadership_taken", epoch=epoch, name=self._leadership.name)
        begun = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                beating = group.create_task(self._beat())
                async with self._term_of(epoch) as term:
                    attending = group.create_task(self._attend(term))
                    await stop.wait()
                    attending.cancel()
                    await asyncio.to_thread(term.ticker.stop, self._settings.heartbeat)
                    await term.dispatcher.drain(self._settings.drain_seconds)
                beating.cancel()
        except* (SchedulerStateError, DatabaseUnavailable) as lost:
            self._leadership.abandon()
            self._stepped_down = "; ".join(map(str, lost.exceptions))
            seconds = self._pause_after(begun)
            self._log.warning("leadership_resigned", epoch=epoch, reason=self._stepped_down, next_election_in=seconds)
            await pause(stop, seconds)

    def _pause_after(self, begun: float) -> float:
        """How long a leader that fell stands aside: another may do better, and a fault that stays is no storm of elections."""
        now = time.monotonic()
        self._short_terms = self._short_terms + 1 if now - begun < SHORT_TERM else 0
        if not self._worked_in_term:
            self._failing_since = self._failing_since or begun
        longest = min(LONGEST_PAUSE, self._settings.stalled_after / 3)
        return min(longest, self._settings.heartbeat / 2 * 2.0 ** min(max(self._short_terms - 1, 0), 10))

    @asynccontextmanager
    async def _term_of(self, epoch: int) -> AsyncIterator[_Term]:
        """Everything a leader has; whatever the end, the thread stops and no run goes on."""
        engine = small_sync_engine(self._database.address)
        dispatcher = self._dispatcher(epoch)
        store = PostgresJobStore(engine)
        loop = asyncio.get_running_loop()

        def hand_over(ticket: Ticket) -> None:
            loop.call_soon_threadsafe(dispatcher.accept, ticket)

        ticker = Ticker(store, hand_over, self._clock, epoch, tick=self._settings.tick)
        term = _Term(epoch, dispatcher, store, ticker)
        try:
            await self._begin(term)
            self._term, self._stepped_down = term, ""
            yield term
        finally:
            self._term = None
            ticker.stop(0)
            await dispatcher.cancel()
            engine.dispose()

    def _dispatcher(self, epoch: int) -> Dispatcher:
        settings = self._settings
        return Dispatcher(
            self._handlers,
            self._runs,
            self._clock,
            RetryPolicy(settings.retry_limit, timedelta(seconds=settings.backoff)),
            epoch=epoch,
            max_instances=settings.max_instances,
            concurrent_runs=settings.concurrent_runs,
            misfire_grace=timedelta(seconds=settings.misfire_grace),
            observers=self._observers,
        )

    async def _begin(self, term: _Term) -> None:
        """Find what the last leader left, bring the store to the plan, and only then let time go on."""
        now = self._clock.now()
        left = await self._runs.recover(term.epoch, now, retry_limit=self._settings.retry_limit)
        if left:
            self._log.warning(
                "runs_left_by_an_earlier_leader", runs=[f"{job} {slot.isoformat()}" for job, slot in left]
            )
        await asyncio.to_thread(self._start_ticker, term)

    def _start_ticker(self, term: _Term) -> None:
        term.ticker.start(paused=True)
        if not self._settings.persistence:
            term.store.forget(term.epoch)
        self._check(term)
        self._announce(term)
        term.ticker.since = self._clock.now()
        term.ticker.resume()

    def _announce(self, term: _Term) -> None:
        """Tell whoever follows the first cycle what is due in it."""
        if self._cycle is not None:
            now = self._clock.now()
            due = [job.name for job in term.store.stored() if job.next_run and job.next_run <= now and not job.paused]
            self._cycle.begin([name for name in due if name.startswith(f"{COLLECT}:")])

    def _apply(self, term: _Term, plan: Plan) -> None:
        """Bring the store to the plan: also rows that somebody damaged or deleted meanwhile."""
        stored = term.store.stored()
        now = self._clock.now()
        changes = plan_changes(plan.jobs(), stored, now)
        if changes:
            term.ticker.since = now
            term.store.apply(changes, term.epoch)
            self._log.info("plan_applied", changes=[str(change) for change in changes])
            term.ticker.wakeup()
        mended = {change.job.name for change in changes}
        unreadable = tuple(job.name for job in stored if job.unreadable and job.name not in mended)
        if unreadable and unreadable != term.unreadable:
            self._log.error("jobs_read_failed", jobs=list(unreadable), remedy=UNREADABLE)
        term.unreadable = unreadable
        term.applied_at = time.monotonic()

    async def _beat(self) -> None:
        while True:
            await self._leadership.beat()
            self._round_at = time.monotonic()
            await asyncio.sleep(until_beat(self._settings.heartbeat))

    async def _attend(self, term: _Term) -> None:
        """Every second: retries and manual runs that wait, and a plan that was edited."""
        with watching(self._notices, EVENTS, *RUN_TOPICS) as runs:
            while True:
                if term.ticker.deposed:
                    raise LeadershipLost(f"epoch {term.epoch} is over: another process leads")
                try:
                    await self._round(term, runs)
                except SchedulerStateError:
                    raise
                except Exception as error:  # noqa: BLE001  a round is a job: the next one tries again, the heartbeat decides
                    runs.missed()
                    self._failing.met(error)
                else:
                    self._failing.over()
                    self._worked_in_term, self._failing_since = True, None
                await asyncio.sleep(until_beat(ATTEND_SECONDS))

    async def _round(self, term: _Term, runs: Watch) -> None:
        now = self._clock.now()
        waited = term.attempt_at is not None and term.attempt_at <= now
        if runs.due() or waited or term.blocked:
            term.blocked = term.dispatcher.busy
            tickets, term.attempt_at = await self._runs.claim_waiting(term.epoch, now, term.blocked)
            for ticket in tickets:
                term.dispatcher.accept(ticket)
        if time.monotonic() - term.checked_at >= PLAN_SECONDS:
            await asyncio.to_thread(self._check, term)

    def _check(self, term: _Term) -> None:
        """Take up an edited plan; a wrong one is reported once, and the last good one stays."""
        term.checked_at = time.monotonic()
        plan = None
        try:
            plan = self._plan_file.changed()
        except ConfigurationError as error:
            self._refuse(self._log.error, "plan_refused", str(error))
        else:
            if plan is not None:
                self._plan_error = ""
                self._plan = self._shaped(plan)
            elif self._plan_file.gone:
                self._refuse(self._log.warning, "plan_file_gone", f"there is no file {self._plan_file.name} any more")
        stale = term.checked_at - term.applied_at >= MEND_SECONDS
        if (plan is not None or stale) and not (self._plan_error and self._inherits(term)):
            self._apply(term, self.plan)

    def _inherits(self, term: _Term) -> bool:
        """Whether the stored jobs are a plan of another leader: the last good one, of which this process knows nothing."""
        return term.applied_at == -math.inf and bool(term.store.stored())

    def _refuse(self, tell: Callable[..., object], event: str, error: str) -> None:
        if error != self._plan_error:
            self._plan_error = error
            tell(event, error=error, remedy="mend the file; until then the last good plan stays in force")

    def _shaped(self, plan: Plan) -> Plan:
        for note in plan.notes:
            self._log.warning("plan_line_ignored", note=note)
        return cautious(plan) if self._settings.profile == "cautious" else plan
