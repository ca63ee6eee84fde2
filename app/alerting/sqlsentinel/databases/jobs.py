"""Statements that wait for a thread of their database: the more urgent first, and places that those of less wait never take."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from app.alerting.sqlsentinel.databases.asking import AnswerRow

HIGH, NORMAL, LOW = ORDER = ("high", "normal", "low")


@dataclass(frozen=True, slots=True)
class Answered:
    """The rows of a query, or why there are none, and how long it took without the wait for its turn."""

    rows: Sequence[AnswerRow] = ()
    seconds: float = 0.0
    error: str = ""


Answer = Future[Answered]
WaitingStatement = tuple[str, float, Answer]


class JobQueue:
    """Jobs by priority. Once one of high priority has come, one place is kept for those; low ones take half at most."""

    def __init__(self, workers: int) -> None:
        self._changed = threading.Condition()
        self._jobs: dict[str, deque[WaitingStatement]] = {priority: deque() for priority in ORDER}
        self._busy: Counter[str] = Counter()
        self._most = {HIGH: workers, NORMAL: workers, LOW: max(1, workers // 2)}
        self._closed = False

    def put(self, job: WaitingStatement, priority: str) -> None:
        with self._changed:
            if priority == HIGH:
                self._most[NORMAL] = max(1, self._most[HIGH] - 1)
            self._jobs[priority].append(job)
            self._changed.notify()

    def get(self) -> tuple[WaitingStatement, str] | None:
        """The next job that has a place, after a wait for it; None at the end."""
        with self._changed:
            while not self._closed:
                for priority in ORDER:
                    if self._jobs[priority] and self._has_place(priority):
                        self._busy[priority] += 1
                        return self._jobs[priority].popleft(), priority
                self._changed.wait()
            return None

    def done(self, priority: str) -> None:
        with self._changed:
            self._busy[priority] -= 1
            self._changed.notify()

    def emptied(self) -> list[WaitingStatement]:
        """All that wait, taken out."""
        with self._changed:
            found = [job for priority in ORDER for job in self._jobs[priority]]
            for jobs in self._jobs.values():
                jobs.clear()
            return found

    def close(self) -> list[WaitingStatement]:
        """What still waits; nobody is given any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        return self.emptied()

    def _has_place(self, priority: str) -> bool:
        if priority == HIGH:
            return True
        room = self._busy[NORMAL] + self._busy[LOW] < self._most[NORMAL]
        return room and (priority == NORMAL or self._busy[LOW] < self._most[LOW])
