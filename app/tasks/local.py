"""The backend inside this process: asyncio tasks, started by priority within limits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from app.errors import Conflict
from app.settings import Settings
from app.tasks.backend import Priority, Task, TaskHandler, TaskStats

Pressure = Callable[[], str | None]
"""Tells why the process should do less, or None."""

Counts = Mapping[Priority, int]


@dataclass(frozen=True, slots=True)
class TaskLimits:
    """`in_flight` tasks run at once, `backfill` of them at most of that priority, `queued` wait at most.

    `share`: the part of the starts that backfill gets while others wait too.
    """

    in_flight: int = 8
    backfill: int = 4
    queued: int = 10_000
    share: float = 0.2

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            in_flight=settings.entsoe.concurrency + settings.backfill.concurrency,
            backfill=settings.backfill.concurrency,
            share=settings.backfill.share,
        )

    def __post_init__(self) -> None:
        if min(self.in_flight, self.backfill, self.queued) < 1:
            raise ValueError("the limits in_flight, backfill and queued must be at least 1")
        if not 0 < self.share <= 0.5:
            raise ValueError("share must be above 0 and at most 0.5: it is the part of the starts that backfill gets")


@dataclass(frozen=True, slots=True)
class Turn:
    """How much of a start backfill has earned while others went first."""

    credit: float = 0.0

    def choose(self, waiting: Counts, running: Counts, limits: TaskLimits, *, pressed: bool) -> Priority | None:
        """Whose task starts next; None where nothing waits or the limits are reached."""
        if sum(running.values()) >= limits.in_flight:
            return None
        first = next((one for one in Priority if one is not Priority.BACKFILL and waiting[one]), None)
        # Under pressure one backfill task goes on, so that it moves at all.
        room = 1 if pressed else limits.backfill
        if not waiting[Priority.BACKFILL] or running[Priority.BACKFILL] >= room:
            return first
        return Priority.BACKFILL if first is None or first > Priority.BACKFILL or self.credit >= 1 else first

    def after(self, chosen: Priority, waiting: Counts, limits: TaskLimits) -> Turn:
        """The credit once the chosen task has started; `waiting` counts it still."""
        if chosen is Priority.BACKFILL:
            return replace(self, credit=max(0.0, self.credit - 1))
        if not waiting[Priority.BACKFILL]:
            return Turn()
        return replace(self, credit=min(2.0, self.credit + limits.share / (1 - limits.share)))


class LocalBackend:
    """Runs tasks on the event loop; leaving its context ends what still runs."""

    def __init__(self, limits: TaskLimits, pressure: Pressure = lambda: None) -> None:
        self._limits = limits
        self._pressure = pressure
        self._handlers: dict[str, TaskHandler] = {}
        self._waiting: dict[Priority, deque[Task]] = {priority: deque() for priority in Priority}
        self._running: dict[asyncio.Task[None], Task] = {}
        self._room = asyncio.Semaphore(limits.queued)
        self._turn = Turn()
        self._held: str | None = None
        self._done = self._failed = 0
        self._opened = self._closed = False
        self._log = structlog.get_logger()

    @property
    def opened(self) -> bool:
        return self._opened and not self._closed

    async def __aenter__(self) -> Self:
        self._opened = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        for queue in self._waiting.values():
            queue.clear()
        await _end(list(self._running))

    def bind(self, kind: str, handler: TaskHandler) -> None:
        self._handlers[kind] = handler

    async def submit(self, task: Task) -> None:
        if task.kind not in self._handlers:
            raise Conflict(f"no handler is bound for tasks of the kind {task.kind!r}; bind it before submitting")
        await self._room.acquire()
        if self._closed:
            raise Conflict(f"the task backend is closed and takes no {task.kind!r}; submit it where one runs")
        self._waiting[task.priority].append(task)
        self._start()

    async def submit_many(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            await self.submit(task)

    async def cancel(self, kind: str, key: str | None = None) -> int:
        dropped = 0
        for queue in self._waiting.values():
            kept = [task for task in queue if not _named(task, kind, key)]
            dropped += len(queue) - len(kept)
            queue.clear()
            queue.extend(kept)
        for _ in range(dropped):
            self._room.release()
        ended = [running for running, task in self._running.items() if _named(task, kind, key)]
        await _end(ended)
        return dropped + len(ended)

    def stats(self) -> TaskStats:
        return TaskStats(self._counts_waiting(), self._counts_running(), self._done, self._failed, self._held)

    def taken(self, priority: Priority) -> bool:  # noqa: ARG002  nobody else has a part in what one process does
        return False

    def _counts_waiting(self) -> dict[Priority, int]:
        return {priority: len(queue) for priority, queue in self._waiting.items()}

    def _counts_running(self) -> dict[Priority, int]:
        priorities = [task.priority for task in self._running.values()]
        return {priority: priorities.count(priority) for priority in Priority}

    def _start(self) -> None:
        """Start tasks until the limits are reached; called whenever a task comes or ends."""
        if self._closed:
            return
        self._held = self._pressure() if self._waiting[Priority.BACKFILL] else None
        while True:
            waiting = self._counts_waiting()
            chosen = self._turn.choose(waiting, self._counts_running(), self._limits, pressed=self._held is not None)
            if chosen is None:
                return
            self._turn = self._turn.after(chosen, waiting, self._limits)
            task = self._waiting[chosen].popleft()
            self._room.release()
            running = asyncio.create_task(self._run(task), name=f"{task.kind} {task.key}")
            self._running[running] = task
            running.add_done_callback(self._ended)

    async def _run(self, task: Task) -> None:
        try:
            await self._handlers[task.kind](task.key)
        except Exception:  # noqa: BLE001  the boundary of a job: one that fails must not take the others along
            self._failed += 1
            self._log.exception("task_failed", kind=task.kind, key=task.key)
        else:
            self._done += 1

    def _ended(self, running: asyncio.Task[None]) -> None:
        del self._running[running]
        self._start()


def _named(task: Task, kind: str, key: str | None) -> bool:
    return task.kind == kind and key in {None, task.key}


async def _end(running: list[asyncio.Task[None]]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def memory_pressure(limit_megabytes: int, statm: Path = Path("/proc/self/statm")) -> Pressure:
    """Pressure as soon as the process holds more memory than the limit; never where the system does not tell."""

    def pressure() -> str | None:
        held = _resident_megabytes(statm)
        if held is None or held <= limit_megabytes:
            return None
        return f"the process holds {held} MB, above GRIDKEEPER_BACKFILL__MEMORY_MB={limit_megabytes}"

    return pressure


def _resident_megabytes(statm: Path) -> int | None:
    import resource

    if not statm.is_file():
        return None
    return int(statm.read_text().split()[1]) * resource.getpagesize() // 1_000_000
