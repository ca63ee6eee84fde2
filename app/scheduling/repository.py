"""The runs of jobs: tickets that are claimed, how they ended, what waits for another attempt."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.collection.repository import latest_windows
from app.collection.source_health import LastWindow
from app.db.engine import Database
from app.db.leader import LeaderView, process_name, read_leader
from app.db.retention import Retention, erase
from app.errors import Conflict, NotFound
from app.kit.suggest import did_you_mean
from app.scheduling import sql
from app.scheduling.jobs.collection import CORRECTIONS
from app.scheduling.models import UNREADABLE, JobOutcome, JobRun, Params, RunEnd, RunTrigger, StoredJob, Ticket
from app.scheduling.plan import RETIRED

if TYPE_CHECKING:
    import asyncpg

    from app.scheduling.models import JobSpec

RETAINED = (
    Retention(
        "job_runs",
        "scheduled_for",
        "scheduler.history_days",
        only="runs that are over",
        condition="outcome is distinct from 'running' and next_attempt_at is null",
    ),
)


@dataclass(frozen=True, slots=True)
class JobView:
    """A job and its last run."""

    job: StoredJob
    last: JobRun | None


class JobRunRepository:
    """Tickets and their rows; a run exists only if its row could be inserted or claimed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recover(self, epoch: int, now: datetime, *, retry_limit: int) -> list[tuple[str, datetime]]:
        """Mark what earlier leaders left running, to be tried again at once; the keys of those runs."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.RECOVER_RUNS, epoch, now, retry_limit)
        return [(row["job"], row["scheduled_for"]) for row in rows]

    async def claim_waiting(
        self, epoch: int, now: datetime, busy: Collection[str]
    ) -> tuple[list[Ticket], datetime | None]:
        """Tickets for everything that waits for an attempt and whose job is not busy: retries and manual runs.

        And the instant of the next attempt that is planned for later.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.CLAIM_WAITING, epoch, now, list(busy))
            following: datetime | None = await connection.fetchval(sql.NEXT_ATTEMPT, now)
        return [_ticket(row) for row in sorted(rows, key=lambda row: (row["scheduled_for"], row["job"]))], following

    async def request(self, job: StoredJob, now: datetime, trigger: RunTrigger) -> tuple[str, datetime]:
        """Ask for a run now; the leader takes it within a second. Conflict if one was asked for at this very moment."""
        async with self._database.connection() as connection:
            inserted = await connection.fetchval(
                sql.REQUEST_RUN, job.name, now, trigger.value, job.kind, json.dumps(dict(job.params))
            )
        if inserted is None:
            raise Conflict(f"a run of {job.name} at {now.isoformat()} exists already; try again")
        return job.name, now

    async def requested(self, job: StoredJob, now: datetime, trigger: RunTrigger) -> JobRun:
        """The run that was asked for, which waits for the leader."""
        run = await self.run_of(await self.request(job, now, trigger))
        if run is None:
            raise Conflict(f"the run of {job.name} is gone; ask again")
        return run

    async def claim_requested(self, key: tuple[str, datetime], now: datetime) -> Ticket | None:
        """The ticket of a requested run for a process that is no leader; None where somebody else has it."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.CLAIM_REQUESTED, *key, now, process_name())
        return None if row is None else _ticket(row)

    async def finish(self, end: RunEnd, epoch: int | None) -> bool:
        """Record how an attempt ended; False where it belongs to another leader by now."""
        report, ticket = end.report, end.ticket
        settles = report.outcome in {JobOutcome.SUCCEEDED, JobOutcome.NOTHING_DUE}
        async with self._database.connection() as connection:
            done = await connection.fetchval(
                sql.FINISH_RUN,
                ticket.job, ticket.scheduled_for, ticket.attempt, epoch, report.outcome.value, end.started_at,
                end.finished_at, report.summary, list(report.skipped), end.error, end.retry_at, settles,
            )  # fmt: skip
        return bool(done)

    async def jobs(self) -> list[JobView]:
        """Every job with its last run."""
        from app.scheduling.store import stored_job

        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.JOBS)
        return [
            JobView(
                stored_job(row["id"], row["next_run_time"], row["job_state"], row["paused"], row["unreadable"]),
                _run(row) if row["scheduled_for"] is not None else None,
            )
            for row in rows
        ]

    async def set_paused(self, name: str, *, paused: bool) -> None:
        """Pause or resume a job; its next run time stays, so that what became due meanwhile runs once on resuming."""
        async with self._database.connection() as connection:
            done = await connection.execute(sql.PAUSE_JOB, name, paused)
        if done == "UPDATE 0":
            raise NotFound(f"there is no job {name!r}; `gridkeeper jobs list` shows them")

    async def history(
        self,
        job: str | None = None,
        *,
        limit: int = 50,
        before: tuple[datetime, str] | None = None,
        outcome: JobOutcome | None = None,
    ) -> list[JobRun]:
        """The latest runs, newest first; `before` is slot and job of the run after which to go on."""
        ended = outcome and outcome.value
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.HISTORY, job, limit, *(before or (None, None)), ended)
        return [_run(row) for row in rows]

    async def leader(self) -> LeaderView:
        """Who plans at present."""
        async with self._database.connection() as connection:
            return await read_leader(connection)

    async def last_window(self) -> LastWindow | None:
        """How the collection's latest window ended, whoever asked for it."""
        async with self._database.connection() as connection:
            found = await latest_windows(connection, 1)
        return found[0] if found else None

    async def run_of(self, key: tuple[str, datetime]) -> JobRun | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.RUN, *key)
        return None if row is None else _run(row)

    async def prune(self, now: datetime, *, days: int) -> int:
        """Delete runs older than so many days, and close those that a command left behind; how many went."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.END_STRANDED, now)
            [ended] = RETAINED
            return await erase(connection, ended, now - timedelta(days=days))


def find_job(jobs: Sequence[JobView], name: str) -> StoredJob:
    """The job with this name, or the one that does what it did in an earlier version; NotFound with near names otherwise."""
    by_name = {view.job.name: view.job for view in jobs}
    found = by_name.get(name) or (by_name.get(CORRECTIONS) if name in RETIRED.values() else None)
    if found is not None:
        return found
    hint = did_you_mean(name, (view.job.name for view in jobs), otherwise="; `gridkeeper jobs list` shows them")
    raise NotFound(f"there is no job {name!r}{hint}")


def with_planned(views: Sequence[JobView], planned: Iterable[JobSpec]) -> list[JobView]:
    """The stored jobs, and those of the plan that no leader has stored yet, by their names."""
    stored = {view.job.name for view in views}
    added = [
        JobView(StoredJob(job.name, job.kind, job.schedule, job.params, None), None)
        for job in planned
        if job.name not in stored
    ]
    return sorted([*views, *added], key=lambda view: view.job.name)


def stored_only(job: StoredJob, views: Sequence[JobView]) -> StoredJob:
    """The job; Conflict where no leader has stored it yet."""
    if job.name not in {view.job.name for view in views}:
        raise Conflict(f"{job.name} has never been scheduled: it can rest once `gridkeeper serve` has started")
    return job


def readable(job: StoredJob) -> StoredJob:
    """The job; Conflict with the remedy where its definition cannot be read."""
    if job.unreadable:
        raise Conflict(f"{job.name} cannot run: {job.unreadable}; {UNREADABLE}")
    return job


def _ticket(row: asyncpg.Record) -> Ticket:
    params: Params = json.loads(row["params"])
    return Ticket(row["job"], row["kind"], params, row["scheduled_for"], RunTrigger(row["trigger"]), row["attempt"])


def _run(row: Any) -> JobRun:
    return JobRun(
        job=row["job"],
        scheduled_for=row["scheduled_for"],
        trigger=RunTrigger(row["trigger"]),
        attempt=row["attempt"],
        outcome=JobOutcome(row["outcome"]) if row["outcome"] else None,
        epoch=row["epoch"],
        runner=row["runner"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        lateness=row["lateness"],
        summary=row["summary"],
        skipped=tuple(row["skipped"]),
        error=row["error"],
        next_attempt_at=row["next_attempt_at"],
    )
