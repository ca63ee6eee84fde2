"""The job store: APScheduler's table, with definitions as JSON and jobs that cannot be read kept aside.

A definition is text, never a pickle: nothing that can write the table runs code here, and a renamed class breaks
nothing. A job that cannot be read is parked with the reason; the library would delete it, even on a mere read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import structlog
from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.triggers.base import BaseTrigger
from sqlalchemy import Boolean, Column, ColumnElement, Connection, Engine, Select, Unicode, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.db.failures import connect_failure
from app.errors import ConfigurationError, DatabaseUnavailable, SchedulerStateError
from app.scheduling import jobs, sql
from app.scheduling.models import JobSpec, Params, StoredJob, Ticket
from app.scheduling.plan import Action, PlanDiff
from app.scheduling.schedules import SlotSchedule, parse_schedule

TABLE = "scheduler_jobs"
_VERSION = 2
_READABLE = (0.0, 253_402_300_799.0)
"""Next run times from 1970 to 9999; the column would also take NaN and infinity."""


class SlotTrigger(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """A schedule of ours as a trigger of the library."""

    __slots__ = ("schedule",)

    def __init__(self, schedule: SlotSchedule) -> None:
        self.schedule = schedule

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first slot from now on; after downtime the last one that was missed, never each of them."""
        if previous_fire_time is not None:
            return max(self.schedule.next_slot(previous_fire_time), self.schedule.last_slot(now))
        last = self.schedule.last_slot(now)
        return last if last == now else self.schedule.next_slot(now)

    def __str__(self) -> str:
        return str(self.schedule)


def encode(kind: str, schedule: str, params: Params) -> bytes:
    """The stored form of a definition."""
    content = {"version": _VERSION, "call": jobs.REFERENCE, "kind": kind, "schedule": schedule, "params": dict(params)}
    return json.dumps(content, sort_keys=True).encode()


def decode(name: str, state: bytes) -> JobSpec:
    """The definition of a stored form; ConfigurationError where it cannot be used."""
    try:
        content = json.loads(state)
        if content["version"] > _VERSION or content["call"] != jobs.REFERENCE:
            raise ConfigurationError(f"version {content['version']} of {content['call']} is of a newer program")
        params = {str(key): value for key, value in content["params"].items() if isinstance(value, str | int)}
        spec = JobSpec(name, str(content["kind"]), str(content["schedule"]), params)
        parse_schedule(spec.schedule)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"the definition of job {name} cannot be read: {type(error).__name__} {error}"
        ) from error
    return spec


