"""Workers and queues as programs read them."""

from __future__ import annotations

from typing import Self

from app.schemas import Instant, Resource
from app.tasks.shared.models import QueueState, WorkerState


class TaskWorkerResource(Resource):
    """A process that runs shared tasks; `state` is working, draining or silent."""

    name: str
    version: str
    queues: list[str]
    region: str
    concurrency: int
    started_at: Instant
    heartbeat_at: Instant
    heartbeat_age: float
    running: int
    done: int
    failed: int
    per_minute: float
    state: str

    @classmethod
    def of(cls, worker: WorkerState, silent_after: float) -> Self:
        state = "silent" if worker.silent(silent_after) else "draining" if worker.draining else "working"
        return cls(
            name=worker.name,
            version=worker.version,
            queues=list(worker.queues),
            region=worker.region,
            concurrency=worker.concurrency,
            started_at=worker.started_at,
            heartbeat_at=worker.heartbeat_at,
            heartbeat_age=round(worker.age, 1),
            running=worker.running,
            done=worker.done,
            failed=worker.failed,
            per_minute=worker.per_minute,
            state=state,
        )


class QueueResource(Resource):
    """A queue of shared tasks; `parked` are those that took too many workers along, `workers` those that take from it.

    `done` and `failed` count the tasks that have ended since there is a queue, in all processes; `per_minute` is how
    many did within the last whole minute.
    """

    name: str
    waiting: int
    running: int
    parked: int
    oldest_seconds: float
    workers: int
    done: int
    failed: int
    per_minute: int

    @classmethod
    def of(cls, queue: QueueState) -> Self:
        return cls(
            name=queue.name,
            waiting=queue.waiting,
            running=queue.running,
            parked=queue.parked,
            oldest_seconds=round(queue.oldest_seconds, 1),
            workers=queue.workers,
            done=queue.done,
            failed=queue.failed,
            per_minute=queue.per_minute,
        )
