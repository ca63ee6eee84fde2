"""Reads the log of events."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from app.db.retention import erase
from app.errors import Gone
from app.events import sql
from app.events.models import Event, EventPage, EventPlace

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Connection, Database

AT_ONCE = 500


class EventLog:
    """The events of one database in the order of its transactions; a place is never before one that may still come."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def end(self) -> EventPlace:
        """The place behind everything that is settled."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.LAST)
            return _place(row) if row else await _beginning(connection)

    async def read(self, after: EventPlace) -> EventPage:
        """What happened behind the place; Gone where it is not in the log any more."""
        async with self._database.connection() as connection:
            return await _page(connection, after)

    async def look(self, after: EventPlace) -> tuple[bool, EventPage]:
        """The same, and whether something was committed before that others, which began earlier, hold up.

        Over one connection: whoever stays looks every few seconds, however little happens.
        """
        async with self._database.connection() as connection:
            # Before the page: what is settled between the two tells nobody.
            held_up = bool(await connection.fetchval(sql.UNSETTLED))
            return held_up, await _page(connection, after)

    async def erase(self, before: datetime) -> int:
        """Forgets events of before the instant, but for the last of them; how many."""
        async with self._database.connection() as connection:
            [events] = sql.RETAINED
            return await erase(connection, events, before)


async def _page(connection: Connection, after: EventPlace) -> EventPage:
    rows = await connection.fetch(sql.PAGE, after.xid, after.event_id, AT_ONCE)
    if not rows or _place(rows[0]) != after:
        raise Gone(
            "the log of events does not hold this id any more: it is older than GRIDKEEPER_API__EVENTS_DAYS, or the "
            "database was restored from a copy. Ask without an id, and look at what you follow once as it is now"
        )
    return EventPage([_event(row) for row in rows[1:]], _place(rows[-1]), len(rows) == AT_ONCE)


async def _beginning(connection: Connection) -> EventPlace:
    """The place before everything, of a log that holds nothing which is settled."""
    await connection.execute(sql.ADD_BEGINNING)
    [row] = await connection.fetch(sql.FIND_BEGINNING)
    return _place(row)


def _place(row: Record) -> EventPlace:
    return EventPlace(row["xid"], row["event_id"], row["at"])


def _event(row: Record) -> Event:
    return Event(_place(row), row["topic"], row["kind"], row["item"], row["area"], json.loads(row["data"]))
