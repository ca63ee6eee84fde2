"""Asks a server which history it has and how far it is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.db.reading.lag import log_position
from app.db.reading.state import ServerPlace

if TYPE_CHECKING:
    import asyncpg

    from app.db.engine import Connection

_WRITTEN = """
    select
        pg_current_wal_insert_lsn()::text as position,
        ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer as timeline,
        current_database() as database,
        (select system_identifier from pg_control_system()) as system
"""
# The receiver tells its timeline only to who may read all statistics; the others learn it from the next restartpoint.
_REPLAYED = """
    select
        case when pg_is_in_recovery() then pg_last_wal_replay_lsn() end::text as position,
        greatest(
            (select received_tli from pg_stat_wal_receiver),
            (select timeline_id from pg_control_checkpoint()),
            (select min_recovery_end_timeline from pg_control_recovery())
        ) as timeline,
        current_database() as database,
        (select system_identifier from pg_control_system()) as system
"""


async def place_of_primary(connection: Connection) -> ServerPlace:
    [row] = await connection.fetch(_WRITTEN)
    return _place(row)


async def place_of_replica(connection: Connection, *, within: float) -> ServerPlace:
    """TimeoutError, and no connection any more, where it does not answer within so many seconds."""
    try:
        [row] = await connection.fetch(_REPLAYED, timeout=within)
    except TimeoutError:
        connection.terminate()  # the goodbye of the pool would wait for an answer, too
        raise
    return _place(row)


def _place(row: asyncpg.Record) -> ServerPlace:
    text = row["position"]
    return ServerPlace(row["system"], row["database"], row["timeline"], log_position(text) if text else None)
