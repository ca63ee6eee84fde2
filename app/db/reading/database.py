"""The database of reads: each goes to a streaming replica that is fresh enough for it, else to the primary."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from asyncpg.exceptions import DeadlockDetectedError, QueryCanceledError, SerializationError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database, driver_connection, driver_error
from app.db.failures import DRIVER_FAILURES
from app.db.reading.context import AllowedReads, current_reading
from app.db.reading.lag import LogSample, PrimaryLog, end_of_written, log_position
from app.errors import AppError, ConfigurationError, DatabaseUnavailable, ReplicaLost
from app.logging import redact
from app.settings import DatabaseSettings

if TYPE_CHECKING:
    from app.db.engine import Connection

LOOK_EACH = 1.0
ANSWER_WITHIN = 2.0
"""Seconds for a connection and for the look at the place in the log: a replica that takes longer is away."""
CATCH_UP_WITHIN = 0.5
"""So long a read that must be exact waits for the replica before it goes to the primary."""
CATCH_UP_EACH = 0.02

# What has no place in the log of its server has one in that of another: both must be the same cluster and database.
_CLUSTER = "(select system_identifier from pg_control_system()) as cluster, current_database() as name"
_WRITTEN = f"select pg_current_wal_insert_lsn()::text as position, {_CLUSTER}"
_REPLAYED = "select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() end::text"
_REPLICA = f"{_REPLAYED} as position, {_CLUSTER}"

_ENDED = (SerializationError, DeadlockDetectedError)
"""How a standby ends a read that keeps it from replaying: `canceling statement due to conflict with recovery`."""


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """How the replica was when it was last looked at. `lag`: so many seconds old its values are at most, while it is used."""

    name: str
    max_lag: float
    lag: float | None = None
    problem: str = "it was not looked at yet"

    @property
    def used(self) -> bool:
        return not self.problem

    @property
    def text(self) -> str:
        """One line for people."""
        if self.used and self.lag is not None:
            return f"{self.name}, at most {self.lag:.1f} s behind: it answers reads"
        return f"{self.name}: the primary answers reads, because {self.problem}"


class ReadDatabase(Database):
    """A replica in front of its primary; who gets a connection reads, and writes nothing.

    Only what runs within `reading` may be answered by the replica. Whether it is fresh enough is asked for each read over
    the connection that is used, so that it holds behind a name of several replicas too.
    """

    def __init__(self, settings: DatabaseSettings, url: str, primary: Database) -> None:
        hurried = settings.model_copy(update={"connect_timeout": min(settings.connect_timeout, ANSWER_WITHIN)})
        try:
            super().__init__(hurried, url, readonly=True, patience=ANSWER_WITHIN)
        except ConfigurationError as error:
            raise ConfigurationError(_of_replica(error)) from None
        self._primary = primary
        self._log = PrimaryLog(2 * settings.read_max_lag)
        self._state = ReplicaState(self.name, settings.read_max_lag)
        self._written = float("-inf")
        self._cluster: tuple[object, object] | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def state(self) -> ReplicaState:
        return self._state

    async def open(self) -> None:
        """Looks once, and from then on each second; a replica that is away is a state, not an error."""
        await self._look()
        self._watching = asyncio.create_task(self._watch(), name="read replica")

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
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
        begun = False
        if found is not None and not found.primary and self._state.used:
            try:
                async with super().pooled() as pooled:
                    if await self._is_fresh(await driver_connection(pooled), found):
                        begun = True
                        yield pooled
                        return
            except (DatabaseUnavailable, *_ENDED) as error:
                if begun and isinstance(_cause(error), QueryCanceledError):
                    raise  # it took too long, and would on the primary
                self._note_failure(error)
                if begun:
                    raise ReplicaLost(f"the replica {self.name} failed in the middle of a read: {error}") from error
            except DRIVER_FAILURES as error:
                if begun:
                    raise
                self._note_failure(error)
        if found is not None:
            found.primary = True
        async with self._primary.pooled() as pooled:
            yield pooled

    async def _is_fresh(self, connection: Connection, found: AllowedReads) -> bool:
        """Whether this connection sees all that it must; waits a moment for what was committed just now."""
        since, until = max(found.since, self._written), time.monotonic() + CATCH_UP_WITHIN
        newest = self._log.newest
        if newest is None or newest.at < since:
            try:
                await self._sample()
            except DatabaseUnavailable:
                return False  # it says so itself, if it does not answer the read either
        while True:
            replayed = await connection.fetchval(_REPLAYED, timeout=ANSWER_WITHIN)
            seen = self._log.seen_at(log_position(replayed)) if replayed else None
            now = time.monotonic()
            if seen is not None and seen >= since and now - seen <= self._state.max_lag:
                found.since = max(found.since, seen)
                return True
            if since <= float("-inf") or now > until:
                return False
            await asyncio.sleep(CATCH_UP_EACH)

    async def _sample(self) -> None:
        at = time.monotonic()
        async with self._primary.connection() as connection:
            [row] = await connection.fetch(_WRITTEN, timeout=self._settings.connect_timeout)
        self._cluster = row["cluster"], row["name"]
        self._log.add(LogSample(at, end_of_written(log_position(row["position"]))))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EACH)
            await self._look()

    async def _look(self) -> None:
        try:
            await self._sample()
        except (AppError, *DRIVER_FAILURES) as error:
            self._become(None, f"the primary does not say how far it is: {_said(error)}")
            return
        try:
            async with super().pooled() as pooled:
                connection = await driver_connection(pooled)
                [row] = await connection.fetch(_REPLICA, timeout=ANSWER_WITHIN)
        except (AppError, *DRIVER_FAILURES) as error:
            self._note_failure(error)
            return
        if (row["cluster"], row["name"]) != self._cluster:
            self._become(None, "it is no replica of the database of GRIDKEEPER_DATABASE__URL")
        elif row["position"] is None:
            self._become(None, "it is no standby, but a primary itself")
        else:
            self._judge(log_position(row["position"]))

    def _judge(self, replayed: int) -> None:
        seen, now = self._log.seen_at(replayed), time.monotonic()
        lag = now - (self._log.began if seen is None else seen)
        if lag > self._state.max_lag:
            self._become(lag, f"it is more than {self._state.max_lag:g} s behind (GRIDKEEPER_DATABASE__READ_MAX_LAG)")
        elif seen is None:
            self._become(None, "how far it is behind is not known yet")
        else:
            self._become(lag, "")

    def _note_failure(self, error: BaseException) -> None:
        """A read that the standby ended, or that found all connections busy, says nothing of those that follow."""
        if not isinstance(error, _ENDED) and not isinstance(error.__cause__, PoolTimeout):
            self._become(None, f"it does not answer: {_said(error)}")

    def _become(self, lag: float | None, problem: str) -> None:
        before = self._state
        self._state = ReplicaState(before.name, before.max_lag, lag, problem)
        if before.used and problem:
            structlog.get_logger().warning("read_replica_left", replica=before.name, problem=problem)
        elif not before.used and not problem:
            structlog.get_logger().info("read_replica_used", replica=before.name, lag=lag)


def _cause(error: BaseException) -> BaseException:
    return driver_error(error.__cause__ or error)


def _said(error: BaseException) -> str:
    """What the driver said, without the remedies for a primary."""
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
