"""The runs of jobs: tickets that are claimed, how they ended, what waits for another attempt."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.collection.repository import latest_windows
from app.collection.source_health import LastWindow
from app.db.engine import Database
from app.db.leader import process_name
from app.db.retention import Retention, erase
from app.errors import Conflict, NotFound
from app.kit.suggest import did_you_mean
from app.scheduling.jobs.collection import CORRECTIONS
from app.scheduling.models import UNREADABLE, JobOutcome, JobRun, Params, RunEnd, RunTrigger, StoredJob, Ticket
from app.scheduling.plan import RETIRED

if TYPE_CHECKING:
    import asyncpg

# The leader's row is held, as in every tick: runs of a leader that has been replaced cannot begin.
_CLAIM_WAITING = """
    with leader as (select epoch, holder from scheduler_leader where epoch = $1 for share)
    update job_runs as run
    set epoch = leader.epoch,
        runner = leader.holder,
        summary = '',
        attempt = run.attempt + 1,
        outcome = 'running',
        started_at = $2,
        finished_at = null,
        next_attempt_at = null,
        lateness = coalesce(run.lateness, extract(epoch from $2 - run.scheduled_for))
    from leader
    where
        run.next_attempt_at <= $2
        and run.job <> all($3::text[])
        and (
            run.trigger in ('manual', 'api')
            or not exists (select from scheduler_jobs as job where job.id = run.job and job.paused)
        )
    returning run.job, run.kind, run.params::text as params, run.scheduled_for, run.trigger, run.attempt
"""

_CLAIM_REQUESTED = """
    update job_runs
    set attempt = attempt + 1, outcome = 'running', started_at = $3, next_attempt_at = null, lateness = 0, runner = $4
    where job = $1 and scheduled_for = $2 and next_attempt_at is not null
    returning job, kind, params::text as params, scheduled_for, trigger, attempt
"""

_REQUEST = """
    insert into job_runs (job, scheduled_for, trigger, kind, params, next_attempt_at) values ($1, $2, $3, $4, $5::text::jsonb, $2)
    on conflict (job, scheduled_for) do nothing
    returning job
"""

# One statement: a process that freezes between two would keep the row locked, and the next leader waiting for it.
# What was left undone is found by the later run too: it looks at the stored data, not at its own slot.
_FINISH = """
    with done as (
        update job_runs
        set outcome = $5, started_at = $6, finished_at = $7, summary = $8, skipped = $9, error = $10, next_attempt_at = $11,
            lateness = case when attempt = 1 then extract(epoch from $6 - scheduled_for) else lateness end
        where job = $1 and scheduled_for = $2 and attempt = $3 and epoch is not distinct from $4 and outcome = 'running'
        returning job
    ),
    settled_earlier as (
        update job_runs
        set next_attempt_at = null
        where $12 and job = $1 and scheduled_for < $2 and next_attempt_at is not null and attempt > 0
    )
    select count(*) from done
