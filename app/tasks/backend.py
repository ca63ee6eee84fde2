"""Where work runs: a backend carries names of work, never the work itself, so that losing a queue loses nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

TaskHandler = Callable[[str], Awaitable[None]]
"""Does the work of one kind that a key names."""


class Priority(IntEnum):
    """Who goes first, each in a queue of its name; backfill has a guaranteed share all the same.

    Tasks of an older version may wait under these numbers.
    """

    DELIVERIES = -1
    LIVE = 0
    GAP = 1
    BACKFILL = 2
    REPORTS = 3
    QUALITY = 4


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work: which handler does it, and the key of the row that says what is to be done."""

    kind: str
    key: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class TaskStats:
    """How many tasks wait and run by priority, how many ended, and why backfill is held back, if it is."""

    waiting: Mapping[Priority, int]
    running: Mapping[Priority, int]
    done: int
    failed: int
    held: str | None
    oldest_seconds: Mapping[Priority, float] = field(default_factory=dict)
    """How long the first of each priority has waited, where a queue tells."""
    ended: Mapping[Priority, tuple[int, int]] = field(default_factory=dict)
    """Tasks of each priority that were done and that failed in all processes, where they are counted."""


@runtime_checkable
class TaskBackend(Protocol):
    """Runs tasks, in this process or elsewhere; a task that is lost must be found and submitted again by its owner."""

    @property
    def opened(self) -> bool:
        """Whether this process has entered its context, so that it takes tasks."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def bind(self, kind: str, handler: TaskHandler) -> None:
        """Name the handler of a kind, before the first task of that kind is submitted."""
        ...

    async def submit(self, task: Task) -> None:
        """Accept a task; waits while the backend is full."""
        ...

    async def submit_many(self, tasks: Iterable[Task]) -> None:
        """Accept several tasks, in order."""
        ...

    async def cancel(self, kind: str, key: str | None = None) -> int:
        """Drop the waiting and end the running tasks of a kind (and key); returns their number once they have ended."""
        ...

    def stats(self) -> TaskStats: ...

    def taken(self, priority: Priority) -> bool:
        """Whether other processes have said that they take such tasks; what nobody takes is better done here."""
        ...
