"""Windows of live collection and of gaps as rows, so that any process may collect them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from app.collection.models import CollectionRun, Outcome, Work
from app.collection.sharing import sql
from app.db.retention import erase
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


class SharedWindowRepository:
    """Hands out windows by lease; a window whose process died `attempts` times is given up."""

    def __init__(self, database: Database, *, lease_seconds: float, attempts: int) -> None:
        self._database = database
        self.lease = timedelta(seconds=lease_seconds)
        self._attempts = attempts

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
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.CLAIM, window_id, worker, self.lease, self._attempts)
        if row is None:
            return None
        work = Work(DataItem(row["item"]), find_place(row["area"]), Interval(row["window_start"], row["window_end"]))
        return SharedWindow(row["window_id"], row["lane"], work, row["lease"])

    async def extend(self, leases: Collection[UUID]) -> set[UUID]:
        """Renews the leases; those that are not returned are lost."""
        async with self._database.connection() as connection:
            return {row["lease"] for row in await connection.fetch(sql.EXTEND, list(leases), self.lease)}

    async def end(self, window: SharedWindow, run: CollectionRun) -> None:
        """The window was asked for, whatever came of it; without effect where its lease was lost."""
        async with self._database.connection() as connection:
            await connection.execute(sql.END, window.lease, "ended", run.run_id, "", "")

    async def fail(self, window: SharedWindow, error: BaseException) -> None:
        """The window could not be asked for, for a reason that is ours."""
        async with self._database.connection() as connection:
            await connection.execute(sql.END, window.lease, "failed", None, type(error).__name__, str(error))

    async def hand_back(self, window: SharedWindow) -> None:
        """The window is as if it had not been claimed."""
        async with self._database.connection() as connection:
            await connection.execute(sql.HAND_BACK, window.lease)

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

    async def sweep(self, waiting: Collection[int], dead: Callable[[Collection[str]], Collection[str]]) -> list[int]:
        """Give up what took too many workers along; the windows that can be claimed, as those of dead workers can."""
        numbers = list(waiting)
        async with self._database.connection() as connection:
            holders = [row["claimed_by"] for row in await connection.fetch(sql.LIVE_HOLDERS, numbers)]
            if holders and (gone := list(dead(holders))):
                await connection.execute(sql.FREE, numbers, gone)
            await connection.execute(sql.GIVE_UP, numbers, self._attempts)
            return [row["window_id"] for row in await connection.fetch(sql.CLAIMABLE, numbers)]

    async def cancel(self, waiting: Collection[int]) -> None:
        """Nobody waits for them any more; who has one under way loses its lease."""
        async with self._database.connection() as connection:
            await connection.execute(sql.CANCEL, list(waiting))

    async def tidy(self, now: datetime) -> str:
        """Forget the windows of past days; says how many."""
        [retained] = sql.RETAINED
        async with self._database.connection() as connection:
            gone = await erase(connection, retained, now - timedelta(days=1))
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
