"""A bounded pool of threads that ask one database; one that hangs holds up nothing but its own queries."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

from app.alerting.sqlsentinel.databases.asking import MOST_ROWS, AnswerRow, Asker, AskingFailed, cancel, cut
from app.alerting.sqlsentinel.databases.dialects import Cancelling
from app.alerting.sqlsentinel.databases.jobs import Answer, Answered, JobQueue
from app.alerting.sqlsentinel.databases.process import AskingProcess, TookTooLong
from app.alerting.sqlsentinel.databases.watchdog import Watchdog

GRACE, LOST = 3.0, 10.0
"""Seconds after the limit at which the connection is cut, and at which a thread counts as lost."""
ENDING_SECONDS = 1.5
"""At the end a server has so long to take word that its statement is not wanted any more."""


class DatabasePool:
    """Asks one database with so many statements at once; further ones wait in a queue."""

    def __init__(
        self, url: str, watchdog: Watchdog, *, workers: int, writable: bool = False, most_rows: int = MOST_ROWS
    ) -> None:
        self._url = url
        self._writable = writable
        self._watchdog = watchdog
        self._workers = workers
        self._most_rows = most_rows
        self.asker = Asker(url, connections=workers, writable=writable, most_rows=most_rows)
        self._queue = JobQueue(workers)
        self._state = threading.Lock()
        self._threads = self._waiting = self._busy = 0
        self._lost: set[int] = set()
        """Threads that do not come back."""
        self._begun: list[threading.Thread] = []
        self._running: dict[int, Any] = {}
        """What may be cancelled, by thread."""

    def submit(self, query: str, seconds: float, priority: str = "normal") -> Answer:
        """The answer to come; it raises nothing."""
        answer: Answer = Future()
        with self._state:
            if len(self._lost) >= self._workers:
                answer.set_result(self._all_lost())
                return answer
            self._waiting += 1
            if self._threads < self._workers and self._threads - self._busy < self._waiting:
                self._threads += 1
                thread = threading.Thread(target=self._work, name="sentinel-database", daemon=True)
                self._begun.append(thread)
                thread.start()
        self._queue.put((query, seconds, answer), priority)
        return answer

    def close(self) -> None:
        """End what waits and what runs: a server would go on with a statement whose asker has gone."""
        for job in self._queue.close():
            _settle(job[2], Answered(error="it was not asked any more"))
        ending = [threading.Thread(target=self._end, args=(raw,), daemon=True) for raw in list(self._running.values())]
        for thread in ending:
            thread.start()
        until = time.monotonic() + ENDING_SECONDS
        for thread in (*ending, *self._begun):
            thread.join(max(0.0, until - time.monotonic()))
        self.asker.close()

    def _end(self, raw: Any) -> None:
        with suppress(Exception):  # it ended by itself just now, or its server is away
            cancel(raw, self.asker.rules)

    def _work(self) -> None:
        isolated = self.asker.rules.cancelling is Cancelling.PROCESS
        process = AskingProcess(self._url, writable=self._writable, most_rows=self._most_rows) if isolated else None
        while (taken := self._queue.get()) is not None:
            (query, seconds, answer), priority = taken
            with self._state:
                self._waiting -= 1
                self._busy += 1
            begun = time.perf_counter()
            try:
                rows = process.ask(query, seconds) if process else self._watched(query, seconds, answer, priority)
            except Exception as error:  # noqa: BLE001  the boundary of the thread: what a driver raises answers the query
                _settle(answer, Answered((), time.perf_counter() - begun, str(error) or type(error).__name__))
            else:
                _settle(answer, Answered(rows, time.perf_counter() - begun))
            with self._state:
                self._busy -= 1
                lost = threading.get_ident() in self._lost
                self._lost.discard(threading.get_ident())
            if not lost:
                self._queue.done(priority)
        if process is not None:
            process.end()

    def _watched(self, query: str, seconds: float, answer: Answer, priority: str) -> list[AnswerRow]:
        """The rows, with the watchdog over the statement: cancelled first, then cut off, then given up."""
        ended = False
        thread = threading.get_ident()

        def note(raw: Any) -> None:
            if raw is None:
                self._running.pop(thread, None)
            else:
                self._running[thread] = raw

        def act(measure: Callable[[Any], None]) -> None:
            nonlocal ended
            raw = self._running.get(thread)
            if raw is not None:
                ended = True
                measure(raw)

        def give_up() -> None:
            _settle(answer, Answered((), seconds + LOST, str(TookTooLong(seconds))))
            self._lose(thread, priority)

        number = self._watchdog.watch(
            [
                (seconds, lambda: act(lambda raw: cancel(raw, self.asker.rules))),
                (seconds + GRACE, lambda: act(cut)),
                (seconds + LOST, give_up),
            ]
        )
        try:
            return self.asker.ask(query, seconds, note)
        except AskingFailed:
            if ended:
                raise TookTooLong(seconds) from None
            raise
        finally:
            self._watchdog.release(number)

    def _lose(self, thread: int, priority: str) -> None:
        """A thread does not come back; where it was the last one, nothing waits for it any longer."""
        self._queue.done(priority)
        with self._state:
            self._lost.add(thread)
            if len(self._lost) < self._workers:
                return
        for job in self._queue.emptied():
            with self._state:
                self._waiting -= 1
            _settle(job[2], self._all_lost())

    def _all_lost(self) -> Answered:
        return Answered(
            error=f"the database does not answer: {self._workers} statements were ended and do not come back"
        )


def _settle(answer: Answer, answered: Answered) -> None:
    """Give an answer, unless it was given up before."""
    with suppress(InvalidStateError):
        answer.set_result(answered)


class Databases:
    """The databases that alerts ask, each with a pool of its own that is made when it is first asked."""

    def __init__(self, *, workers: int = 4, writable: bool = False, most_rows: int = MOST_ROWS) -> None:
        self._workers = workers
        self._writable = writable
        self._most_rows = most_rows
        self._watchdog = Watchdog()
        self._pools: dict[str, DatabasePool] = {}

    def pool(self, url: str) -> DatabasePool:
        """ConfigurationError where the URL is none, or its driver is not installed."""
        if url not in self._pools:
            self._pools[url] = DatabasePool(
                url, self._watchdog, workers=self._workers, writable=self._writable, most_rows=self._most_rows
            )
        return self._pools[url]

    def keep(self, urls: Collection[str]) -> None:
        """Close the pools of databases that are not named any more."""
        _closing([self._pools.pop(url) for url in [url for url in self._pools if url not in urls]])

    def close(self) -> None:
        for thread in _closing(self._pools.values()):
            thread.join()
        self._pools.clear()
        self._watchdog.close()


def _closing(pools: Iterable[DatabasePool]) -> list[threading.Thread]:
    """Close pools beside the caller, and beside each other: each may wait for its server."""
    threads = [threading.Thread(target=pool.close, daemon=True) for pool in pools]
    for thread in threads:
        thread.start()
    return threads
