"""How old what a replica shows is: told by places in the log of the primary, so that no clocks are compared."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import chain

MINUTE = 60.0
DAY_OF_MINUTES = 1440
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
    """Samples of the last `seconds` in the order of time, and one a minute of the day before, for who is far behind."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._samples: deque[LogSample] = deque()
        self._older: deque[LogSample] = deque(maxlen=DAY_OF_MINUTES)
        self.began = float("inf")
        """When the first was taken: who has replayed less than any says is behind that."""

    def add(self, sample: LogSample) -> None:
        """One that others have overtaken says nothing; one that says the same of a later moment takes their place."""
        self.began = min(self.began, sample.at)
        if self._samples and self._samples[-1].at > sample.at:
            return
        for samples in (self._samples, self._older):
            while samples and samples[-1].position >= sample.position:
                samples.pop()
        self._samples.append(sample)
        while self._samples[0].at < sample.at - self._seconds:
            old = self._samples.popleft()
            if not self._older or old.at - self._older[-1].at >= MINUTE:
                self._older.append(old)

    @property
    def newest_at(self) -> float:
        """When the last sample was taken; before all time where there is none."""
        return self._samples[-1].at if self._samples else float("-inf")

    def seen_at(self, position: int | None) -> float:
        """Up to which moment everything is seen by who has replayed so far; before all time where that is not known."""
        if position is None:
            return float("-inf")
        latest_first = chain(reversed(self._samples), reversed(self._older))
        return next((one.at for one in latest_first if one.position <= position), float("-inf"))
