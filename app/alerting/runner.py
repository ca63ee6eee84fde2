"""Runs the statements of rules: they read, within a time and a number of rows, on connections of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

import asyncpg
from asyncpg import exceptions as pg

from app.db.address import Address
from app.db.failures import DRIVER_FAILURES
from app.errors import AppError, ConfigurationError

Row = Mapping[str, object]

MOST_ROWS = 10_000
MOST_CHARACTERS = 20_000_000
"""Of all texts of a statement together: few rows may be large, and they would all be in memory at once."""
BATCH = 100
GRACE = 2.0
"""Seconds that the server may take to end a statement whose time is up, before we drop the connection."""
LONGEST_ERROR = 500

# Both are undone with the transaction. The role reads everything and may do nothing else, which keeps functions like
# pg_terminate_backend or lo_export from doing harm by accident; a statement that wants to could take the role off.
_BEGIN = "begin read only; set local statement_timeout = {milliseconds}; set local lock_timeout = '1s'"
_ROLE = "; set local role pg_read_all_data"
_END = "rollback; select pg_advisory_unlock_all()"
# The search path may name the user, who is another with the role.
_STATE = """
    select
        pg_has_role(session_user, 'pg_read_all_data', 'set') as may_take_role,
        (select string_agg(quote_ident(name), ', ') from unnest(current_schemas(false)) as name) as path
"""


class QueryFailed(AppError):
    """A rule's statement gave no rows that can be judged; the message is short and holds no secret."""


class QueryRunner(Protocol):
    """Gives the rows of a statement that reads."""

    async def rows(self, database: str, sql: str, time_out: timedelta) -> list[Row]:
        """The rows by column; QueryFailed where there are none to judge."""
        ...


class PostgresRunner:
    """A QueryRunner for PostgreSQL; `urls` gives the databases at present, by name. `close` it after use."""

    def __init__(self, urls: Callable[[], Mapping[str, str]], *, connections: int = 4) -> None:
        self._urls = urls
        self._size = connections
        self._servers: dict[str, _Server] = {}

    async def rows(self, database: str, sql: str, time_out: timedelta) -> list[Row]:
        return await self._server(database).rows(sql, time_out)

    async def close(self) -> None:
        servers, self._servers = self._servers, {}
        for server in servers.values():
            await server.close()

    def _server(self, name: str) -> _Server:
        url = self._urls().get(name)
        if url is None:
            raise QueryFailed(f"there is no database {name!r}; name it under `databases` of the rules")
        server = self._servers.get(name)
        if server is None or server.url != url:
            if server is not None:
                server.retire()
            server = self._servers[name] = _Server(name, url, self._size)
        return server


class _Server:
    """The connections to one database, opened when they are needed; whoever finds none free waits."""

    def __init__(self, name: str, url: str, size: int) -> None:
        self.url = url
        self._name = name
        self._idle: list[_Session] = []
        self._free = asyncio.Semaphore(size)
        self._retired = False

    async def rows(self, sql: str, time_out: timedelta) -> list[Row]:
        async with self._session(time_out) as session:
            return await session.rows(sql, time_out)

    @asynccontextmanager
    async def _session(self, time_out: timedelta) -> AsyncIterator[_Session]:
        async with self._free:
            session = self._idle.pop() if self._idle else None
            if session is None or session.closed:
                session = await _Session.open(self._name, self.url, time_out)
            try:
                yield session
            finally:
                if self._retired:
                    await session.close()
                elif not session.closed:
                    self._idle.append(session)

    def retire(self) -> None:
        """Connections end when their statements have; the url has changed."""
        self._retired = True
        for session in self._idle:
            session.drop()
        self._idle.clear()

    async def close(self) -> None:
        self._retired = True
        while self._idle:
            await self._idle.pop().close()


