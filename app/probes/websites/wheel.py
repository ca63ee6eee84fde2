"""What is due when, the earliest first. Pure."""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta

from app.probes.websites.models import Website
from app.probes.websites.state import BREAK_JITTER, BREAK_LONGEST


class DueWheel:
    """Numbers of websites by when they are due; the latest word about a website counts."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int]] = []
        self._due: dict[int, datetime] = {}

    def __len__(self) -> int:
        return len(self._due)

    def put(self, website: Website, now: datetime) -> None:
        """Due when its state says; after the clock went back it waits no longer than it could have."""
        self.push(website.website_id, min(website.state.due_at, now + longest_wait(website)))

    def drop(self, number: int) -> None:
        """Not due any more."""
        self._due.pop(number, None)

    def push(self, number: int, due: datetime) -> None:
        self._due[number] = due
        heapq.heappush(self._heap, (due, number))

    def pop(self, now: datetime) -> int | None:
        """The one that is due for longest; None where none is."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, number = heapq.heappop(self._heap)
        del self._due[number]
        return number

    def seconds_until_next(self, now: datetime) -> float:
        self._drop_stale()
        return max(0.0, (self._heap[0][0] - now).total_seconds()) if self._heap else float("inf")

    def _drop_stale(self) -> None:
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)


def longest_wait(website: Website) -> timedelta:
    """How long a website waits for its next check at most."""
    interval = timedelta(seconds=website.draft.check_interval)
    return max(interval, BREAK_LONGEST) * (1 + BREAK_JITTER) + interval
