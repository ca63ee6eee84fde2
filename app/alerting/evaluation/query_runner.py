"""Runs the statements of rules: they read, within a time and a number of rows, on connections of their own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import asyncpg
import structlog
from asyncpg import exceptions as pg
from asyncpg.prepared_stmt import PreparedStatement

from app.db.address import DatabaseAddress
from app.db.failures import DRIVER_FAILURES
from app.errors import AppError, ConfigurationError
from app.settings.sections import secret_in

QueryRow = Mapping[str, object]

MOST_ROWS = 10_000
MOST_BYTES = 20_000_000
"""Of all rows of a statement as text: the server counts them, and sends none where there are more."""
MOST_OF_LISTS = 1_000_000
"""The same where a column is a list or has parts: these take far more memory here than as text."""
MOST_PREPARED = 200
"""Statements of one connection."""
GRACE = 2.0
"""Seconds that the server may take to end a statement whose time is up, before we drop the connection."""
LONGEST_ERROR = 500

# Both are undone with the transaction. The role reads everything and may do nothing else, which keeps functions like
# pg_terminate_backend or lo_export from doing harm by accident; a statement that wants to could take the role off,
# unless the login has no other.
_BEGIN = "begin read only; set local statement_timeout = {milliseconds}; set local lock_timeout = '1s'"
_ROLE = "; set local role pg_read_all_data"
_END = "rollback; select pg_advisory_unlock_all()"
# The search path may name the user, who is another with the role. Servers before 14 have no such role, those before 16
# know no privilege `set`.
_STATE = """
    select
        case
            when to_regrole('pg_read_all_data') is null then false
            when current_setting('server_version_num')::integer < 160000
                then pg_has_role(session_user, 'pg_read_all_data', 'member')
            else pg_has_role(session_user, 'pg_read_all_data', 'set')
        end as may_take_role,
        (select string_agg(quote_ident(name), ', ') from unnest(current_schemas(false)) as name) as path,
        to_regclass('rule_states') is not null as ours,
        session_user::text as login,
        concat_ws(
            ', ',
            case when role.rolsuper then 'is a superuser' end,
            case when role.rolcreaterole or role.rolreplication then 'may create roles or replicate' end,
            case when pg_has_role(tables.relowner, 'usage') then 'owns our tables' end,
            case
                when exists (
                    select from pg_auth_members
                    where member = role.oid and roleid <> coalesce(to_regrole('pg_read_all_data')::oid, 0)
                ) then 'is a member of other roles'
            end
        ) as powers
    from pg_roles as role
    left join pg_class as tables on tables.oid = to_regclass('rule_states')
    where role.rolname = session_user
"""
# The server adds up the size of the rows as it makes them and sends nothing of those beyond the bound: a single cell
# may be larger than our memory. What is stored compressed takes more room as text than as it is stored.
_QUERY = """
select rule.bytes, cells.*
from (
    select
        rule.whole,
        sum(
            case
                when pg_column_size(rule.whole) > {most_bytes} then pg_column_size(rule.whole)
                else octet_length(rule.whole::text)
            end
        ) over (rows unbounded preceding) as bytes
    from (select rule as whole from (
{sql}
) as rule limit {limit}) as rule
) as rule
left join lateral (select (rule.whole).*) as cells on rule.bytes <= {most_bytes}
"""
FIRST_ROWS = 100
"""Where these exceed the bound already, the server is not asked to make the others."""
LABEL_TYPES = frozenset({"text", "varchar", "bpchar", "char", "name", "citext"})
_AS_THEY_ARE = LABEL_TYPES | {
    "bool", "int2", "int4", "int8", "float4", "float8", "numeric", "money", "uuid", "date", "time", "timetz",
    "timestamp", "timestamptz", "interval", "oid",
}  # fmt: skip

_WITH_PARTS = frozenset({"array", "composite", "range"})
_LISTS = frozenset({"path", "polygon", "record", "int2vector", "oidvector", "pg_snapshot", "txid_snapshot"})


@dataclass(frozen=True, slots=True)
class Beside:
    """A cell of a type that is no label: JSON, a list, a range; `text` is as the server writes it."""

    text: str
    kind: str

    def __str__(self) -> str:
        return self.text


class QueryFailed(AppError):
    """A rule's statement gave no rows that can be judged; the message is short and holds no secret."""


@dataclass(frozen=True, slots=True)
class RuleLogin:
    """A user who may only read; the file of its password is read for each connection, because passwords change."""

    user: str
    password_file: Path | None = None


class _LoginRefused(Exception):
    """The server does not take the login that may only read."""


_REFUSALS = (
    pg.InvalidAuthorizationSpecificationError, pg.InvalidPasswordError, pg.InsufficientPrivilegeError,
    pg.UndefinedObjectError, pg.InternalClientError, pg.InterfaceError,
)  # fmt: skip
NO_LOGINS: Mapping[str, RuleLogin] = MappingProxyType({})