class PostgresJobStore(SQLAlchemyJobStore):  # type: ignore[misc]  # the library has no types
    """APScheduler's store with JSON definitions, a pause that keeps the next run, and no deletion of its own."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine=engine, tablename=TABLE)
        self.jobs_t.append_column(Column("paused", Boolean, nullable=False))
        self.jobs_t.append_column(Column("unreadable", Unicode, nullable=False))
        self._log = structlog.get_logger()

    def start(self, scheduler: Any, alias: str) -> None:
        """Unlike the library's, it creates no table: migrations do."""
        BaseJobStore.start(self, scheduler, alias)

    def shutdown(self) -> None:
        """Keeps the engine, whose maker disposes of it."""

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """A transaction; a database that is away is DatabaseUnavailable here too."""
        with self._guarded(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """Single statements, each a transaction of its own."""
        with self._guarded(), self.engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            reason = connect_failure(error.orig or error) if isinstance(error, DBAPIError) else error
            raise DatabaseUnavailable(f"the job store cannot use the database: {reason}") from error

    def lookup_job(self, job_id: str) -> Job | None:
        return next(iter(self._get_jobs(self.jobs_t.c.id == job_id)), None)

    def get_due_jobs(self, now: datetime) -> list[Job]:
        return self.look(now)[0]

    def look(self, now: datetime) -> tuple[list[Job], datetime | None]:
        """The jobs that are due, and when the next one is: one statement, because every tick sends it."""
        table = self.jobs_t.c
        following = self._next_run_time().where(table.next_run_time > now.timestamp()).scalar_subquery()
        latest = func.greatest(now.timestamp(), following)
        jobs = self._get_jobs(table.next_run_time <= latest, table.paused.is_(False))
        due = [job for job in jobs if job.next_run_time <= now]
        return due, min((job.next_run_time for job in jobs if job.next_run_time > now), default=None)

    def get_next_run_time(self) -> datetime | None:
        with self._reading() as connection:
            found = connection.execute(self._next_run_time()).scalar()
        return _instant(found)

    def _next_run_time(self) -> Select[Any]:
        table = self.jobs_t.c
        return select(func.min(table.next_run_time)).where(
            table.next_run_time.between(*_READABLE), table.paused.is_(False), table.unreadable == ""
        )

    def add_job(self, job: Job) -> None:
        with self._transaction() as connection:
            connection.execute(text(sql.ADD_JOB), _row(_spec_of(job), job.next_run_time))

    def update_job(self, job: Job) -> None:
        with self._transaction() as connection:
            connection.execute(text(sql.CHANGE_JOB), _row(_spec_of(job), job.next_run_time))

    def _get_jobs(self, *conditions: ColumnElement[bool]) -> list[Job]:
        table = self.jobs_t.c
        query = select(table.id, table.next_run_time, table.job_state).where(table.unreadable == "", *conditions)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(table.next_run_time, table.id)).all()
            return [job for row in rows if (job := self._restored(connection, row)) is not None]

    def _restored(self, connection: Connection, row: Any) -> Job | None:
        try:
            return self._job(decode(row.id, row.job_state), _instant(row.next_run_time))
        except ConfigurationError as error:
            self._log.error("job_read_failed", job=row.id, error=str(error))
            park = update(self.jobs_t).where(self.jobs_t.c.id == row.id).values(unreadable=str(error))
            connection.execute(park)
            return None

    def _job(self, spec: JobSpec, next_run: datetime | None) -> Job:
        job = Job.__new__(Job)
        job.__setstate__(
            {
                "id": spec.name,
                "name": spec.name,
                "func": jobs.REFERENCE,
                "args": (spec.kind, spec.params),
                "kwargs": {},
                "trigger": SlotTrigger(parse_schedule(spec.schedule)),
                "executor": "default",
                "misfire_grace_time": None,
                "coalesce": True,
                "max_instances": 1,
                "next_run_time": next_run,
            }
        )
        job._scheduler, job._jobstore_alias = self._scheduler, self._alias  # noqa: SLF001  as the library's own stores do
        return job

    def stored(self) -> list[StoredJob]:
        """Every row of the table, also those that are paused or cannot be read."""
        with self._reading() as connection:
            rows = connection.execute(select(self.jobs_t).order_by(self.jobs_t.c.id)).all()
        return [stored_job(row.id, row.next_run_time, row.job_state, row.paused, row.unreadable) for row in rows]

    def apply(self, changes: Iterable[PlanDiff], epoch: int) -> None:
        """Bring the table to the plan, in one transaction of the leader."""
        statements = {Action.ADD: text(sql.ADD_JOB), Action.REMOVE: text(sql.REMOVE_JOB)}
        with self._transaction() as connection:
            _fence(connection, epoch)
            for change in changes:
                row = {"id": change.job.name} if change.action is Action.REMOVE else _row(change.job, change.next_run)
                connection.execute(statements.get(change.action, text(sql.CHANGE_JOB)), row)

    def forget(self, epoch: int) -> None:
        """Delete every job, for a service that is told to keep none over a restart."""
        with self._transaction() as connection:
            _fence(connection, epoch)
            connection.execute(text(sql.REMOVE_JOBS))

    def claim(
        self, tickets: Sequence[Ticket], next_runs: Sequence[datetime], epoch: int, now: datetime
    ) -> set[tuple[str, datetime]]:
        """Take the tickets and move their jobs on, both or neither; the keys of those that nobody had taken.

        Whoever dies before this leaves the next run times unchanged; whoever dies after it leaves running rows of its
        epoch, which the next leader finds.
        """
        row = {
            "jobs": [ticket.job for ticket in tickets],
            "slots": [ticket.scheduled_for for ticket in tickets],
            "triggers": [ticket.trigger.value for ticket in tickets],
            "kinds": [ticket.kind for ticket in tickets],
            "params": [json.dumps(dict(ticket.params)) for ticket in tickets],
        }
        times = [instant.timestamp() for instant in next_runs]
        with self._transaction() as connection:
            _fence(connection, epoch)
            claimed = connection.execute(text(sql.CLAIM_SLOTS), {**row, "epoch": epoch, "now": now}).all()
            connection.execute(text(sql.ADVANCE_JOBS), {"ids": row["jobs"], "times": times})
        return {(job, slot.astimezone(UTC)) for job, slot in claimed}


def stored_job(name: str, next_run: float | None, state: bytes, paused: bool, unreadable: str) -> StoredJob:
    """A row of the table; one that cannot be read says why."""
    instant = None
    try:
        instant = _instant(next_run)
        spec = decode(name, state)
    except ConfigurationError as error:
        return StoredJob(name, "", "", {}, instant, paused, unreadable or str(error))
    return StoredJob(name, spec.kind, spec.schedule, spec.params, instant, paused, unreadable)


def _instant(seconds: float | None) -> datetime | None:
    """The instant of a stored next run time; ConfigurationError where it is none."""
    if seconds is None:
        return None
    if not _READABLE[0] <= seconds <= _READABLE[1]:
        raise ConfigurationError(f"the next run time cannot be read: {seconds:g} s since 1970 is no instant")
    return datetime.fromtimestamp(seconds, UTC)


def _fence(connection: Connection, epoch: int) -> None:
    """The next leader cannot rise before this transaction ends, nor this one pass after it has risen."""
    if connection.execute(text(sql.FENCE), {"epoch": epoch}).scalar() is None:
        raise SchedulerStateError(f"epoch {epoch} is over: another process leads")


def _spec_of(job: Job) -> JobSpec:
    kind, params = job.args
    return JobSpec(job.id, kind, str(job.trigger), params)


def _row(spec: JobSpec, next_run: datetime | None) -> dict[str, object]:
    return {
        "id": spec.name,
        "next_run": None if next_run is None else next_run.timestamp(),
        "state": encode(spec.kind, spec.schedule, spec.params),
    }
