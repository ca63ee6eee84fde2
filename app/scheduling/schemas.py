"""Jobs, their runs and who plans them, as programs read them."""

from __future__ import annotations

from math import isfinite
from typing import Self

from app.db.leader import LeaderView
from app.scheduling.cost import Cost
from app.scheduling.models import JobRun
from app.scheduling.repository import JobView
from app.schemas import Instant, Resource


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
