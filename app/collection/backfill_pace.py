"""How many windows a worker has under way: as many as the budget can feed while the source takes its time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from app.collection.models import CollectionRun, Outcome

FEWEST = 4
SPARE = 1.5
"""So many times what the mean asks for, because answers differ."""
WEIGHT = 0.2
"""Of the latest window in the running mean."""


class BackfillPace:
    """Learns what a window takes without the wait for the budget; until then, that it takes as long as it has taken."""

    def __init__(self, requests_per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = requests_per_second
        self._clock = clock
        self._begun: float | None = None
        self._seconds: float | None = None
        self._requests = 1.0

    def begin(self) -> None:
        """A window is worked on from now on."""
        if self._begun is None:
            self._begun = self._clock()

    def learn(self, run: CollectionRun) -> None:
        """What a window took; one that failed tells nothing of those that are answered."""
        if run.outcome is Outcome.FAILED:
            return
        cost = run.statistics
        seconds = cost.api_seconds + cost.parse_seconds + run.store_seconds
        weight = WEIGHT if self._seconds is not None else 1.0
        self._seconds = (1 - weight) * (self._seconds or 0.0) + weight * seconds
        self._requests += weight * (max(1, cost.requests) - self._requests)

    def windows(self) -> int:
        """So many windows under way keep the budget busy."""
        seconds = self._seconds
        if seconds is None:
            seconds = self._clock() - self._begun if self._begun is not None else 0.0
        return max(FEWEST, math.ceil(SPARE * self._rate / self._requests * seconds) + 1)
