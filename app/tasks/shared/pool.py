"""The queue's connections: few, and with a reason where there is none to be had."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from app.db.failures import connect_failure
from app.db.queue.schema import SCHEMA

CONNECT_TIMEOUT = 5
STATEMENT_SECONDS = 15
LIVELY = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": STATEMENT_SECONDS * 1000,
}
"""A server whose machine is gone says nothing: without these a statement would wait a quarter of an hour for it."""
MOST = 2
"""A statement of the queue takes a millisecond: more connections make it no faster, and one takes half as many."""


class QueuePool(AsyncConnectionPool[psycopg.AsyncConnection[Any]]):
    """A pool of the library that says why it has no connection, where it would only say how long it has waited."""

    def __init__(self, conninfo: str, **options: Any) -> None:
        self._why = ""
        super().__init__(
            conninfo,
            connection_class=_telling(self),
            # Each statement stands alone; a transaction around it would be two journeys more.
            kwargs={
                "connect_timeout": CONNECT_TIMEOUT,
                "application_name": "gridkeeper queue",
                "autocommit": True,
                **LIVELY,
            },
            configure=_in_its_schema,
            min_size=1,
            max_size=MOST,
            timeout=CONNECT_TIMEOUT,
            **options,
        )

    def note(self, why: str) -> None:
        """Why the last attempt to connect failed; empty where it did not."""
        self._why = why

    # The time-outs are those of the library's signatures.
    async def open(self, wait: bool = False, timeout: float = 30.0) -> None:  # noqa: ASYNC109
        try:
            await super().open(wait, min(timeout, self.timeout))
        except PoolTimeout as error:
            raise PoolTimeout(self._why or str(error)) from None

    async def getconn(self, timeout: float | None = None) -> psycopg.AsyncConnection[Any]:  # noqa: ASYNC109
        try:
            return await super().getconn(timeout)
        except PoolTimeout as error:
            raise PoolTimeout(self._why or str(error)) from None


def _telling(pool: QueuePool) -> type[psycopg.AsyncConnection[Any]]:
    """Connections that tell the pool how it went to connect."""

    class Telling(psycopg.AsyncConnection[Any]):
        @classmethod
        async def connect(cls, conninfo: str = "", **options: Any) -> Any:
            try:
                made = await super().connect(conninfo, **options)
            except psycopg.OperationalError as error:
                pool.note(connect_failure(error))
                raise
            pool.note("")
            return made

    return Telling


async def _in_its_schema(connection: psycopg.AsyncConnection[Any]) -> None:
    # As statements: a pooler in session mode refuses `options` among the parameters of the start.
    await connection.execute("select set_config('search_path', %s, false)", [SCHEMA])
    await connection.execute("select set_config('statement_timeout', %s, false)", [f"{STATEMENT_SECONDS}s"])
