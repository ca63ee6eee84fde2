"""What is known of the shared queue and of those who work on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.tasks.backend import Priority

QUEUES = tuple(priority.name.lower() for priority in Priority)
"""The queues by name, the most urgent first."""


@dataclass(frozen=True, slots=True)
class WorkerRole:
    """What a process takes from the queue: which queues, so many tasks at once, and under which name and region."""

    name: str
    queues: tuple[str, ...] = QUEUES
    concurrency: int = 8
    region: str = ""

    def reserved(self, share: float) -> int:
        """So many of the tasks at once are of backfills alone, so that urgent work never keeps them out for good."""
        backfill = QUEUES[Priority.BACKFILL]
        if backfill not in self.queues or len(self.queues) == 1 or self.concurrency < 2:
            return 0
        return min(self.concurrency - 1, max(1, round(self.concurrency * share)))


@dataclass(frozen=True, slots=True)
class WorkerCounts:
    """What a worker says of itself with each sign of life."""

    running: int
    done: int
    failed: int
    per_minute: float


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker as its row tells; `age` is the seconds since its last sign of life."""

    name: str
    version: str
    queues: tuple[str, ...]
    region: str
    concurrency: int
    started_at: datetime
    heartbeat_at: datetime
    running: int
    done: int
    failed: int
    per_minute: float
    draining: bool
    age: float

    def silent(self, after: float) -> bool:
        """Whether it is taken for dead."""
        return self.age > after


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue of shared tasks: how many wait, run and are parked, and how long the first has waited."""

    name: str
    waiting: int
    running: int
    parked: int
    oldest_seconds: float