class QueryRunner(Protocol):
    """Gives the rows of a statement that reads."""

    async def rows(self, database: str, sql: str, time_out: timedelta) -> list[QueryRow]:
        """The rows by column; QueryFailed where there are none to judge."""
        ...


class PostgresRunner:
    """A QueryRunner for PostgreSQL; `urls` gives the databases at present, by name. `close` it after use.

    `logins` are users that may only read, by database; they take the place of the address's own where they have a
    password, or the address has none, and the server takes them.
    """

    def __init__(
        self,
        urls: Callable[[], Mapping[str, str]],
        *,
        connections: int = 4,
        logins: Mapping[str, RuleLogin] = NO_LOGINS,
    ) -> None:
        self._urls = urls
        self._logins = logins
        self._size = connections
        self._servers: dict[str, _Server] = {}

    async def rows(self, database: str, sql: str, time_out: timedelta) -> list[QueryRow]:
        return await self._server(database).rows(sql, time_out)

    async def close(self) -> None:
        servers, self._servers = self._servers, {}
        for server in servers.values():
            await server.close()

    async def login_warning(self, database: str, time_out: timedelta) -> str:
        """Why statements of a database run as a login that could do more than read; empty where none does."""
        return await self._server(database).login_warning(time_out)

    def _server(self, name: str) -> _Server:
        url = self._urls().get(name)
        if url is None:
            raise QueryFailed(f"there is no database {name!r}; name it under `databases` of the rules")
        server = self._servers.get(name)
        if server is None or server.url != url:
            if server is not None:
                server.retire()
            server = self._servers[name] = _Server(name, url, self._size, self._login(name, url))
        return server

    def _login(self, name: str, url: str) -> RuleLogin | None:
        """The login to try first: without a password in the address the server trusts us, or knows us otherwise."""
        login = self._logins.get(name)
        if login is None or login.password_file is not None:
            return login
        try:
            return login if DatabaseAddress.parse(url).without_password else None
        except ConfigurationError:
            return None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement as the server knows it, with names and kinds of its columns; plain ones have no kind."""

    statement: PreparedStatement[asyncpg.Record]
    columns: tuple[tuple[str, str], ...]
    most_bytes: int


class _Server:
    """The connections to one database, opened when they are needed; whoever finds none free waits."""

    def __init__(self, name: str, url: str, size: int, login: RuleLogin | None) -> None:
        self.url = url
        self._name = name
        self._login = login
        self._refusal = ""
        self._warned = False
        self._idle: list[_Session] = []
        self._free = asyncio.Semaphore(size)
        self._retired = False

    async def rows(self, sql: str, time_out: timedelta) -> list[QueryRow]:
        async with self._session(time_out) as session:
            return await session.rows(sql, time_out)

    async def login_warning(self, time_out: timedelta) -> str:
        async with self._session(time_out) as session:
            return self._warning(session)

    @asynccontextmanager
    async def _session(self, time_out: timedelta) -> AsyncIterator[_Session]:
        async with self._free:
            session = self._idle.pop() if self._idle else None
            if session is None or session.closed:
                session = await self._opened(time_out)
            try:
                yield session
            finally:
                if self._retired:
                    await session.close()
                elif not session.closed:
                    self._idle.append(session)

    async def _opened(self, time_out: timedelta) -> _Session:
        """A connection of the login that may only read, where the server takes it; else of the address's own."""
        if self._login:
            try:
                return await _Session.open(self._name, self.url, time_out, self._login)
            except _LoginRefused as refusal:
                self._refusal = f"the server does not take {self._login.user} ({refusal})"
                self._login = None
        session = await _Session.open(self._name, self.url, time_out)
        warning = self._warning(session)
        if warning and not self._warned:
            self._warned = True
            structlog.get_logger().warning("rule_login_not_limited", database=self._name, reason=warning)
        return session

    def _warning(self, session: _Session) -> str:
        if not session.powers:
            return ""
        because = f"; {self._refusal}" if self._refusal else ""
        return f"rules log in as {session.login}, who {session.powers}{because}"

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

    def __init__(
        self, name: str, connection: asyncpg.Connection[asyncpg.Record], begin: str, login: str, powers: str
    ) -> None:
        self.login = login
        self.powers = powers
        """What the login may do beyond reading, for which a statement has only to take our role off."""
        self._name = name
        self._connection = connection
        self._begin = begin
        self._prepared: dict[str, _Prepared] = {}

    @classmethod
    async def open(cls, name: str, url: str, time_out: timedelta, login: RuleLogin | None = None) -> _Session:
        """A connection; `_LoginRefused` where the server does not take the login, or it does not see our tables."""
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
                raise _LoginRefused(_short(error)) from error
            raise QueryFailed(f"cannot connect to database {name!r}: {_short(error)}") from error
        try:
            [state] = await connection.fetch(_STATE)
        except DRIVER_FAILURES as error:
            connection.terminate()
            raise QueryFailed(f"database {name!r} does not say what its user may do: {_short(error)}") from error
        if login and not state["ours"]:
            await connection.close(timeout=GRACE)
            raise _LoginRefused("it does not see our tables; run `gridkeeper migrate`")
        path = f"; set local search_path = {state['path']}" if state["path"] else ""
        return cls(
            name,
            connection,
            _BEGIN + path.replace("{", "{{").replace("}", "}}") + (_ROLE if state["may_take_role"] else ""),
            state["login"],
            state["powers"],
        )

    @property
    def closed(self) -> bool:
        return self._connection.is_closed()

    async def rows(self, sql: str, time_out: timedelta) -> list[QueryRow]:
        try:
            async with asyncio.timeout(time_out.total_seconds() + GRACE), self._reading(time_out):
                prepared = self._prepared.get(sql) or await self._prepare(sql)
                return _read(await self._fetched(prepared), prepared)
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
            raise QueryFailed(
                f"a value cannot be read ({_short(error)}): a moment lies outside the years 1 to 9999, or an interval"
                " is infinite; write it as text with ::text"
            ) from error

    async def _fetched(self, prepared: _Prepared) -> list[asyncpg.Record]:
        cursor = await prepared.statement.cursor()
        found = await cursor.fetch(FIRST_ROWS)
        if len(found) == FIRST_ROWS and found[-1][0] <= prepared.most_bytes:
            found += await cursor.fetch(MOST_ROWS + 1)
        return found

    async def _prepare(self, sql: str) -> _Prepared:
        """The statement with what counts its rows around it; kept, because a rule asks the same again and again."""
        described = await self._connection.prepare(f"select * from (\n{sql}\n) as rule")  # noqa: S608  running it is the purpose
        columns = tuple((one.name, _kind(one.type)) for one in described.get_attributes())
        most_bytes = MOST_OF_LISTS if any(_has_parts(one.type) for one in described.get_attributes()) else MOST_BYTES
        query = _QUERY.format(sql=sql, limit=MOST_ROWS + 1, most_bytes=most_bytes)
        if len(self._prepared) >= MOST_PREPARED:
            self._prepared.clear()
        prepared = _Prepared(await self._connection.prepare(query), columns, most_bytes)
        self._prepared[sql] = prepared
        return prepared

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
        raise _LoginRefused(str(error)) from None


