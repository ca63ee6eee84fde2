"""Erases old rows of a table: whole chunks where it is a hypertable, else in batches that lock nothing for long."""

# ruff: noqa: S608  names of tables and columns stand in the program

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from app.db.timescale import Level, detect_server_level

if TYPE_CHECKING:
    from app.db.engine import Connection

BATCH = 20_000
_IS_HYPERTABLE = """
    select exists (
        select from timescaledb_information.hypertables
        where hypertable_schema = current_schema() and hypertable_name = $1
    )
"""


async def erase_before(connection: Connection, table: str, column: str, before: datetime | object) -> int:
    """How many rows (or chunks of a hypertable) older than `before` went; run it outside a transaction.

    A chunk goes when all of it is older, so a hypertable keeps up to a chunk more.
    """
    if await _is_hypertable(connection, table):
        dropped = await connection.fetch(
            "select drop_chunks($1::regclass, older_than => $2::timestamptz)", table, before
        )
        return len(dropped)
    gone = 0
    while True:
        done = await connection.execute(
            f"delete from {table} where ctid = any(array(select ctid from {table} where {column} < $1 limit {BATCH}))",
            before,
        )
        count = int(done.rsplit(maxsplit=1)[-1])
        gone += count
        if count < BATCH:
            return gone


async def _is_hypertable(connection: Connection, table: str) -> bool:
    server = await detect_server_level(connection)
    if server.level is Level.PLAIN:
        return False
    return bool(await connection.fetchval(_IS_HYPERTABLE, table))
