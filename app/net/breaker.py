"""When a whole server counts as down: a state machine without a clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.errors import SourceUnavailable

LONGEST_PAUSE = timedelta(minutes=5)
THRESHOLD = 20
"""At 50 % random faults so many failures in a row happen once in a million attempts."""
PATIENCE = 6


class ServerDown(SourceUnavailable):
    """The breaker refuses the request; a further attempt now would be refused too."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """Closed until `THRESHOLD` attempts fail with no success between; then open, with one probe at a time.

    The pause before the next probe doubles from `pause` to `LONGEST_PAUSE`. After `PATIENCE` failed probes the
    breaker refuses everything until the next pause is over. Any success closes it.
    """

    pause: timedelta
    failures: int = 0
    failing_since: datetime | None = None
    failed_probes: int = 0
    next_probe: datetime | None = None

    @property
    def open(self) -> bool:
        return self.next_probe is not None

    def refuses(self, now: datetime) -> bool:
        """Whether a request has to fail at once."""
        return self.next_probe is not None and self.failed_probes >= PATIENCE and now < self.next_probe

    def until_probe(self, now: datetime) -> timedelta:
        """How long the next probe has to wait; never longer than the pause, whatever the clock did meanwhile."""
        if self.next_probe is None:
            return timedelta()
        return min(max(self.next_probe - now, timedelta()), self._pause(self.failed_probes))

    def success(self) -> Breaker:
        return Breaker(self.pause)

    def failure(self, now: datetime, *, probe: bool = False) -> Breaker:
        """An attempt failed; while the breaker is open only that of a probe says something new."""
        counted = replace(self, failures=self.failures + 1, failing_since=self.failing_since or now)
        if not self.open:
            opens = counted.failures >= THRESHOLD
            return replace(counted, next_probe=now + self._pause(0)) if opens else counted
        if not probe:
            return counted
        probes = self.failed_probes + 1
        return replace(counted, failed_probes=probes, next_probe=now + self._pause(probes))

    def _pause(self, failed_probes: int) -> timedelta:
        return min(self.pause * float(1 << min(failed_probes, 20)), LONGEST_PAUSE)
