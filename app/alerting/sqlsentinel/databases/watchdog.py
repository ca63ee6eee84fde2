"""Ends what runs too long: one thread that wakes up when the next limit of time has passed."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog


@dataclass(slots=True)
class _Watched:
    """Measures against something that runs, each with the moment at which it is due."""

    due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)


class Watchdog:
    """Takes measures, one after the other, against what is still watched when they are due."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._watched: dict[int, _Watched] = {}
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def watch(self, measures: Sequence[tuple[float, Callable[[], None]]]) -> int:
        """Watch until `release`; the measures come with the seconds from now, ascending."""
        now = self._monotonic()
        with self._changed:
            number = next(self._numbers)
            self._watched[number] = _Watched([(now + seconds, measure) for seconds, measure in measures])
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sentinel-watchdog", daemon=True)
                self._thread.start()
            self._changed.notify()
        return number

    def release(self, number: int) -> None:
        with self._changed:
            self._watched.pop(number, None)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while (measures := self._next()) is not None:
            for measure in measures:
                try:
                    measure()
                except Exception:  # noqa: BLE001  the boundary of the thread: one driver's fault ends no watch over the others
                    structlog.get_logger().exception("statement_measure_failed")

    def _next(self) -> list[Callable[[], None]] | None:
        """The measures that are due, after a wait for them; None at the end."""
        with self._changed:
            while not self._closed:
                now = self._monotonic()
                due = [one.due.pop(0)[1] for one in self._watched.values() if one.due and one.due[0][0] <= now]
                if due:
                    return due
                next_due = min((one.due[0][0] for one in self._watched.values() if one.due), default=None)
                self._changed.wait(None if next_due is None else max(0.0, next_due - now))
            return None
