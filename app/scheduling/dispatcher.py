"""Runs tickets on the event loop: handler, outcome, retry. Every way out of a run is a row."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from app.clock import Clock
from app.errors import DatabaseUnavailable
from app.logging import redact
from app.scheduling.models import JobObserver, JobOutcome, RunEnd, RunReport, RunTrigger, Ticket
from app.scheduling.repository import JobRunRepository
from app.scheduling.retries import RetryPolicy, error_chain

JobHandler = Callable[[Ticket], Awaitable[RunReport]]

FINISH_ATTEMPTS = 6
STARTED_AT_ONCE = 50
"""A burst of tickets begins in portions, so that the event loop serves others in between."""


class Dispatcher:
    """The runs of one term of a leader (`epoch`), or of a command (no epoch)."""

    def __init__(
        self,
        handlers: Mapping[str, JobHandler],
        runs: JobRunRepository,
        clock: Clock,
        retries: RetryPolicy,
        *,
        epoch: int | None = None,
        max_instances: int = 1,
        concurrent_runs: int = 32,
        misfire_grace: timedelta = timedelta(days=1),
        observers: Sequence[JobObserver] = (),
    ) -> None:
        self._handlers = handlers
        self._runs = runs
        self._clock = clock
        self._retries = retries
        self._epoch = epoch
        self._max_instances = max_instances
        self._free = asyncio.Semaphore(concurrent_runs)
        self._misfire_grace = misfire_grace
        self._observers = observers
        self._told: dict[str, tuple[JobOutcome, str]] = {}
        self._busy: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: list[Ticket] = []
        self._handing_back = False
        self._closed = False
        self._log = structlog.get_logger()

    @property
    def busy(self) -> frozenset[str]:
        """Jobs that take no further run at present."""
        return frozenset(job for job, count in self._busy.items() if count >= self._max_instances)

    @property
    def running(self) -> int:
        return len(self._tasks)

    def accept(self, ticket: Ticket) -> None:
        """Begin the run of a ticket that this process holds; called on the event loop.

        A ticket that comes after the end of the term is left to the next leader, who finds its row still running.
        """
        if self._closed:
            return
        self._waiting.append(ticket)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        portion, self._waiting = self._waiting[:STARTED_AT_ONCE], self._waiting[STARTED_AT_ONCE:]
        for ticket in portion:
            self._start(ticket)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._begin)

    def _start(self, ticket: Ticket) -> None:
        blocked = ticket.job in self.busy
        self._busy[ticket.job] += not blocked
        task = asyncio.create_task(self._skip(ticket) if blocked else self._run(ticket), name=f"run {ticket.job}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self, ticket: Ticket) -> RunEnd:
        """One run from its start to its row."""
        async with self._free:
            end = await self._attempt(ticket)
        await self._record(end)
        return end

    async def _run(self, ticket: Ticket) -> None:
        try:
            await self.run(ticket)
        finally:
            self._busy[ticket.job] -= 1

    async def _skip(self, ticket: Ticket) -> None:
        now = self._clock.now()
        reason = f"{ticket.job} is still running; the next run finds what this one would have"
        await self._record(RunEnd(ticket, now, now, RunReport(JobOutcome.SKIPPED, reason, (ticket.job,))))

    async def _attempt(self, ticket: Ticket) -> RunEnd:
        """The job border: whatever a handler raises becomes an outcome."""
        started = self._clock.now()
        if refused := self._refused(ticket):
            return RunEnd(ticket, started, started, refused, error=refused.summary)
        try:
            report = await self._handlers[ticket.kind](ticket)
        except asyncio.CancelledError:
            if not self._handing_back:
                raise
            now = self._clock.now()
            report = RunReport(JobOutcome.INTERRUPTED, "handed back: the service stops")
            return RunEnd(ticket, started, now, report, retry_at=now)
        except Exception as error:  # noqa: BLE001  a run is a job: its error becomes its outcome
            now = self._clock.now()
            retry_at = self._retries.next_attempt(error, ticket.attempt, now)
            chain = redact(error_chain(error))
            return RunEnd(ticket, started, now, RunReport(JobOutcome.FAILED, chain.split("\n")[0]), chain, retry_at)
        return RunEnd(ticket, started, self._clock.now(), report)

    def _refused(self, ticket: Ticket) -> RunReport | None:
        """Why a run does not even begin."""
        late = self._clock.now() - ticket.scheduled_for
        if (
            ticket.trigger in {RunTrigger.CRON, RunTrigger.CATCH_UP}
            and ticket.attempt == 1
            and late > self._misfire_grace
        ):
            return RunReport(JobOutcome.MISSED, f"{late} late, more than GRIDKEEPER_SCHEDULER__MISFIRE_GRACE allows")
        if ticket.kind not in self._handlers:
            known = ", ".join(sorted(self._handlers))
            return RunReport(JobOutcome.FAILED, f"this version knows no jobs of kind {ticket.kind!r}, only {known}")
        return None

    async def _record(self, end: RunEnd) -> None:
        """Write the row; a database that is away for some seconds is waited for, a longer loss is the next leader's."""
        self._tell(end)
        for attempt in range(FINISH_ATTEMPTS):
            try:
                if not await self._runs.finish(end, self._epoch):
                    self._log.warning("run_leader_changed", job=end.ticket.job, epoch=self._epoch)
            except DatabaseUnavailable as error:
                self._log.warning("run_record_postponed", job=end.ticket.job, error=str(error))
                await asyncio.sleep(0.5 * 2**attempt)
            else:
                return

    def _is_news(self, end: RunEnd) -> bool:
        """Whether the run ended in another way than the job's last one; what somebody asked for is news to them."""
        ticket, came = end.ticket, (end.report.outcome, end.report.summary)
        before = self._told.get(ticket.job)
        self._told[ticket.job] = came
        if end.report.outcome is JobOutcome.NOTHING_DUE and before is not None:
            return before[0] is not JobOutcome.NOTHING_DUE and before[0] is not JobOutcome.SUCCEEDED
        return came != before or ticket.trigger not in {RunTrigger.CRON, RunTrigger.CATCH_UP} or ticket.attempt > 1

    def _tell(self, end: RunEnd) -> None:
        ticket, report = end.ticket, end.report
        failed = report.outcome in {JobOutcome.FAILED, JobOutcome.MISSED}
        news = self._is_news(end)  # of a failure too: the run after it is news
        tell = self._log.error if failed else self._log.info if news else self._log.debug
        fields = {
            "job": ticket.job,
            "outcome": report.outcome.value,
            "scheduled_for": ticket.scheduled_for.isoformat(),
            "trigger": ticket.trigger.value,
            "attempt": ticket.attempt,
            # A run that makes good for time without a service is not late: its slot and its trigger say what it is.
            "late": ""
            if ticket.trigger is RunTrigger.CATCH_UP
            else round((end.started_at - ticket.scheduled_for).total_seconds(), 3),
            "seconds": round((end.finished_at - end.started_at).total_seconds(), 3),
            "summary": report.summary,
            "skipped": list(report.skipped),
            "retry_at": end.retry_at.isoformat() if end.retry_at else "",
        }
        tell("job_run", **{name: value for name, value in fields.items() if value not in ("", [])})
        for observer in self._observers:
            observer.job_ended(end)

    async def drain(self, seconds: float) -> None:
        """Let running work finish within so many seconds; what is left is handed back for the next leader."""
        for ticket in self._waiting:
            self._start(ticket)
        self._waiting = []
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        self._handing_back = True
        await self.cancel()

    async def cancel(self) -> None:
        """Stop everything now; after `drain` the runs are handed back, else their rows are the next leader's to find."""
        self._closed = True
        self._waiting = []
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
