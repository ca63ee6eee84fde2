"""Which process holds which shards of a kind of work."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from app.probes.sharing import sql
from app.probes.sharing.shares import SHARDS, fair_share

if TYPE_CHECKING:
    from app.db.engine import Database


@dataclass(frozen=True, slots=True)
class Holding:
    """The shards that a process holds, and how many it should hold at most."""

    shards: frozenset[int]
    most: int


class ShardRepository:
    """The shards of one kind of work; every public method is one transaction."""

    def __init__(self, database: Database, *, work: str) -> None:
        self._database = database
        self._work = work
        self._made = False

    async def renew(self, holder: str, lasts: timedelta, *, let_go: Collection[int]) -> Holding:
        """Let some shards go, hold the others for longer, and take free ones up to a fair share."""
        if self._made and not let_go:
            holding = await self._hold(holder, lasts)
            if len(holding.shards) >= holding.most:
                return holding
        async with self._database.transaction() as connection:
            if not self._made:
                await connection.execute(sql.MAKE, self._work, SHARDS)
            await connection.execute(sql.SEEN, self._work, holder, lasts)
            if let_go:
                await connection.execute(sql.LET_GO, self._work, holder, list(let_go))
            held = {row["shard"] for row in await connection.fetch(sql.HOLD, self._work, holder, lasts)}
            most = fair_share(await connection.fetchval(sql.PROCESSES, self._work))
            if len(held) < most:
                found = await connection.fetch(sql.TAKE, self._work, holder, lasts, most - len(held))
                held |= {row["shard"] for row in found}
        self._made = True
        return Holding(frozenset(held), most)

    async def _hold(self, holder: str, lasts: timedelta) -> Holding:
        async with self._database.connection() as connection:
            [row] = await connection.fetch(sql.RENEW, self._work, holder, lasts)
        return Holding(frozenset(row["shards"]), fair_share(row["processes"]))

    async def leave(self, holder: str) -> None:
        """Let everything go: others take it within their next round."""
        async with self._database.transaction() as connection:
            await connection.execute(sql.LEAVE_SHARDS, self._work, holder)
            await connection.execute(sql.LEAVE, self._work, holder)
