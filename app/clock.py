"""The only place that reads the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

SKEW = timedelta(seconds=5)
"""So far the clocks of replicas may lie apart."""


class Clock(Protocol):
    """Tells the present instant, aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is set; for simulations and tests."""

    def __init__(self, now: datetime) -> None:
        self.set(now)

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("a clock needs an aware instant")
        self._now = now.astimezone(UTC)


def until_beat(seconds: float) -> float:
    """How long until the machine's clock shows a whole multiple of so many seconds, from half of them on.

    What looks again and again looks at the same moments: a processor that is woken once a second for all of it works a
    third as long as one that is woken for each. A timer may fire a moment too early, which must not count as a beat.
    """
    left = seconds - time.time() % seconds
    return left if left > seconds / 2 else left + seconds
