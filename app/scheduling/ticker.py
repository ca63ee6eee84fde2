"""The thread that looks for due jobs: APScheduler's, with a tick that nothing ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from apscheduler.executors.debug import DebugExecutor
from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_RUNNING, STATE_STOPPED

from app.clock import Clock
from app.errors import DatabaseUnavailable, SchedulerStateError
from app.logging import OutageLog
from app.scheduling import jobs
from app.scheduling.models import RunTrigger, Ticket
from app.scheduling.store import PostgresJobStore, SlotTrigger

RETRY_SECONDS = 2.0
CATCH_UP_AFTER = timedelta(seconds=60)
"""A run that begins so much later than its slot is a catch-up, whoever led meanwhile."""


class Ticker(BackgroundScheduler):  # type: ignore[misc]  # the library has no types
    """Claims the tickets of due jobs and hands them on; one for each term of a leader.

    It wakes at least every `tick` seconds of the monotonic clock, so that a step of the wall clock, a suspended
    machine or a job that another process made due is noticed.
    """

    def __init__(
        self, store: PostgresJobStore, receiver: jobs.Receiver, clock: Clock, epoch: int, *, tick: float
    ) -> None:
        super().__init__(timezone=UTC, executors={"default": DebugExecutor()}, jobstores={"default": store})
        self._store = store
        self._receiver = receiver
        self._clock = clock
        self._epoch = epoch
        self._tick_seconds = tick
        self._log = structlog.get_logger()
        self._failing = OutageLog("scheduler_tick_failed", "scheduler_tick_recovered", level="error")
        self.ticked_at = self.turned_at = time.monotonic()
        self.deposed = False
        self.since = clock.now()
        """When this term began, or the plan changed: nobody could begin an earlier slot in time."""
        # Kept apart from the library's state, which a start that is still under way would set again.
        self._ended = False

    @property
    def age(self) -> float:
        """Seconds since the last tick that went through; the library's `running` stays true in a dead scheduler."""
        return time.monotonic() - self.ticked_at

    @property
    def idle(self) -> float:
        """Seconds since the last tick that went through or found no database: the thread lives and waits for it."""
        return time.monotonic() - self.turned_at

    def stop(self, seconds: float) -> None:
        """Stop ticking; waits for a tick that is under way, but not for a database that hangs."""
        self._ended = True
        if self._event is not None:
            self._event.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def _process_jobs(self) -> float:
        """The job border: an exception that leaves this method would end the thread while `running` stays true."""
        if self._ended:
            self.state: int = STATE_STOPPED
        if self.state != STATE_RUNNING:
            return self._tick_seconds
        try:
            wait = self.tick()
        except SchedulerStateError as error:
            self.deposed = True
            self._log.warning("scheduler_deposed", epoch=self._epoch, reason=str(error))
            return self._tick_seconds
        except Exception as error:  # noqa: BLE001  a tick is a job: it is logged, and the next one tries again
            self._failing.met(error)
            if isinstance(error, DatabaseUnavailable):
                self.turned_at = time.monotonic()
            return min(RETRY_SECONDS, self._tick_seconds)
        self._failing.over()
        self.ticked_at = self.turned_at = time.monotonic()
        return min(wait, self._tick_seconds)

    def tick(self) -> float:
        """Run what is due; the seconds until the next job is."""
        now = self._clock.now()
        due, following = self._store.look(now)
        if due:
            self._fire(due, now)
            following = self._store.get_next_run_time()
        if following is None:
            return self._tick_seconds
        return max(0.0, (following - self._clock.now()).total_seconds())

    def _fire(self, due: Sequence[Job], now: datetime) -> None:
        tickets = [ticket_for(job, now, self.since) for job in due]
        following = [_schedule(job).next_slot(max(now, job.next_run_time)) for job in due]
        claimed = self._store.claim(tickets, following, self._epoch, now)
        for job, ticket in zip(due, tickets, strict=True):
            if ticket.key in claimed:
                self._run(job, ticket)

    def _run(self, job: Job, ticket: Ticket) -> None:
        with jobs.bind(ticket, self._receiver):
            job.func(*job.args, **job.kwargs)


def ticket_for(job: Job, now: datetime, since: datetime) -> Ticket:
    """The run that a due job means: its last missed slot, whatever lies before that; `since` as in `Ticker`."""
    kind, params = job.args
    slot = max(job.next_run_time, _schedule(job).last_slot(now))
    # A clock that went back behind `since` tells nothing.
    earlier = slot < since <= now
    late = slot != job.next_run_time or earlier or now - slot > CATCH_UP_AFTER
    return Ticket(job.id, kind, params, slot, RunTrigger.CATCH_UP if late else RunTrigger.CRON)


def _schedule(job: Job) -> Any:
    trigger: SlotTrigger = job.trigger
    return trigger.schedule