"""

_RECOVER = """
    update job_runs
    set outcome = 'interrupted',
        finished_at = $2,
        summary = format(
            'interrupted: the process %s ended while it ran this; the next leader, %s, found it at %s',
            coalesce(nullif(job_runs.runner, ''), 'of epoch ' || job_runs.epoch),
            leader.holder,
            to_char($2::timestamptz at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')
        ),
        error = 'the process that ran it is gone',
        -- A killed process is no fault of the job; the higher limit stops a job that kills its process each time.
        next_attempt_at = case when attempt <= $3 + 16 then $2::timestamptz end
    from scheduler_leader as leader
    where job_runs.outcome = 'running' and job_runs.epoch < $1
    returning job, scheduled_for
"""

_COLUMNS = """
    job, scheduled_for, trigger, attempt, outcome, epoch, runner, started_at, finished_at, lateness, summary, skipped,
    error, next_attempt_at
"""

_HISTORY = f"""
    select {_COLUMNS}
    from job_runs
    where ($1::text is null or job = $1)
    order by scheduled_for desc, job
    limit $2
"""  # noqa: S608  constants

_JOBS = """
    select id, next_run_time, job_state, paused, unreadable, run.*
    from scheduler_jobs
    left join lateral (
        select trigger, attempt, outcome, epoch, runner, started_at, finished_at, lateness, summary, skipped, error,
            next_attempt_at, job, scheduled_for
        from job_runs
        where job = scheduler_jobs.id and started_at is not null
        order by scheduled_for desc
        limit 1
    ) as run on true
    order by id
"""

RETAINED = (
    Retention(
        "job_runs",
        "scheduled_for",
        "scheduler.history_days",
        only="runs that are over",
        condition="outcome is distinct from 'running' and next_attempt_at is null",
    ),
)

_STRANDED = """
    update job_runs
    set outcome = 'interrupted',
        finished_at = $1::timestamptz,
        summary = format('interrupted: the command %s ended while it ran this', nullif(runner, '')),
        error = 'the command that ran it is gone'
    where outcome = 'running' and epoch is null and started_at < $1::timestamptz - interval '1 day'
"""


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
            rows = await connection.fetch(_RECOVER, epoch, now, retry_limit)
        return [(row["job"], row["scheduled_for"]) for row in rows]

    async def claim_waiting(self, epoch: int, now: datetime, busy: Collection[str]) -> list[Ticket]:
        """Tickets for everything that waits for an attempt and whose job is not busy: retries and manual runs."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_CLAIM_WAITING, epoch, now, list(busy))
        return [_ticket(row) for row in sorted(rows, key=lambda row: (row["scheduled_for"], row["job"]))]

    async def request(self, job: StoredJob, now: datetime, trigger: RunTrigger) -> tuple[str, datetime]:
        """Ask for a run now; the leader takes it within a second. Conflict if one was asked for at this very moment."""
        async with self._database.connection() as connection:
            inserted = await connection.fetchval(
                _REQUEST, job.name, now, trigger.value, job.kind, json.dumps(dict(job.params))
            )
        if inserted is None:
            raise Conflict(f"a run of {job.name} at {now.isoformat()} exists already; try again")
        return job.name, now

    async def claim_requested(self, key: tuple[str, datetime], now: datetime) -> Ticket | None:
        """The ticket of a requested run for a process that is no leader; None where somebody else has it."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_CLAIM_REQUESTED, *key, now, process_name())
        return None if row is None else _ticket(row)

    async def finish(self, end: RunEnd, epoch: int | None) -> bool:
        """Record how an attempt ended; False where it belongs to another leader by now."""
        report, ticket = end.report, end.ticket
        settles = report.outcome in {JobOutcome.SUCCEEDED, JobOutcome.NOTHING_DUE}
        async with self._database.connection() as connection:
            done = await connection.fetchval(
                _FINISH,
                ticket.job, ticket.scheduled_for, ticket.attempt, epoch, report.outcome.value, end.started_at,
                end.finished_at, report.summary, list(report.skipped), end.error, end.retry_at, settles,
            )  # fmt: skip
        return bool(done)

    async def jobs(self) -> list[JobView]:
        """Every job with its last run."""
        from app.scheduling.store import stored_job

        async with self._database.connection() as connection:
            rows = await connection.fetch(_JOBS)
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
            done = await connection.execute("update scheduler_jobs set paused = $2 where id = $1", name, paused)
        if done == "UPDATE 0":
            raise NotFound(f"there is no job {name}; `gridkeeper jobs list` shows them")

    async def history(self, job: str | None = None, *, limit: int = 50) -> list[JobRun]:
        """The latest runs, newest first."""
        async with self._database.connection() as connection:
            return [_run(row) for row in await connection.fetch(_HISTORY, job, limit)]

    async def last_window(self) -> LastWindow | None:
        """How the collection's latest window ended, whoever asked for it."""
        async with self._database.connection() as connection:
            found = await latest_windows(connection, 1)
        return found[0] if found else None

    async def run_of(self, key: tuple[str, datetime]) -> JobRun | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                f"select {_COLUMNS} from job_runs where job = $1 and scheduled_for = $2",  # noqa: S608  constants
                *key,
            )
        return None if row is None else _run(row)

    async def prune(self, now: datetime, *, days: int) -> int:
        """Delete runs older than so many days, and close those that a command left behind; how many went."""
        async with self._database.transaction() as connection:
            await connection.execute(_STRANDED, now)
            [ended] = RETAINED
            return await erase(connection, ended, now - timedelta(days=days))


def find_job(jobs: Sequence[JobView], name: str) -> StoredJob:
    """The job with this name, or the one that does what it did in an earlier version; NotFound with near names otherwise."""
    by_name = {view.job.name: view.job for view in jobs}
    found = by_name.get(name) or (by_name.get(CORRECTIONS) if name in RETIRED.values() else None)
    if found is not None:
        return found
    hint = did_you_mean(name, (view.job.name for view in jobs), otherwise="; `gridkeeper jobs list` shows them")
    raise NotFound(f"there is no job {name}{hint}")


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
