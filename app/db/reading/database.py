"""The database of reads: each goes to a streaming replica that is fresh enough for it, else to the primary."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from asyncpg.exceptions import DeadlockDetectedError, PostgresError, QueryCanceledError, SerializationError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database, driver_connection, driver_error
from app.db.failures import DRIVER_FAILURES
from app.db.reading.context import AllowedReads, current_reading
from app.db.reading.lag import LogSample, PrimaryLog, end_of_written
from app.db.reading.queries import place_of_primary, place_of_replica
from app.db.reading.state import EXPECTED, NOT_KNOWN, ReplicaState, ServerPlace, why_not
from app.errors import AppError, ConfigurationError, DatabaseUnavailable, ReplicaLost
from app.logging import redact
from app.settings import DatabaseSettings

if TYPE_CHECKING:
    from app.db.engine import Connection

LOOK_EACH = 1.0
"""Seconds; oftener where the bound is so short that what is known would always be too old for it."""
LOOK_AWAY_EACH = 10.0
CONNECT_WITHIN = 2.0
ANSWER_WITHIN = 1.0
"""Seconds for a free connection and for the place in the log: a replica that takes longer is away."""
HANG_FOR = 5.0
"""Reads under way on a replica that has not answered looks for so long are cut: nobody else would end them."""
CATCH_UP_WITHIN = 0.5
"""So long a read that must be exact waits for the replica before it goes to the primary."""
CATCH_UP_EACH = 0.02

_ENDED = (SerializationError, DeadlockDetectedError)
"""How a standby ends a read that keeps it from replaying: `canceling statement due to conflict with recovery`."""


class ReadDatabase(Database):
    """A replica in front of its primary; who gets a connection reads, and writes nothing.

    Only what runs within `reading` may be answered by the replica. Whether it is fresh enough is asked for each read over
    the connection that is used, so that it holds behind a name of several replicas too.
    """

    def __init__(self, settings: DatabaseSettings, url: str, primary: Database) -> None:
        hurried = settings.model_copy(update={"connect_timeout": min(settings.connect_timeout, CONNECT_WITHIN)})
        try:
            # What is asked before each read says as well whether the connection still stands, and within its time.
            super().__init__(hurried, _standby_first(url), readonly=True, patience=ANSWER_WITHIN, ping=False)
        except ConfigurationError as error:
            raise ConfigurationError(_of_replica(error)) from None
        self._primary = primary
        self._look_each = min(LOOK_EACH, settings.read_max_lag / 4)
        self._primary_within = settings.connect_timeout
        self._primary_place: ServerPlace | None = None
        self._log = PrimaryLog(2 * settings.read_max_lag)
        self._state = ReplicaState(self.name, settings.read_max_lag, since=time.monotonic())
        self._failing_since: float | None = None
        """When a look failed for the first time, since the last one that did not."""
        self._written = float("-inf")
        self._looking: Connection | None = None
        """A connection of its own: those of the pool may all be busy, and would tell nothing then."""
        self._watching: asyncio.Task[None] | None = None

    @property
    def state(self) -> ReplicaState:
        return self._state

    async def open(self) -> None:
        """Looks at once, and from then on each second; a replica that is away is a state, not an error.

        How far it is behind is known when it has passed what the primary had written at the first look.
        """
        until = time.monotonic() + CATCH_UP_WITHIN
        await self._look()
        while self._state.problem == NOT_KNOWN and time.monotonic() < until:
            await asyncio.sleep(5 * CATCH_UP_EACH)
            await self._look()
        self._watching = asyncio.create_task(self._watch(), name="read replica")

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        self._cut()  # a goodbye would wait for ever where nobody answers
        await super().close()

    def demand_current(self) -> None:
        if (found := current_reading()) is not None:
            found.since = time.monotonic()

    def note_write(self) -> None:
        """Whoever reads from now on sees what this process has written until now."""
        self._written = time.monotonic()

    @asynccontextmanager
    async def pooled(self) -> AsyncIterator[AsyncConnection]:
        found = current_reading()
        if found is not None and not found.primary and self._state.used:
            begun = False
            try:
                async with super().pooled() as pooled:
                    if await self._is_fresh(await driver_connection(pooled), found):
                        begun = True
                        yield pooled
                        return
            except (AppError, *DRIVER_FAILURES) as error:
                if begun and not _is_loss(error):
                    raise
                self._note_failure(error)
                if begun:
                    said = f"the replica {self.name} failed in the middle of a read ({_said(error)}); read again"
                    raise ReplicaLost(said) from error
        if found is not None:
            found.primary = True
        async with self._primary.pooled() as pooled:
            yield pooled

    async def _is_fresh(self, connection: Connection, found: AllowedReads) -> bool:
        """Whether this connection sees all that it must; waits a moment for what was committed just now."""
        since = max(found.since, self._written)
        if self._log.newest_at < since:
            try:
                await self._sample()
            except (AppError, *DRIVER_FAILURES):
                return False  # the primary says so itself, if it does not answer the read either
        # One that was far behind a second ago will not be there in a moment.
        near = (self._state.lag or 0.0) <= self._look_each + CATCH_UP_WITHIN
        until = time.monotonic() + (CATCH_UP_WITHIN if near else 0.0)
        while True:
            replica = await place_of_replica(connection, within=ANSWER_WITHIN)
            if self._primary_place is None or why_not(replica, self._primary_place):
                self._shunned.add(connection)
                return False
            seen, now = self._log.seen_at(replica.position), time.monotonic()
            if seen >= since and now - seen <= self._state.max_lag:
                found.since = max(found.since, seen)
                return True
            if since == float("-inf") or now > until:
                return False
            await asyncio.sleep(CATCH_UP_EACH)

    async def _sample(self) -> ServerPlace:
        at = time.monotonic()
        async with asyncio.timeout(self._primary_within), self._primary.connection() as connection:
            found = self._primary_place = await place_of_primary(connection)
        if found.position is not None:
            self._log.add(LogSample(at, end_of_written(found.position)))
        return found

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._pause())
            await self._look()

    def _pause(self) -> float:
        """A server that has been away for long is asked less often: each time may stand in its log."""
        away = 0.0 if self._failing_since is None else time.monotonic() - self._failing_since
        return min(max(self._look_each, away / 6), LOOK_AWAY_EACH)

    async def _look(self) -> None:
        try:
            primary = await self._sample()
        except (AppError, *DRIVER_FAILURES) as error:
            self._become(None, f"the primary does not say how far it is: {_said(error)}")
            return
        try:
            replica = await place_of_replica(await self._own_connection(), within=ANSWER_WITHIN)
        except (AppError, *DRIVER_FAILURES) as error:
            self._note_failure(error)
            self._failing_since = self._failing_since or time.monotonic()
            refused = isinstance(_cause(error), PostgresError)  # it lives, and may well go on with what is under way
            if not refused and time.monotonic() - self._failing_since > HANG_FOR:
                self._cut()
            return
        self._failing_since = None
        if problem := why_not(replica, primary):
            self._become(None, problem)
        else:
            self._judge(replica)

    async def _own_connection(self) -> Connection:
        """A new one while the replica is not used: it may lead to another server of the name."""
        if self._looking is not None and not self._state.used:
            self._looking.terminate()
        if self._looking is None or self._looking.is_closed():
            self._looking = await self._connect()
        return self._looking

    def _judge(self, replica: ServerPlace) -> None:
        seen, now = self._log.seen_at(replica.position), time.monotonic()
        known = seen != float("-inf")
        lag = now - (seen if known else self._log.began)
        if lag > self._state.max_lag:
            self._become(
                lag if known else None,
                f"it is more than {self._state.max_lag:g} s behind (GRIDKEEPER_DATABASE__READ_MAX_LAG)",
            )
        elif not known:
            self._become(None, NOT_KNOWN)
        else:
            self._become(lag, "")

    def _note_failure(self, error: BaseException) -> None:
        """A read that the standby ended, or that found all connections busy, says nothing of those that follow."""
        if not isinstance(error, _ENDED) and not isinstance(error.__cause__, PoolTimeout):
            self._become(None, f"it does not answer: {_said(error)}")

    def _become(self, lag: float | None, problem: str) -> None:
        before, now = self._state, time.monotonic()
        changed = before.used == bool(problem)
        self._state = replace(before, lag=lag, problem=problem, since=now if changed else before.since)
        starting = before.problem in EXPECTED
        if problem and before.used:
            self._shunned |= self._opened
        if problem and problem not in EXPECTED and (before.used or starting):
            structlog.get_logger().warning("read_replica_left", replica=before.name, problem=problem)
        if not problem and not before.used and not starting:
            structlog.get_logger().info("read_replica_used", replica=before.name, lag=lag)

    def _cut(self) -> None:
        for connection in list(self._opened):
            connection.terminate()


def _standby_first(url: str) -> str:
    """The URL may name all servers of a cluster, of which one is the primary."""
    wanted = "target_session_attrs"
    return url if f"{wanted}=" in url else f"{url}{'&' if '?' in url else '?'}{wanted}=prefer-standby"


def _is_loss(error: BaseException) -> bool:
    """Whether the server failed, or ended the read; what took too long would on the primary."""
    return isinstance(error, (DatabaseUnavailable, *_ENDED)) and not isinstance(_cause(error), QueryCanceledError)


def _cause(error: BaseException) -> BaseException:
    return driver_error(error.__cause__ or error)


def _said(error: BaseException) -> str:
    """What the driver said, without the remedies for a primary."""
    if isinstance(error, TimeoutError) or isinstance(error.__cause__, TimeoutError):
        return "nothing came in time"
    cause = _cause(error)
    return redact(_of_replica(cause) or type(cause).__name__)


def _of_replica(error: BaseException) -> str:
    return str(error).replace("GRIDKEEPER_DATABASE__URL", "GRIDKEEPER_DATABASE__READ_URL")


def replica_of(reads: Database) -> ReplicaState | None:
    """How the replica of a database of reads is; None where reads go to the primary itself."""
    return reads.state if isinstance(reads, ReadDatabase) else None


@asynccontextmanager
async def reads_of(settings: DatabaseSettings, primary: Database) -> AsyncIterator[Database]:
    """Where reads go: the primary itself, or, where the settings name one, its replica."""
    if settings.read_url is None:
        yield primary
        return
    found = ReadDatabase(settings, settings.read_url.get_secret_value(), primary)
    try:
        await found.open()
        yield found
    finally:
        await found.close()
