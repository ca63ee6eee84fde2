"""How the database is: asked over a connection of its own, so that a full pool or a long statement says nothing of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeVar

import asyncpg

from app.db.address import DatabaseAddress
from app.db.failures import DRIVER_FAILURES, connect_failure
from app.db.migrate import check_schema, revisions
from app.db.rate_limit import pace, token_id_of
from app.db.timescale import ServerLevel, detect_server_level
from app.errors import SchemaMismatch
from app.logging import redact

if TYPE_CHECKING:
    from app.db.engine import Connection
    from app.settings import EntsoeSettings

FRESH_SECONDS = 1.0
"""Whoever asks within this time gets the answer that is there."""

_BACKLOG = """
    select
        greatest(extract(epoch from theoretical_arrival - $2::interval - clock_timestamp()), 0)::float8 as wait,
        greatest(extract(epoch from blocked_until - clock_timestamp()), 0)::float8 as blocked
    from token_budgets
    where token_id = $1
"""

_ALERTING = """
    select
        (select count(*) from alerts where phase = 'firing' and suppressed = '') as firing,
        (select count(*) from alerts where phase = 'firing' and suppressed <> '') as held_back,
        (select count(*) from notifications where status = 'waiting') as waiting,
        (
            select count(*) from notifications
            where status = 'failed' and ended_at > clock_timestamp() - interval '1 day'
        ) as failed,
        array(select channel from channel_states where disabled_at is not null order by channel) as disabled,
        (select json_agg(json_build_array(channel, verdict, attempts)) from delivery_totals)::text as attempted
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many seconds a request that comes now waits for the token's budget, and how long everybody is blocked."""

    wait: float = 0.0
    blocked: float = 0.0


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """Alerts that fire, messages that wait, those that failed within a day, and channels that take none.

    `held_back` fire too, but nobody is told: a silence, a dependency or a wait stops it; `firing` is without them. And how often all processes tried a message, by channel and what came of it.
    """

    firing: int = 0
    waiting: int = 0
    failed: int = 0
    disabled: tuple[str, ...] = ()
    attempted: Mapping[tuple[str, str], int] = field(default_factory=dict)
    held_back: int = 0

    def __str__(self) -> str:
        back = f", {self.held_back} held back" if self.held_back else ""
        return f"{self.firing} firing{back}, {self.waiting} messages waiting"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check: what it found, or why it failed; `seconds` is how long it took."""

    found: str = ""
    error: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.error


NOT_ASKED = HealthCheck(error="not asked, because a check before it failed")


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """The answers of one look at the database."""

    database: HealthCheck = NOT_ASKED
    schema: HealthCheck = NOT_ASKED
    level: HealthCheck = NOT_ASKED
    origin: HealthCheck = NOT_ASKED
    server: ServerLevel | None = None
    backlog: Backlog | None = None
    alerting: HealthCheck = NOT_ASKED
    alerts: AlertCounts | None = None

    @property
    def usable(self) -> bool:
        return self.database.ok and self.schema.ok


class DatabaseHealthCheck:
    """Looks at the database; each check has `timeout` seconds. However many ask, one look is under way at a time.

    `lead` is how far ahead of the steady pace a request of the token may start (`app.db.rate_limit.pace`).
    """

    def __init__(self, address: DatabaseAddress, *, token_id: str, lead: timedelta, timeout: float) -> None:
        self._address = address
        self._token_id = token_id
        self._lead = lead
        self._timeout = timeout
        self._connection: Connection | None = None
        self._looking: asyncio.Task[DatabaseState] | None = None
        self._looked_at = 0.0

    @classmethod
    def of(cls, address: DatabaseAddress, entsoe: EntsoeSettings, *, timeout: float) -> Self:
        """The check of a database, and of the budget of the token."""
        _, lead = pace(entsoe.requests_per_minute, entsoe.burst)
        return cls(address, token_id=token_id_of(entsoe), lead=lead, timeout=timeout)

    async def look(self) -> DatabaseState:
        """The state of the database, at most a second old; a database that is away is a state, not an error."""
        if self._looking is None or (self._looking.done() and time.monotonic() - self._looked_at > FRESH_SECONDS):
            self._looking = asyncio.create_task(self._look(), name="database probe")
        # A caller that goes away must not end the look of the others.
        return await asyncio.shield(self._looking)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        self._drop()

    async def _look(self) -> DatabaseState:
        try:
            return await self._checked()
        finally:
            self._looked_at = time.monotonic()

    async def _checked(self) -> DatabaseState:
        state = DatabaseState(database=(await self._timed(self._answers))[0])
        if not state.database.ok:
            return state
        state = replace(state, schema=(await self._timed(self._schema))[0])
        level, server = await self._timed(detect_server_level)
        state = replace(state, level=level, server=server)
        if not state.schema.ok:
            return state
        state = replace(state, origin=(await self._timed(self._origin))[0])
        state = replace(state, backlog=(await self._timed(self._backlog))[1])
        alerting, alerts = await self._timed(self._alerts)
        return replace(state, alerting=alerting, alerts=alerts)

    async def _timed(self, ask: Callable[[Connection], Awaitable[T]]) -> tuple[HealthCheck, T | None]:
        """One check under its own time-out; a connection on which one failed is not used again."""
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                found = await ask(await self._connected())
        except SchemaMismatch as error:
            return HealthCheck(error=str(error), seconds=time.monotonic() - begun), None
        except DRIVER_FAILURES as error:
            self._drop()
            return HealthCheck(error=self._reason(error), seconds=time.monotonic() - begun), None
        return HealthCheck(str(found), seconds=time.monotonic() - begun), found

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout:g} s"
        return redact(connect_failure(error))

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._address.dsn,
                timeout=self._timeout,
                statement_cache_size=0,
                server_settings={
                    "application_name": "gridkeeper health",
                    "statement_timeout": f"{self._timeout * 1000:.0f}",
                },
            )
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    @staticmethod
    async def _answers(connection: Connection) -> str:
        return str(await connection.fetchval("show server_version"))

    @staticmethod
    async def _schema(connection: Connection) -> str:
        await check_schema(connection)
        return revisions()[-1]

    @staticmethod
    async def _origin(connection: Connection) -> str:
        return str(await connection.fetchval("select origin from database_origin") or "")

    @staticmethod
    async def _alerts(connection: Connection) -> AlertCounts:
        row = await connection.fetchrow(_ALERTING)
        if row is None:
            return AlertCounts()
        attempted = {(channel, verdict): number for channel, verdict, number in json.loads(row["attempted"] or "[]")}
        disabled = tuple(row["disabled"])
        return AlertCounts(row["firing"], row["waiting"], row["failed"], disabled, attempted, row["held_back"])

    async def _backlog(self, connection: Connection) -> Backlog:
        row = await connection.fetchrow(_BACKLOG, self._token_id, self._lead)
        return Backlog() if row is None else Backlog(row["wait"], row["blocked"] or 0.0)
