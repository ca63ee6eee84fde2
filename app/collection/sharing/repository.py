"""Windows of live collection and of gaps as rows, so that any process may collect them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from app.collection.models import CollectionRun, Outcome, Work
from app.collection.sharing import sql
from app.db.leases.repository import LeasedRows
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.sources.source import FetchStatistics

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Database


@dataclass(frozen=True, slots=True)
class SharedWindow:
    """A window that this process has claimed."""

    window_id: int
    lane: str
    work: Work
    lease: UUID


@dataclass(frozen=True, slots=True)
class EndedWindow:
    """What came of a window: its run, or why there is none; `by` is the process that had it."""

    window_id: int
    run: CollectionRun | None
    by: str
    lost: str
    why: str


class SharedWindowRepository(LeasedRows):
    """Hands out windows by lease; a window whose process died `attempts` times is given up."""

    def __init__(self, database: Database, *, lease_seconds: float, attempts: int) -> None:
        super().__init__(database, sql.WINDOWS, lease_seconds=lease_seconds, attempts=attempts)

    async def add(self, lane: str, work: Sequence[Work]) -> list[int]:
        """The numbers of the windows, in their order."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                sql.ADD,
                uuid4(),
                lane,
                [one.item.value for one in work],
                [one.place.eic for one in work],
                [one.window.start for one in work],
                [one.window.end for one in work],
            )
        return [row["window_id"] for row in rows]

    async def claim(self, window_id: int, worker: str) -> SharedWindow | None:
        """The window, or None where it has ended, is given up or under way elsewhere."""
        row = await self.claim_row(window_id, worker)
        if row is None:
            return None
        work = Work(DataItem(row["item"]), find_place(row["area"]), Interval(row["window_start"], row["window_end"]))
        return SharedWindow(row["window_id"], row["lane"], work, row["lease"])

    async def end(self, window: SharedWindow, run: CollectionRun) -> None:
        """The window was asked for, whatever came of it; without effect where its lease was lost."""
        await self._execute(sql.END, window.lease, run.run_id)

    async def ended(self, waiting: Mapping[int, Work]) -> list[EndedWindow]:
        """Those of the windows that have ended, in their order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.ENDED, list(waiting))
        return [
            EndedWindow(
                row["window_id"], _run(waiting[row["window_id"]], row), row["claimed_by"] or "", row["lost"], row["why"]
            )
            for row in rows
        ]

    async def tidy(self, now: datetime) -> str:
        """Forget the windows of past days; says how many."""
        [retained] = sql.RETAINED
        gone = await self._erase(retained, now - timedelta(days=1))
        return f"{gone} shared windows" if gone else ""


def _run(work: Work, row: Record) -> CollectionRun | None:
    if row["run_id"] is None:
        return None
    cost = FetchStatistics(row["requests"], row["retries"], row["bytes"], row["api_seconds"], row["parse_seconds"])
    return CollectionRun(
        source=row["source"],
        item=work.item,
        place=work.place,
        window=work.window,
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        outcome=Outcome(row["outcome"]),
        statistics=cost,
        received=row["received"],
        new=row["new"],
        revised=row["revised"],
        unchanged=row["unchanged"],
        vanished=row["vanished"],
        store_seconds=row["store_seconds"],
        error_class=row["error_class"],
        error_message=row["error_message"],
        run_id=row["run_id"],
    )
