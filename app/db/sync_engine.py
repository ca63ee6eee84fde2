"""A small synchronous engine for a library that knows no other; used off the event loop, with short time-outs."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine

from app.db.address import Address

CONNECT_TIMEOUT = 3
# Shorter than the time after which a standby takes over: a frozen process must not hold a row lock longer.
IDLE_TIMEOUT = 4
STATEMENT_TIMEOUT = 5


def small_sync_engine(address: Address) -> Engine:
    """At most two connections; whoever makes it disposes of it."""
    settings = {
        "statement_timeout": f"{STATEMENT_TIMEOUT}s",
        "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT}s",
        "timezone": "UTC",
        "jit": "off",
    }

    def connect() -> Any:
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
        connection.execute(
            "select set_config(name, value, false) from unnest(%s::text[], %s::text[]) as s (name, value)",
            [list(settings), list(settings.values())],
        )
        connection.commit()
        return connection

    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=2,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=STATEMENT_TIMEOUT,
    )