class _Session:
    """One connection; each statement has a transaction of its own that is rolled back."""

    def __init__(self, name: str, connection: asyncpg.Connection[asyncpg.Record], begin: str) -> None:
        self._name = name
        self._connection = connection
        self._begin = begin

    @classmethod
    async def open(cls, name: str, url: str, time_out: timedelta) -> _Session:
        try:
            connection = await asyncpg.connect(
                Address.parse(url).dsn,
                timeout=max(1.0, time_out.total_seconds()),
                server_settings={"application_name": "gridkeeper rules", "timezone": "UTC", "jit": "off"},
            )
            [state] = await connection.fetch(_STATE)
        except ConfigurationError:
            raise QueryFailed(f"the address of database {name!r} is no postgresql:// URL; mend `databases`") from None
        except pg.ClientConfigurationError:
            raise QueryFailed(f"the address of database {name!r} has a part that is wrong; mend `databases`") from None
        except DRIVER_FAILURES as error:
            raise QueryFailed(f"cannot connect to database {name!r}: {_short(error)}") from error
        path = f"; set local search_path = {state['path']}" if state["path"] else ""
        return cls(
            name,
            connection,
            _BEGIN + path.replace("{", "{{").replace("}", "}}") + (_ROLE if state["may_take_role"] else ""),
        )

    @property
    def closed(self) -> bool:
        return self._connection.is_closed()

    async def rows(self, sql: str, time_out: timedelta) -> list[Row]:
        query = f"select * from (\n{sql}\n) as rule limit {MOST_ROWS + 1}"  # noqa: S608  running it is the purpose
        try:
            async with asyncio.timeout(time_out.total_seconds() + GRACE), self._reading(time_out):
                return _checked(await self._fetched(query))
        except pg.QueryCanceledError as error:
            raise QueryFailed(_cancelled(error, time_out)) from error
        except (pg.InternalClientError, pg.InvalidCachedStatementError) as error:
            self.drop()  # the driver's idea of the tables is out of date: a new connection has none
            raise QueryFailed(_short(error)) from error
        except TimeoutError as error:
            self.drop()
            raise QueryFailed(f"no answer within {time_out.total_seconds():g} s; database {self._name!r}") from error
        except DRIVER_FAILURES as error:
            raise QueryFailed(_short(error)) from error

    async def _fetched(self, query: str) -> list[asyncpg.Record]:
        cursor = await self._connection.cursor(query)
        found: list[asyncpg.Record] = []
        characters = 0
        while batch := await cursor.fetch(BATCH):
            found += batch
            characters += sum(
                len(cell) for record in batch for cell in record.values() if isinstance(cell, str | bytes)
            )
            if characters > MOST_CHARACTERS:
                raise QueryFailed(
                    f"the statement returns more than {MOST_CHARACTERS:,} characters: shorten its texts with left()"
                )
            if len(batch) < BATCH:
                break
        return found

    @asynccontextmanager
    async def _reading(self, time_out: timedelta) -> AsyncIterator[None]:
        milliseconds = max(1, round(time_out.total_seconds() * 1000))
        await self._connection.execute(self._begin.format(milliseconds=milliseconds))
        try:
            yield
        except (pg.PostgresError, QueryFailed):
            await self._end()
            raise
        await self._end()

    async def _end(self) -> None:
        if not self.closed:
            await self._connection.execute(_END)

    def drop(self) -> None:
        self._connection.terminate()

    async def close(self) -> None:
        if not self.closed:
            await self._connection.close(timeout=GRACE)


def _checked(records: list[asyncpg.Record]) -> list[Row]:
    if len(records) > MOST_ROWS:
        raise QueryFailed(f"the statement returns more than {MOST_ROWS:,} rows: aggregate it, or add a limit")
    names = list(records[0].keys()) if records else []
    double = {name for name in names if names.count(name) > 1}
    if double:
        raise QueryFailed(f"two columns are called {', '.join(sorted(double))}; rename one with `as`")
    return [dict(record.items()) for record in records]


def _cancelled(error: pg.QueryCanceledError, time_out: timedelta) -> str:
    if "statement timeout" in str(error):
        return f"the statement took longer than {time_out.total_seconds():g} s; make it quicker, or raise `timeout`"
    return _short(error)


def _short(error: BaseException) -> str:
    """The first line of the driver's message; the statement and the address are not in it."""
    lines = str(error).splitlines()
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= LONGEST_ERROR else text[: LONGEST_ERROR - 1] + "…"
