"""Rows that a job hands to any process and waits for; claimed under a lease, ended once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.db.leases.sql import LeasedTable
from app.db.retention import Retention, erase

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Database

Dead = Callable[[str, Collection[str]], Collection[str]]
"""Those of the processes that are known to be gone, among those that work on the database of this name."""
"""Which of the workers are known to live no more."""


class LeasedRows:
    """What holds of all such rows; a row whose process died `attempts` times is given up."""

    def __init__(self, database: Database, table: LeasedTable, *, lease_seconds: float, attempts: int) -> None:
        self._database = database
        self._table = table
        self.lease = timedelta(seconds=lease_seconds)
        self._attempts = attempts

    async def claim_row(self, number: int, worker: str) -> Record | None:
        """The row, or None where it has ended, is given up or under way elsewhere."""
        async with self._database.connection() as connection:
            return await connection.fetchrow(self._table.claim, number, worker, self.lease, self._attempts)

    async def extend(self, leases: Collection[UUID]) -> set[UUID]:
        """Renews the leases; those that are not returned are lost."""
        async with self._database.connection() as connection:
            return {row["lease"] for row in await connection.fetch(self._table.extend, list(leases), self.lease)}

    async def fail(self, lease: UUID, error: BaseException) -> None:
        """What the row asks for could not be done, for a reason that is ours; without effect where the lease was lost."""
        await self._execute(self._table.fail, lease, type(error).__name__, str(error))

    async def hand_back(self, lease: UUID) -> None:
        """The row is as if it had not been claimed."""
        await self._execute(self._table.hand_back, [lease])

    async def sweep(self, waiting: Collection[int], dead: Dead) -> list[int]:
        """Give up what took too many workers along; those that can be claimed, as those of dead workers can."""
        numbers, table = list(waiting), self._table
        async with self._database.connection() as connection:
            holders = [row["claimed_by"] for row in await connection.fetch(table.among(table.holders, 1), numbers)]
            if holders and (gone := list(dead(self._database.name, holders))):
                await connection.execute(table.among(table.free, 2), gone, numbers)
            await connection.execute(table.give_up, numbers, self._attempts)
            return [row[0] for row in await connection.fetch(table.claimable, numbers)]

    async def cancel(self, waiting: Collection[int]) -> None:
        """Nobody waits for them any more; who has one under way loses its lease."""
        await self._execute(self._table.cancel, list(waiting))

    async def _erase(self, retained: Retention, before: datetime) -> int:
        async with self._database.connection() as connection:
            return await erase(connection, retained, before)

    async def _execute(self, statement: str, *arguments: Any) -> None:
        async with self._database.connection() as connection:
            await connection.execute(statement, *arguments)
