"""Runs the tasks of work items in any process."""

from __future__ import annotations

import asyncio

import structlog

from app.errors import DatabaseUnavailable
from app.logging import OutageLog
from app.tasks.held_leases import HeldLeases, claimed
from app.tasks.work_items.models import ClaimedItem, ItemHandler
from app.tasks.work_items.repository import WorkItemRepository

KIND = "work"


class WorkItemRunner:
    """Claims the item that a key names, does it by the handler of its kind and says what came of it."""

    def __init__(self, rows: WorkItemRepository, name: str) -> None:
        self._rows = rows
        self._name = name
        self._handlers: dict[str, ItemHandler] = {}
        self._log = structlog.get_logger()
        self._leases = HeldLeases(rows.extend, rows.lease, OutageLog("work_lease_failed", "work_lease_recovered"))

    def bind(self, kind: str, handler: ItemHandler) -> None:
        """Name the handler of a kind."""
        self._handlers[kind] = handler

    async def run_one(self, key: str) -> None:
        """The task; who loses the lease stops, because others may hold it or nobody waits any more."""
        item = await claimed(self._rows.claim(int(key), self._name), self._hand_back)
        if item is None:
            return
        with self._leases.holding(item.lease):
            await self._do(item)

    def _handler(self, kind: str) -> ItemHandler:
        if kind not in self._handlers:
            raise LookupError(f"this version knows no work of the kind {kind!r}")
        return self._handlers[kind]

    async def _do(self, item: ClaimedItem) -> None:
        try:
            await self._rows.end(item, await self._handler(item.kind)(item.wanted))
        except asyncio.CancelledError:
            if not self._leases.lost(item.lease):
                await asyncio.shield(self._hand_back(item))
            raise
        except DatabaseUnavailable as error:
            # Its lease runs out, and whoever waits for it has it done again.
            self._log.warning("work_left", kind=item.kind, item=item.item_id, error=str(error))
        except Exception as error:
            await self._rows.fail(item.lease, error)
            raise

    async def _hand_back(self, item: ClaimedItem) -> None:
        try:
            await self._rows.hand_back(item.lease)
        except DatabaseUnavailable as error:
            self._log.warning("work_left", kind=item.kind, item=item.item_id, error=str(error))

    async def keep_leases(self) -> None:
        """Renew what is under way, for as long as this process works."""
        await self._leases.keep()
