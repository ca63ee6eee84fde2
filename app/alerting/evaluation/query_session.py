"""One connection for statements of rules: it reads as a role that only reads, within a time, and is rolled back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
from asyncpg import exceptions as pg

from app.alerting.evaluation import sql as statements
from app.alerting.evaluation.query_moments import read_moments
from app.alerting.evaluation.query_rows import (
    MOST_BYTES,
    MOST_OF_LISTS,
    MOST_ROWS,
    PreparedQuery,
    QueryColumns,
    bounded_rows,
    has_parts,
    kind_of,
    read_rows,
)
from app.alerting.queries import QueryFailed, QueryRow
from app.db.address import DatabaseAddress
from app.db.failures import DRIVER_FAILURES, connect_failure, refuses_connections
from app.errors import ConfigurationError
from app.settings.section import secret_in

MOST_PREPARED = 200
"""Statements of one connection."""
MOST_COMBINED = 40
"""Combinations of statements of one connection; with the shipped rules they are as many as their intervals."""
GRACE = 2.0
"""Seconds that the server may take to end a statement whose time is up, before we drop the connection."""
LONGEST_ERROR = 500

FIRST_ROWS = 100
"""Where these exceed the bound already, the server is not asked to make the others."""


@dataclass(frozen=True, slots=True)
class RuleLogin:
    """A user who may only read; the file of its password is read for each connection, because passwords change."""

    user: str
    password_file: Path | None = None


class LoginRefused(Exception):
    """The server does not take the login that may only read."""


_REFUSALS = (
    pg.InvalidAuthorizationSpecificationError, pg.InvalidPasswordError, pg.InsufficientPrivilegeError,
    pg.UndefinedObjectError, pg.InternalClientError, pg.InterfaceError,
)  # fmt: skip


class QuerySession:
    """One connection; each statement has a transaction of its own that is rolled back."""

    def __init__(
        self, name: str, connection: asyncpg.Connection[asyncpg.Record], limits: str, login: str, powers: str
    ) -> None:
        self.login = login
        self.powers = powers
        """What the login may do beyond reading, for which a statement has only to take our role off."""
        self._name = name
        self._connection = connection
        self._limits = limits
        self._prepared: dict[str, PreparedQuery] = {}
        self._columns: dict[str, QueryColumns] = {}
        self._combined: dict[tuple[str, ...], asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]] = {}
        self._reads_only_within: timedelta | None = None
        """The time-out of every statement, once the connection as a whole only reads."""

    @classmethod
    async def open(cls, name: str, url: str, time_out: timedelta, login: RuleLogin | None = None) -> QuerySession:
        """A connection; `LoginRefused` where the server does not take the login, or it does not see our tables."""
        try:
            connection = await asyncpg.connect(
                DatabaseAddress.parse(url).dsn,
                user=login.user if login else None,
                password=_password(login),
                timeout=max(1.0, time_out.total_seconds()),
                server_settings={"application_name": "gridkeeper rules", "timezone": "UTC", "jit": "off"},
            )
        except ConfigurationError:
            raise QueryFailed(f"the address of database {name!r} is no postgresql:// URL; mend `databases`") from None
        except pg.ClientConfigurationError:
            raise QueryFailed(f"the address of database {name!r} has a part that is wrong; mend `databases`") from None
        except DRIVER_FAILURES as error:
            if login and isinstance(error, _REFUSALS):
                raise LoginRefused(_short(error)) from error
            reason = connect_failure(error) if refuses_connections(error) else _short(error)
            raise QueryFailed(f"cannot connect to database {name!r}: {reason}") from error
        try:
            [state] = await connection.fetch(statements.LOGIN_STATE)
            await read_moments(connection)
        except DRIVER_FAILURES as error:
            connection.terminate()
            raise QueryFailed(f"database {name!r} does not say what its user may do: {_short(error)}") from error
        if login and not state["ours"]:
            await connection.close(timeout=GRACE)
            raise LoginRefused("it does not see our tables; run `gridkeeper migrate`")
        settings = statements.limits_of_reading(state["path"], takes_role=state["may_take_role"])
        return cls(name, connection, settings, state["login"], state["powers"])

    @property
    def closed(self) -> bool:
        return self._connection.is_closed()

    async def rows(self, sql: str, time_out: timedelta) -> list[QueryRow]:
        """The rows of a statement, read in a transaction of its own."""
        async with self._answered(time_out), self._reading(time_out):
            prepared = self._prepared.get(sql) or await self._prepare(sql)
            return read_rows(await self._fetched(prepared), prepared.columns)

    async def rows_together(self, queries: tuple[str, ...], time_out: timedelta) -> list[list[QueryRow]]:
        """The rows of each of several statements that leave nothing behind, asked for in one.

        The connection is for such statements only: it reads for as long as it lasts.
        """
        async with self._answered(time_out):
            if self._reads_only_within != time_out:
                await self._connection.execute(self._limited(statements.READ_ONLY, "session", time_out))
                self._reads_only_within = time_out
            combined = self._combined.get(queries) or await self._combine(queries)
            found: list[list[tuple[int, tuple[object, ...]]]] = [[] for _ in queries]
            for number, size, cells in await combined.fetch():
                found[number].append((size, tuple(cells or ())))
            return [bounded_rows(rows, self._columns[sql]) for sql, rows in zip(queries, found, strict=True)]

    @asynccontextmanager
    async def _answered(self, time_out: timedelta) -> AsyncIterator[None]:
        """What goes wrong within the time of a statement, as `QueryFailed`; a connection in doubt is dropped."""
        try:
            async with asyncio.timeout(time_out.total_seconds() + GRACE):
                yield
        except pg.QueryCanceledError as error:
            raise QueryFailed(_cancelled(error, time_out)) from error
        except (pg.InternalClientError, pg.InvalidCachedStatementError) as error:
            self.drop()  # the driver's idea of the tables is out of date: a new connection has none
            raise QueryFailed(_short(error)) from error
        except TimeoutError as error:
            await self._end_all()
            raise QueryFailed(f"no answer within {time_out.total_seconds():g} s; database {self._name!r}") from error
        except DRIVER_FAILURES as error:
            raise QueryFailed(_short(error)) from error
        except (ValueError, OverflowError, ArithmeticError) as error:
            self.drop()  # the rest of the answer is still to come
            raise QueryFailed(f"a value cannot be read ({_short(error)}); write it as text with ::text") from error

    async def _fetched(self, prepared: PreparedQuery) -> list[asyncpg.Record]:
        cursor = await prepared.statement.cursor()
        found = await cursor.fetch(FIRST_ROWS)
        if len(found) == FIRST_ROWS and found[-1][0] <= prepared.columns.most_bytes:
            found += await cursor.fetch(MOST_ROWS + 1)
        return found

    async def _prepare(self, sql: str) -> PreparedQuery:
        """The statement with what counts its rows around it; kept, because a rule asks the same again and again."""
        columns = await self._described(sql)
        query = statements.BOUNDED_QUERY.format(sql=sql, limit=MOST_ROWS + 1, most_bytes=columns.most_bytes)
        if len(self._prepared) >= MOST_PREPARED:
            self._prepared.clear()
        prepared = PreparedQuery(await self._connection.prepare(query), columns)
        self._prepared[sql] = prepared
        return prepared

    async def _combine(self, queries: tuple[str, ...]) -> asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]:
        for sql in queries:
            if sql not in self._columns:
                self._columns[sql] = await self._described(sql)
        whole = statements.COMBINED_QUERIES.join(
            statements.COMBINED_QUERY.format(
                number=number, sql=sql, limit=MOST_ROWS + 1, most_bytes=self._columns[sql].most_bytes
            )
            for number, sql in enumerate(queries)
        )
        if len(self._combined) >= MOST_COMBINED:
            self._combined.clear()
        combined = self._combined[queries] = await self._connection.prepare(whole)
        return combined

    async def _described(self, sql: str) -> QueryColumns:
        described = await self._connection.prepare(statements.DESCRIBED_QUERY.format(sql=sql))
        attributes = described.get_attributes()
        most_bytes = MOST_OF_LISTS if any(has_parts(one.type) for one in attributes) else MOST_BYTES
        return QueryColumns(tuple((one.name, kind_of(one.type)) for one in attributes), most_bytes)

    @asynccontextmanager
    async def _reading(self, time_out: timedelta) -> AsyncIterator[None]:
        await self._connection.execute(self._limited(statements.BEGIN_READING, "local", time_out))
        try:
            yield
        except (pg.PostgresError, QueryFailed):
            await self._end()
            raise
        await self._end()

    async def _end(self) -> None:
        if not self.closed:
            await self._connection.execute(statements.END_READING)

    def _limited(self, begin: str, scope: str, time_out: timedelta) -> str:
        milliseconds = max(1, round(time_out.total_seconds() * 1000))
        return begin + self._limits.format(scope=scope, milliseconds=milliseconds)

    async def _end_all(self) -> None:
        """End the connection and what runs on it: a statement may have taken off its own limit."""
        try:
            await self._connection.close(timeout=GRACE)
        except DRIVER_FAILURES:
            self.drop()

    def drop(self) -> None:
        self._connection.terminate()

    async def close(self) -> None:
        if not self.closed:
            await self._connection.close(timeout=GRACE)


def _password(login: RuleLogin | None) -> str | None:
    """The password of a login; None: that of the address, if any."""
    if login is None or login.password_file is None:
        return None
    try:
        return secret_in(login.password_file)
    except ValueError as error:
        raise LoginRefused(str(error)) from None


def _cancelled(error: pg.QueryCanceledError, time_out: timedelta) -> str:
    if "statement timeout" in str(error):
        return f"the statement took longer than {time_out.total_seconds():g} s; make it quicker, or raise `timeout`"
    return _short(error)


def _short(error: BaseException) -> str:
    """The first line of the driver's message; the statement and the address are not in it."""
    lines = str(error).splitlines()
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= LONGEST_ERROR else text[: LONGEST_ERROR - 1] + "…"
