"""What was asked for and answered, as the schedule of questions reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.collection.gaps.question_schedule import DAY, SHORTEST_PAUSE
from app.market.time import Interval


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The questions for one item and area, as columns in the order in which they began; times in seconds since 1970."""

    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    asked: NDArray[np.int64]
    usable: NDArray[np.bool_]
    corrected: NDArray[np.bool_]

    def last(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """When each cell between two edges was last answered for as a whole; 0 for never."""
        return self._latest(edges, self.usable)

    def cover(self, interval: Interval) -> bool:
        """Whether the whole interval was answered for at some time."""
        first, last = int(interval.start.timestamp()), int(interval.end.timestamp())
        reached = first
        for begin, end in sorted(zip(self.begins[self.usable].tolist(), self.ends[self.usable].tolist(), strict=True)):
            if begin > reached:
                break
            reached = max(reached, end)
        return reached >= last

    def not_before(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """When each cell may be asked for again after a question that failed: soon, but not in a loop."""
        failed = self._latest(edges, ~self.usable)
        return np.where(failed > self.last(edges), failed + SHORTEST_PAUSE, 0)

    def about_the_past(self) -> tuple[int, int]:
        """How many answers were about values that were days old, and how many of them found a correction."""
        past = self.usable & (self.asked - self.ends > 2 * DAY)
        return int(past.sum()), int((past & self.corrected).sum())

    def _latest(self, edges: NDArray[np.int64], which: NDArray[np.bool_]) -> NDArray[np.int64]:
        found = np.zeros(len(edges) - 1, np.int64)
        firsts = np.searchsorted(edges, self.begins[which])
        lasts = np.searchsorted(edges, self.ends[which], "right") - 1
        for first, last, asked in zip(firsts.tolist(), lasts.tolist(), self.asked[which].tolist(), strict=True):
            found[first:last] = asked
        return found


NONE = np.empty(0, np.int64)
UNASKED = Answers(NONE, NONE, NONE, np.empty(0, np.bool_), np.empty(0, np.bool_))


def answers_of(rows: Sequence[Any]) -> Answers:
    times = [[row[name].timestamp() for row in rows] for name in ("window_start", "window_end", "started_at")]
    begins, ends, asked = (np.array(column, np.float64).astype(np.int64) for column in times)
    usable, corrected = (np.array([row[name] for row in rows], np.bool_) for name in ("usable", "corrected"))
    return Answers(begins, ends, asked, usable, corrected)
