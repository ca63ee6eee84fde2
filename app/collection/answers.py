"""What was asked for and answered, read for the schedule of questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.collection.gaps.question_schedule import DAY, SHORTEST_PAUSE
from app.collection.models import CollectionRequest

if TYPE_CHECKING:
    from app.db.engine import Database

# What is published while a question waits for its answer may be in none: its start counts.
# Of the questions of each cycle for the last hours only the latest tell anything: later ones have covered the same time.
_ANSWERS = """
    select
        wanted.number,
        runs.window_start,
        runs.window_end,
        runs.started_at,
        runs.outcome <> 'failed'
        and runs.rejected = 0
        and not (
            runs.outcome = 'empty'
            and exists (
                select from empty_incidents
                where runs.finished_at >= began_at and coalesce(runs.finished_at <= ended_at, true)
            )
        ) as usable,
        runs.revised + runs.vanished > 0 as corrected
    from unnest($1::integer[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
        as wanted (number, item, area, first, last)
    join collection_runs as runs
        on
            runs.item = wanted.item
            and runs.area = wanted.area
            and runs.window_end > wanted.first
            and runs.window_start < wanted.last
            and (
                runs.finished_at > $6::timestamptz - interval '12 hours'
                or runs.window_end - runs.window_start > interval '4 hours'
                or runs.finished_at - runs.window_end > interval '20 hours'
            )
    order by wanted.number, runs.started_at, runs.run_id
"""


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


class QuestionRecords:
    """Reads the runs of the collection."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def answers(self, requests: Sequence[CollectionRequest], now: datetime) -> dict[tuple[str, str], Answers]:
        """The questions that met the requests, by item and area."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _ANSWERS,
                list(range(len(requests))),
                [one.item.value for one in requests],
                [one.place.eic for one in requests],
                [one.interval.start for one in requests],
                [one.interval.end for one in requests],
                now,
            )
        groups: dict[int, list[Any]] = {}
        for row in rows:
            groups.setdefault(row["number"], []).append(row)
        return {
            (one.item.value, one.place.eic): _columns(groups[number]) if number in groups else UNASKED
            for number, one in enumerate(requests)
        }


def _columns(rows: Sequence[Any]) -> Answers:
    times = [[row[name].timestamp() for row in rows] for name in ("window_start", "window_end", "started_at")]
    begins, ends, asked = (np.array(column, np.float64).astype(np.int64) for column in times)
    usable, corrected = (np.array([row[name] for row in rows], np.bool_) for name in ("usable", "corrected"))
    return Answers(begins, ends, asked, usable, corrected)
