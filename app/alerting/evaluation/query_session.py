"""One connection for statements of rules: it reads as a role that only reads, within a time, and is rolled back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
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
    has_parts,
    kind_of,
    read_rows,
)
from app.alerting.queries import QueryFailed, QueryRow
from app.db.address import DatabaseAddress
from app.db.failures import DRIVER_FAILURES
from app.errors import ConfigurationError
from app.settings.section import secret_in

MOST_PREPARED = 200
"""Statements of one connection."""
SHARED_SECONDS = 0.5
"""So old a transaction takes no further statement: its `now()` is the instant at which it began."""
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
        self, name: str, connection: asyncpg.Connection[asyncpg.Record], begin: str, login: str, powers: str
    ) -> None:
        self.login = login
        self.powers = powers
        """What the login may do beyond reading, for which a statement has only to take our role off."""
        self._name = name
        self._connection = connection
        self._begin = begin
        self._prepared: dict[str, PreparedQuery] = {}
        self._reads_within: timedelta | None = None
        """The time-out of the transaction that is open; None: there is none."""
        self._read_since = 0.0

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
            raise QueryFailed(f"cannot connect to database {name!r}: {_short(error)}") from error
        try:
            [state] = await connection.fetch(statements.LOGIN_STATE)
            await read_moments(connection)
        except DRIVER_FAILURES as error:
            connection.terminate()
            raise QueryFailed(f"database {name!r} does not say what its user may do: {_short(error)}") from error
        if login and not state["ours"]:
            await connection.close(timeout=GRACE)
            raise LoginRefused("it does not see our tables; run `gridkeeper migrate`")
        path = f"; set local search_path = {state['path']}" if state["path"] else ""
        return cls(
            name,
            connection,
            statements.BEGIN_READING
            + path.replace("{", "{{").replace("}", "}}")
            + (statements.TAKE_READING_ROLE if state["may_take_role"] else ""),
            state["login"],
            state["powers"],
        )

    @property
    def closed(self) -> bool:
        return self._connection.is_closed()

    async def rows(self, sql: str, time_out: timedelta, *, more: Callable[[], bool] = lambda: False) -> list[QueryRow]:
        """The rows of a statement; `more` tells whether another one with the same time-out goes on in its transaction."""
        try:
            async with asyncio.timeout(time_out.total_seconds() + GRACE), self._reading(time_out, more):
                prepared = self._prepared.get(sql) or await self._prepare(sql)
                return read_rows(await self._fetched(prepared), prepared)
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
        if len(found) == FIRST_ROWS and found[-1][0] <= prepared.most_bytes:
            found += await cursor.fetch(MOST_ROWS + 1)
        return found

    async def _prepare(self, sql: str) -> PreparedQuery:
        """The statement with what counts its rows around it; kept, because a rule asks the same again and again."""
        described = await self._connection.prepare(statements.DESCRIBED_QUERY.format(sql=sql))
        columns = tuple((one.name, kind_of(one.type)) for one in described.get_attributes())
        most_bytes = MOST_OF_LISTS if any(has_parts(one.type) for one in described.get_attributes()) else MOST_BYTES
        query = statements.BOUNDED_QUERY.format(sql=sql, limit=MOST_ROWS + 1, most_bytes=most_bytes)
        if len(self._prepared) >= MOST_PREPARED:
            self._prepared.clear()
        prepared = PreparedQuery(await self._connection.prepare(query), columns, most_bytes)
        self._prepared[sql] = prepared
        return prepared

    @asynccontextmanager
    async def _reading(self, time_out: timedelta, more: Callable[[], bool]) -> AsyncIterator[None]:
        shares = self._reads_within == time_out and time.monotonic() - self._read_since < SHARED_SECONDS
        if not shares:
            await self._end()
            milliseconds = max(1, round(time_out.total_seconds() * 1000))
            self._reads_within, self._read_since = time_out, time.monotonic()
            await self._connection.execute(self._begin.format(milliseconds=milliseconds))
        try:
            yield
        except (pg.PostgresError, QueryFailed):
            await self._end()
            raise
        if not more():
            await self._end()

    async def _end(self) -> None:
        begun, self._reads_within = self._reads_within, None
        if begun is not None and not self.closed:
            await self._connection.execute(statements.END_READING)

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
