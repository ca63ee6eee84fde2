"""A small synchronous engine for a library that knows no other; used off the event loop, with short time-outs."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event

from app.db.address import DatabaseAddress

CONNECT_TIMEOUT = 3
# Shorter than the time after which a standby takes over: a frozen process must not hold a row lock longer.
IDLE_TIMEOUT = 4
STATEMENT_TIMEOUT = 5


_SETTINGS = {
    "statement_timeout": f"{STATEMENT_TIMEOUT}s",
    "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT}s",
    "timezone": "UTC",
    "jit": "off",
}


def small_sync_engine(address: DatabaseAddress) -> Engine:
    """At most two connections; whoever makes it disposes of it."""
    engine = create_engine(
        "postgresql+psycopg://",
        creator=partial(_connect, address),
        pool_size=2,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=STATEMENT_TIMEOUT,
    )
    pool = engine.pool

    @event.listens_for(pool, "checkin")
    def close_late(_connection: Any, record: Any) -> None:
        """A thread that outlasts the engine returns its connection to a pool that nobody closes any more."""
        if engine.pool is not pool:
            record.invalidate()

    return engine


def _connect(address: DatabaseAddress) -> psycopg.Connection:
    connection = psycopg.connect(
        address.dsn,
        connect_timeout=CONNECT_TIMEOUT,
        application_name="gridkeeper jobs",
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=STATEMENT_TIMEOUT * 1000,
    )
    # As a statement: a pooler in session mode refuses `options` among the parameters of the start.
    with ExitStack() as on_failure:
        on_failure.callback(connection.close)
        connection.execute(
            "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as s (name, value)",
            [list(_SETTINGS), list(_SETTINGS.values())],
        )
        connection.commit()
        on_failure.pop_all()
    return connection
