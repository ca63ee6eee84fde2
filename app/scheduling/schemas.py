"""Jobs, their runs and who plans them, as programs read them."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Self

from pydantic import Field

from app.db.reading.schemas import ReadReplicaResource
from app.logging import redact
from app.schemas import Instant, PreciseInstant, Resource

if TYPE_CHECKING:
    from app.collection.source_health import PlatformState
    from app.db.leader import LeaderView
    from app.db.reading.state import ReplicaState
    from app.db.status import DatabaseState, HealthCheck
    from app.scheduling.cost import Cost
    from app.scheduling.models import JobRun
    from app.scheduling.repository import JobView
    from app.scheduling.service import SchedulerStatus
    from app.tasks.backend import TaskStats


class JobRunResource(Resource):
    """A run of a job; `outcome` is null while it waits, `seconds` while it runs."""

    job: str
    scheduled_for: Instant
    trigger: str
    attempt: int
    outcome: str | None
    epoch: int | None
    runner: str | None
    started_at: Instant | None
    finished_at: Instant | None
    seconds: float | None
    lateness: float | None
    summary: str
    skipped: list[str]
    error: str | None
    next_attempt_at: Instant | None

    @classmethod
    def of(cls, run: JobRun) -> Self:
        return cls(
            job=run.job,
            scheduled_for=run.scheduled_for,
            trigger=run.trigger,
            attempt=run.attempt,
            outcome=run.outcome,
            epoch=run.epoch,
            runner=run.runner or None,
            started_at=run.started_at,
            finished_at=run.finished_at,
            seconds=run.seconds,
            lateness=run.lateness,
            summary=run.summary,
            skipped=list(run.skipped),
            error=run.error or None,
            next_attempt_at=run.next_attempt_at,
        )


class JobResource(Resource):
    """A job and its last run; `unreadable` says why its definition cannot be used."""

    job: str
    kind: str
    schedule: str
    params: dict[str, str | int]
    next_run: Instant | None
    paused: bool
    unreadable: str | None
    last: JobRunResource | None

    @classmethod
    def of(cls, view: JobView) -> Self:
        job = view.job
        return cls(
            job=job.name,
            kind=job.kind,
            schedule=job.schedule,
            params=dict(job.params),
            next_run=job.next_run,
            paused=job.paused,
            unreadable=job.unreadable or None,
            last=JobRunResource.of(view.last) if view.last else None,
        )


class PausedJobResource(Resource):
    """Whether a job rests."""

    job: str
    paused: bool


class LeaderResource(Resource):
    """Who plans; `heartbeat_age` is in seconds, null where nobody ever led or the last leader ended in order."""

    holder: str | None
    epoch: int
    alive: bool
    heartbeat_age: float | None

    @classmethod
    def of(cls, leader: LeaderView, takeover_after: float) -> Self:
        return cls(
            holder=leader.holder or None,
            epoch=leader.epoch,
            alive=leader.alive(takeover_after),
            heartbeat_age=leader.age if isfinite(leader.age) else None,
        )


class RequestCostResource(Resource):
    """What the plan costs in requests a day, beside what the token allows."""

    items_and_places: int
    cycles: int
    corrections: int
    budget: int

    @classmethod
    def of(cls, cost: Cost, requests_per_minute: int) -> Self:
        return cls(
            items_and_places=cost.pairs,
            cycles=round(cost.cycles),
            corrections=round(cost.corrections),
            budget=requests_per_minute * 1440,
        )


class JobsResource(Resource):
    """All jobs."""

    leader: LeaderResource
    jobs: list[JobResource]
    requests_a_day: RequestCostResource


class ReplicaRole(Resource):
    """What this process does: it leads or stands by; `tick_age_seconds` is since it last looked at its jobs."""

    role: str
    name: str
    epoch: int | None
    tick_age_seconds: float | None

    @classmethod
    def of_status(cls, status: SchedulerStatus) -> Self:
        age = None if status.tick_age is None else round(status.tick_age, 3)
        return cls(role=status.role, name=status.name, epoch=status.epoch, tick_age_seconds=age)


class HealthVerdict(Resource):
    """A word, and everything that speaks against a better one."""

    status: str
    reasons: list[str]


class LivenessResource(ReplicaRole, HealthVerdict):
    """Whether the scheduler of this process lives."""

    @classmethod
    def of(cls, status: SchedulerStatus, reason: str) -> Self:
        """`reason` is why it counts as dead, "" where it lives."""
        role = ReplicaRole.of_status(status)
        return cls(status="dead" if reason else "alive", reasons=[reason] if reason else [], **dict(role))


class PassedCheckResource(Resource):
    """A check of the database that found what it should."""

    ok: bool = True
    found: str
    seconds: float


class FailedCheckResource(Resource):
    """A check of the database that failed."""

    ok: bool = False
    error: str
    seconds: float


CheckResource = PassedCheckResource | FailedCheckResource


def _check(check: HealthCheck) -> CheckResource:
    seconds = round(check.seconds, 4)
    if check.ok:
        return PassedCheckResource(found=check.found, seconds=seconds)
    return FailedCheckResource(error=check.error, seconds=seconds)


class WorkResource(Resource):
    """What this process does; `backfill_held` is why backfills rest."""

    jobs: int
    running_jobs: int
    plan_error: str | None
    unreadable_jobs: list[str]
    tasks_waiting: dict[str, int]
    tasks_running: dict[str, int]
    backfill_held: str | None

    @classmethod
    def of(cls, status: SchedulerStatus, tasks: TaskStats) -> Self:
        return cls(
            jobs=status.jobs,
            running_jobs=status.running,
            plan_error=status.plan_error or None,
            unreadable_jobs=list(status.unreadable),
            tasks_waiting={priority.name.lower(): count for priority, count in tasks.waiting.items()},
            tasks_running={priority.name.lower(): count for priority, count in tasks.running.items()},
            backfill_held=tasks.held,
        )


class PlatformResource(Resource):
    """How the platform was when it was last asked."""

    state: str
    checked_at: PreciseInstant | None
    answered_at: PreciseInstant | None
    failures_in_a_row: int
    error_class: str | None
    error: str | None

    @classmethod
    def of(cls, platform: PlatformState) -> Self:
        return cls(
            state=platform.condition,
            checked_at=platform.checked_at,
            answered_at=platform.answered_at,
            failures_in_a_row=platform.failures,
            error_class=platform.error_class or None,
            error=redact(platform.error) or None,
        )


class WarnedVerdict(HealthVerdict):
    """With what a person should mend although the process does its part."""

    warnings: list[str]


class ReadinessResource(ReplicaRole, WarnedVerdict):
    """Whether this process does its part."""

    database: CheckResource
    schema_check: CheckResource = Field(serialization_alias="schema")
    level: CheckResource
    origin: CheckResource
    alerting: CheckResource
    work: WorkResource
    platform: PlatformResource
    read_replica: ReadReplicaResource | None

    @classmethod
    def of(
        cls,
        status: SchedulerStatus,
        state: DatabaseState,
        tasks: TaskStats,
        platform: PlatformState,
        replica: ReplicaState | None = None,
        *,
        reasons: list[str],
        warnings: list[str],
    ) -> Self:
        """`reasons` are why it is not ready."""
        return cls(
            status="unready" if reasons else "ready",
            reasons=reasons,
            warnings=warnings,
            **dict(ReplicaRole.of_status(status)),
            database=_check(state.database),
            schema_check=_check(state.schema),
            level=_check(state.level),
            origin=_check(state.origin),
            alerting=_check(state.alerting),
            work=WorkResource.of(status, tasks),
            platform=PlatformResource.of(platform),
            read_replica=ReadReplicaResource.of(replica) if replica else None,
        )
