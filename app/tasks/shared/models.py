"""What is known of the shared queue and of those who work on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.tasks.backend import Priority

QUEUES = {priority: priority.name.lower() for priority in Priority}
"""The queues by name, the most urgent first."""
PROBES = "probes"
"""No queue: whoever takes it has a share of the websites and interfaces that are checked."""
PARTS = (*QUEUES.values(), PROBES)
"""Everything that a worker can take part in."""
WINDOWS = tuple(QUEUES[one] for one in (Priority.LIVE, Priority.GAP, Priority.BACKFILL))
"""What `serve` takes, too: windows that wait for the source more than for the processor."""
USUAL = (*WINDOWS, QUEUES[Priority.REPORTS], QUEUES[Priority.QUALITY])
"""What a worker takes unless it is told: what needs nothing but the database and the source."""
OWN_PLACES = (((QUEUES[Priority.DELIVERIES],), 2), ((QUEUES[Priority.REPORTS], QUEUES[Priority.QUALITY]), 1))
"""Queues with places of their own beside those of windows: a message must not wait for them, nor take they turns with
what computes for minutes."""


@dataclass(frozen=True, slots=True)
class WorkerRole:
    """What a process takes: which queues, so many windows at once, and under which name and region."""

    name: str
    queues: tuple[str, ...] = WINDOWS
    concurrency: int = 8
    region: str = ""
    sole: bool = False
    """Whether it ends where another process has its name; `serve` has more to do, and goes on."""

    @property
    def probes(self) -> bool:
        """Whether it has a share of what is checked over HTTP."""
        return PROBES in self.queues

    def takes(self, *priorities: Priority) -> bool:
        """Whether it takes tasks of one of these."""
        return any(QUEUES[one] in self.queues for one in priorities)

    @property
    def places(self) -> int:
        """Tasks that it has under way at most."""
        return sum(places for _, places in self.groups(0.0))

    def groups(self, share: float) -> list[tuple[tuple[str, ...], int]]:
        """Which queues share how many places; a role without windows divides its own among the others, one each at least."""
        own = [
            (mine, places) for queues, places in OWN_PLACES if (mine := tuple(q for q in queues if q in self.queues))
        ]
        windows = tuple(one for one in self.queues if one in WINDOWS)
        if not windows:
            return self._divided(own)
        return [*self._of_windows(windows, share), *own]

    def _of_windows(self, windows: tuple[str, ...], share: float) -> list[tuple[tuple[str, ...], int]]:
        """Neither holds the other up for good: some places are of backfills alone, and one is of what is urgent."""
        reserved = self._reserved(windows, share)
        urgent = 1 if reserved and self.concurrency - reserved > 1 else 0
        found = [(windows, self.concurrency - reserved - urgent)]
        found += [((QUEUES[Priority.BACKFILL],), reserved)] if reserved else []
        found += [(tuple(one for one in windows if one != QUEUES[Priority.BACKFILL]), urgent)] if urgent else []
        return found

    def _divided(self, own: list[tuple[tuple[str, ...], int]]) -> list[tuple[tuple[str, ...], int]]:
        """Each but the last has no more than it would have beside windows; the last has the rest."""
        found, left = [], self.concurrency
        for number, (queues, usual) in enumerate(own, 1):
            behind = len(own) - number
            places = max(1, min(usual, left - behind) if behind else left)
            found.append((queues, places))
            left -= places
        return found

    def _reserved(self, windows: tuple[str, ...], share: float) -> int:
        """So many of the windows at once are of backfills alone, so that urgent work never keeps them out for good."""
        if QUEUES[Priority.BACKFILL] not in windows or len(windows) == 1 or self.concurrency < 2:
            return 0
        return min(self.concurrency - 1, max(1, round(self.concurrency * share)))


@dataclass(frozen=True, slots=True)
class WorkerSign:
    """What a worker learns with a sign of life: since when the name is its own, and whether it is to end."""

    since: datetime
    draining: bool


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
    """A queue of shared tasks: how many wait, run and are parked, how long the first has waited, who takes them.

    `done` and `failed` count since the queue is; `per_minute` is how many ended within the last whole minute.
    """

    name: str
    waiting: int = 0
    running: int = 0
    parked: int = 0
    oldest_seconds: float = 0.0
    workers: int = 0
    done: int = 0
    failed: int = 0
    per_minute: int = 0
