"""Work items as rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from app.db.leases.repository import LeasedRows
from app.tasks.work_items import sql
from app.tasks.work_items.models import ClaimedItem, EndedItem, ItemContent

if TYPE_CHECKING:
    from app.db.engine import Database


class WorkItemRepository(LeasedRows):
    """Hands out work by lease; an item whose process died `attempts` times is given up."""

    def __init__(self, database: Database, *, lease_seconds: float, attempts: int) -> None:
        super().__init__(database, sql.ITEMS, lease_seconds=lease_seconds, attempts=attempts)

    async def add(self, kind: str, wanted: Sequence[ItemContent]) -> list[int]:
        """The numbers of the items, in their order."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(sql.ADD, uuid4(), kind, [json.dumps(one) for one in wanted])
        return [row["item_id"] for row in rows]

    async def claim(self, item_id: int, worker: str) -> ClaimedItem | None:
        """The item, or None where it has ended, is given up or under way elsewhere."""
        row = await self.claim_row(item_id, worker)
        if row is None:
            return None
        return ClaimedItem(row["item_id"], row["kind"], row["wanted"], row["lease"])

    async def end(self, item: ClaimedItem, result: ItemContent) -> None:
        """The work is done; without effect where its lease was lost."""
        await self._execute(sql.END, item.lease, json.dumps(result))

    async def ended(self, waiting: Collection[int]) -> list[EndedItem]:
        """Those of the items that have ended, in their order."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(sql.ENDED, list(waiting))
        return [
            EndedItem(
                row["item_id"],
                json.loads(row["result"] or "{}"),
                "" if row["state"] == "ended" else f"{row['error_class'] or row['state']}: {row['error_message']}",
            )
            for row in rows
        ]

    async def tidy(self, now: datetime) -> str:
        """Forget the items of past days; says how many."""
        [retained] = sql.RETAINED
        gone = await self._erase(retained, now - timedelta(days=1))
        return f"{gone} work items" if gone else ""
