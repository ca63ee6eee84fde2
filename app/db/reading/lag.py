"""How old what a replica shows is: told by places in the log of the primary, so that no clocks are compared."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

BLOCK = 8192
_PAGE_HEADERS = (24, 40)
"""Bytes at the beginning of a page of the log: where it ends there, nothing on that page is written yet."""


def log_position(text: str) -> int:
    """A place in the log as a number, of PostgreSQL's `16/B374D848`."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def end_of_written(position: int) -> int:
    """Where the last record ends: the place for the next one may lie behind the header of a page that has none."""
    beyond = position % BLOCK
    return position - beyond if beyond in _PAGE_HEADERS else position


@dataclass(frozen=True, slots=True)
class LogSample:
    """What was committed on the primary before `at` (the process's clock) lies before `position`."""

    at: float
    position: int


class PrimaryLog:
    """Samples of the last `seconds`, in the order of time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._samples: deque[LogSample] = deque()
        self.began = float("inf")
        """When the first was taken: who has replayed less than any says is behind that."""

    def add(self, sample: LogSample) -> None:
        """One that others have overtaken says nothing; one that says the same of a later moment takes their place."""
        self.began = min(self.began, sample.at)
        if self._samples and self._samples[-1].at > sample.at:
            return
        while self._samples and self._samples[-1].position >= sample.position:
            self._samples.pop()
        self._samples.append(sample)
        while self._samples[0].at < sample.at - self._seconds:
            self._samples.popleft()

    @property
    def newest(self) -> LogSample | None:
        return self._samples[-1] if self._samples else None

    def seen_at(self, position: int) -> float | None:
        """Up to which moment everything is seen by who has replayed so far; None where that is not known."""
        return next((one.at for one in reversed(self._samples) if one.position <= position), None)
