"""Runs the statements of rules: they read, within a time and a number of rows, on connections of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import structlog

from app.alerting.evaluation.query_session import LoginRefused, QuerySession, RuleLogin
from app.alerting.evaluation.query_together import CombinedQueries
from app.alerting.queries import QueryFailed, QueryRow
from app.alerting.rules.parse import OUR_DATABASE
from app.db.address import DatabaseAddress
from app.db.dashboard_role import RULE_READER
from app.db.failures import refuses_connections
from app.errors import ConfigurationError, ConnectionsRefused

LOGIN_TIME_OUT = timedelta(seconds=10)
NO_LOGINS: Mapping[str, RuleLogin] = MappingProxyType({})


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

    async def rows(self, database: str, sql: str, time_out: timedelta, *, shipped: bool = False) -> list[QueryRow]:
        server = self._server(database)
        return await (server.combined.rows(sql, time_out) if shipped else server.rows(sql, time_out))

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


async def own_login_warning(url: str, password_file: Path | None) -> str:
    """Why rules cannot read our database, or do as a login that could do more than read; empty where all is well.

    ConnectionsRefused where the server has no room for the connection by which to see it, which says nothing of the login.
    """
    login = RuleLogin(RULE_READER, password_file)
    runner = PostgresRunner(lambda: {OUR_DATABASE: url}, logins={OUR_DATABASE: login})
    try:
        return await runner.login_warning(OUR_DATABASE, LOGIN_TIME_OUT)
    except QueryFailed as error:
        if refuses_connections(error.__cause__ or error):
            raise ConnectionsRefused(str(error)) from error
        return f"rules cannot log in: {error}"
    finally:
        await runner.close()


class _Server:
    """The connections to one database, opened when they are needed; whoever finds none free waits."""

    def __init__(self, name: str, url: str, size: int, login: RuleLogin | None) -> None:
        self.url = url
        self._name = name
        self._login = login
        self._refusal = ""
        self._warned = False
        self._idle: list[QuerySession] = []
        self._free = asyncio.Semaphore(size)
        self._retired = False
        self._shared: QuerySession | None = None
        self.combined = CombinedQueries(self.rows, self._rows_together)

    async def rows(self, sql: str, time_out: timedelta) -> list[QueryRow]:
        async with self._session(time_out) as session:
            return await session.rows(sql, time_out)

    async def _rows_together(self, queries: tuple[str, ...], time_out: timedelta) -> list[list[QueryRow]]:
        if self._shared is None or self._shared.closed:
            self._shared = None
            self._shared = await self._opened(time_out)
        return await self._shared.rows_together(queries, time_out)

    async def login_warning(self, time_out: timedelta) -> str:
        async with self._session(time_out) as session:
            return self._warning(session)

    @asynccontextmanager
    async def _session(self, time_out: timedelta) -> AsyncIterator[QuerySession]:
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

    async def _opened(self, time_out: timedelta) -> QuerySession:
        """A connection of the login that may only read, where the server takes it; else of the address's own."""
        if self._login:
            try:
                return await QuerySession.open(self._name, self.url, time_out, self._login)
            except LoginRefused as refusal:
                self._refusal = f"the server does not take {self._login.user} ({refusal})"
                self._login = None
        session = await QuerySession.open(self._name, self.url, time_out)
        warning = self._warning(session)
        if warning and not self._warned:
            self._warned = True
            structlog.get_logger().warning("rule_login_not_limited", database=self._name, reason=warning)
        return session

    def _warning(self, session: QuerySession) -> str:
        if not session.powers:
            return ""
        because = f"; {self._refusal}" if self._refusal else ""
        return f"rules log in as {session.login}, who {session.powers}{because}"

    def retire(self) -> None:
        """Connections end when their statements have; the url has changed."""
        self._retired = True
        for session in (*self._idle, *([self._shared] if self._shared else [])):
            session.drop()
        self._idle.clear()
        self._shared = None

    async def close(self) -> None:
        self._retired = True
        await self.combined.close()
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.close()
        while self._idle:
            await self._idle.pop().close()