def _kind(of: asyncpg.Type) -> str:
    """What to call a type whose values are neither labels nor numbers nor moments; empty for the others."""
    if of.kind == "array":
        return f"{of.name.removesuffix('[]')}[]"
    plain = of.kind == "scalar" and (of.name in _AS_THEY_ARE or of.schema != "pg_catalog")
    return "" if plain else of.name


def _has_parts(of: asyncpg.Type) -> bool:
    """Whether the driver makes several objects of one value: lists, rows, ranges, points."""
    return of.kind in _WITH_PARTS or of.name in _LISTS or of.name.endswith("multirange")


def _read(records: Sequence[asyncpg.Record], prepared: _Prepared) -> list[QueryRow]:
    if records and records[-1][0] > prepared.most_bytes:
        raise QueryFailed(
            f"the statement returns more than {prepared.most_bytes:,} characters: shorten its texts with left(), and its"
            " lists"
        )
    if len(records) > MOST_ROWS:
        raise QueryFailed(f"the statement returns more than {MOST_ROWS:,} rows: aggregate it, or add a limit")
    double = {name for name, count in Counter(name for name, _ in prepared.columns).items() if count > 1}
    if double:
        raise QueryFailed(f"two columns are called {', '.join(sorted(double))}; rename one with `as`")
    return [_row(tuple(record)[1:], prepared.columns) for record in records]


def _row(cells: Sequence[object], columns: Sequence[tuple[str, str]]) -> QueryRow:
    return {
        name: Beside(cell, kind) if kind and isinstance(cell, str) else cell
        for (name, kind), cell in zip(columns, cells, strict=True)
    }


def _cancelled(error: pg.QueryCanceledError, time_out: timedelta) -> str:
    if "statement timeout" in str(error):
        return f"the statement took longer than {time_out.total_seconds():g} s; make it quicker, or raise `timeout`"
    return _short(error)


def _short(error: BaseException) -> str:
    """The first line of the driver's message; the statement and the address are not in it."""
    lines = str(error).splitlines()
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= LONGEST_ERROR else text[: LONGEST_ERROR - 1] + "…"
