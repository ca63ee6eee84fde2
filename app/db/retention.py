"""How a domain declares what is deleted when, and how it is deleted; `app.scheduling.jobs.retention` lists all of it."""

# ruff: noqa: S608  names of tables and columns stand in the program

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
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


class Mechanism(Enum):
    """Who deletes, and when."""

    HOUSEKEEPING = "the job `housekeeping`"
    ALERTING = "the alert service, every hour"
    DELIVERY = "the delivery of messages, every hour"
    ANSWERS = "the store of values, every hour"
    WORKERS = "each process that shares tasks, every hour"
    FILES = "each process, as it looks at its files"
    TIMESCALE = "a policy of TimescaleDB"


@dataclass(frozen=True, slots=True)
class Retention:
    """Rows that are deleted once their time lies further back than they are kept."""

    table: str
    time_column: str
    kept: str | timedelta
    """The setting of days, as section.field (of several, parted by blanks, the longest); or a fixed age."""
    mechanism: Mechanism = Mechanism.HOUSEKEEPING
    only: str = ""
    """Which of the old rows, in words."""
    condition: str = ""
    """The same as SQL, where $1 is the instant before which rows go."""
    statement: str = ""
    """The whole deletion, where it needs more than a condition."""
    batch: int = BATCH
    """Rows without a condition go by so many at once, so that nothing is locked for long."""


async def erase(connection: Connection, retention: Retention, before: datetime | object, *more: object) -> int:
    """How many rows (or chunks of a hypertable) older than `before` went; `more` are arguments of the statement.

    Run it outside a transaction where there is no condition: each batch is one then. A chunk goes when all of it is
    older, so a hypertable keeps up to a chunk more.
    """
    statement = retention.statement
    if not statement and not retention.condition:
        return await _erase_in_batches(connection, retention, before)
    if not statement:
        statement = f"delete from {retention.table} where {retention.time_column} < $1 and {retention.condition}"
    return rows_changed(await connection.execute(statement, before, *more))


async def _erase_in_batches(connection: Connection, retention: Retention, before: datetime | object) -> int:
    table, column, batch = retention.table, retention.time_column, retention.batch
    if await _is_hypertable(connection, table):
        dropped = await connection.fetch(
            "select drop_chunks($1::regclass, older_than => $2::timestamptz)", table, before
        )
        return len(dropped)
    gone = 0
    while True:
        done = await connection.execute(
            f"delete from {table} where ctid = any(array(select ctid from {table} where {column} < $1 limit {batch}))",
            before,
        )
        count = rows_changed(done)
        gone += count
        if count < batch:
            return gone


def rows_changed(done: str) -> int:
    """How many rows a statement changed, as the server says it."""
    return int(done.rsplit(maxsplit=1)[-1])


async def _is_hypertable(connection: Connection, table: str) -> bool:
    server = await detect_server_level(connection)
    if server.level is Level.PLAIN:
        return False
    return bool(await connection.fetchval(_IS_HYPERTABLE, table))
