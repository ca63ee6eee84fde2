"""Which of several processes leads: a session lock for liveness, an epoch for correctness.

The lock is held by a connection of its own, never by one of a pool: it goes when the process or the connection goes.
A frozen process keeps its connection, and so its lock; a standby that sees an old heartbeat ends that session on the
server. The epoch rises with every leader, and whatever an earlier one still wants to write names its own epoch and
finds it gone.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg

from app.db.address import DatabaseAddress
from app.db.failures import DRIVER_FAILURES, connect_failure
from app.errors import ConfigurationError, DatabaseUnavailable, SchedulerStateError

if TYPE_CHECKING:
    from app.db.engine import Connection

_LOCK = 0x6C656164  # "lead"
CONNECT_TIMEOUT = 5.0
PROBES = 4

# One statement: a process that freezes between the lock and its entry would hold the one without standing in the other.
_ACQUIRE = """
    with attempt as materialized (select pg_try_advisory_lock($1) as locked)
    update scheduler_leader
    set epoch = epoch + 1,
        holder = $2,
        backend_pid = pg_backend_pid(),
        backend_start = (select backend_start from pg_stat_activity where pid = pg_backend_pid()),
        acquired_at = clock_timestamp(),
        heartbeat_at = clock_timestamp()
    from attempt
    where attempt.locked
    returning epoch
"""

_BEAT = """
    update scheduler_leader
    set heartbeat_at = clock_timestamp()
    where epoch = $1 and backend_pid = pg_backend_pid()
    returning epoch
"""

# The same session that took the lock: a pid alone may have been given to another session since.
_UNSEAT = """
    select leader.holder, pg_terminate_backend(session.pid, 2000) as ended
    from scheduler_leader as leader
    join pg_stat_activity as session
        on session.pid = leader.backend_pid and session.backend_start = leader.backend_start
    where leader.heartbeat_at < clock_timestamp() - $1::interval
"""

_RESIGN = "update scheduler_leader set heartbeat_at = '-infinity' where epoch = $1 and backend_pid = pg_backend_pid()"

_VIEW = """
    select
        epoch, holder, acquired_at,
        case when isfinite(heartbeat_at) then heartbeat_at end as heartbeat_at,
        -- Before PostgreSQL 17 an infinite instant has no distance.
        case
            when isfinite(heartbeat_at) then extract(epoch from clock_timestamp() - heartbeat_at)::float8
            else 'infinity'
        end as age
    from scheduler_leader
"""

_POOLED = (
    "the database connection goes through a pooler in transaction mode (pgbouncer pool_mode=transaction or statement): "
    "a session lock means nothing there, and several processes would plan at once. Let GRIDKEEPER_DATABASE__URL name the "
    "server itself, or use pool_mode=session"
)


class LeadershipLost(SchedulerStateError):
    """This process is not the leader any more; whatever it planned belongs to the next one."""


@dataclass(frozen=True, slots=True)
class LeaderView:
    """Who leads, as everybody sees it; `age` is the seconds since the last sign of life."""

    epoch: int
    holder: str
    acquired_at: datetime | None
    age: float
    heartbeat_at: datetime | None = None
    """None where nobody ever led, or the last leader ended in order."""

    def alive(self, takeover_after: float) -> bool:
        """Whether it leads: from this age on a standby takes over, and commands do not count on it."""
        return self.age < takeover_after


def process_name() -> str:
    """This process as its operator knows it: host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


async def read_leader(connection: Connection) -> LeaderView:
    row = await connection.fetchrow(_VIEW)
    if row is None:
        raise DatabaseUnavailable("the table scheduler_leader is empty; run `gridkeeper migrate` on a new database")
    return LeaderView(row["epoch"], row["holder"], row["acquired_at"], row["age"], row["heartbeat_at"])


class Leadership:
    """One process's part in the election; every method that fails leaves this process without the lock."""

    def __init__(
        self, address: DatabaseAddress, *, heartbeat: float = 2.0, takeover_after: float = 6.0, name: str | None = None
    ) -> None:
        self._address = address
        self._heartbeat = heartbeat
        self._takeover_after = timedelta(seconds=takeover_after)
        self._connection: Connection | None = None
        self.name = name or process_name()
        self.epoch: int | None = None

    async def campaign(self) -> int | None:
        """The epoch if this process leads from now on, else None; raises DatabaseUnavailable without a database."""
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._connect()
            epoch = await self._acquire(self._connection)
            if epoch is None and await self._unseat(self._connection):
                epoch = await self._acquire(self._connection)
        except DRIVER_FAILURES as error:
            self.abandon()
            raise DatabaseUnavailable(
                f"no leader can be elected: the database at {self._address.name} failed ({connect_failure(error)}); "
                "the next attempt follows"
            ) from error
        self.epoch = epoch
        return epoch

    async def _acquire(self, connection: Connection) -> int | None:
        epoch: int | None = await connection.fetchval(_ACQUIRE, _LOCK, self.name)
        return epoch

    async def _unseat(self, connection: Connection) -> bool:
        rows = await connection.fetch(_UNSEAT, self._takeover_after, timeout=CONNECT_TIMEOUT)
        return any(row["ended"] for row in rows)

    async def beat(self) -> None:
        """Give a sign of life; LeadershipLost on any failure, for a leader that cannot say so is none."""
        try:
            if self._connection is None or await self._connection.fetchval(_BEAT, self.epoch) is None:
                raise LeadershipLost(f"{self.name} is not the leader any more: another process took over")
        except DRIVER_FAILURES as error:
            raise LeadershipLost(f"{self.name} is not the leader any more: {connect_failure(error)}") from error
        finally:
            if self._connection is None or self._connection.is_closed():
                self.abandon()

    def abandon(self) -> None:
        """Drop the connection, and with it the lock, without waiting for the server."""
        connection, self._connection, self.epoch = self._connection, None, None
        if connection is not None:
            connection.terminate()

    async def resign(self) -> None:
        """Let another process lead at once."""
        connection, epoch, self._connection, self.epoch = self._connection, self.epoch, None, None
        if connection is None:
            return
        try:
            if epoch is not None:
                await connection.execute(_RESIGN, epoch)
            await connection.close(timeout=self._heartbeat)
        except DRIVER_FAILURES:
            connection.terminate()

    async def check_direct(self) -> None:
        """ConfigurationError where sessions are not ours alone, because a pooler hands out the server's connections."""
        with ExitStack() as sessions:
            try:
                first, second = await self._opened(sessions), await self._opened(sessions)
            except DRIVER_FAILURES as error:
                raise DatabaseUnavailable(
                    f"cannot connect to the database at {self._address.name}: {connect_failure(error)}"
                ) from error
            key = secrets.randbits(62)
            try:
                direct = await _is_alone(first, second, key)
                await first.close(timeout=CONNECT_TIMEOUT)
                direct = direct and await _becomes_free(second, key)
            except DRIVER_FAILURES as error:
                raise DatabaseUnavailable(
                    f"the database at {self._address.name} failed while it was looked at: {connect_failure(error)}"
                ) from error
        if not direct:
            raise ConfigurationError(_POOLED)

    async def _opened(self, sessions: ExitStack) -> Connection:
        connection = await self._connect()
        sessions.callback(connection.terminate)
        return connection

    async def _connect(self) -> Connection:
        settings = {
            "application_name": "gridkeeper leader",
            "statement_timeout": f"{max(self._heartbeat, 2.0) * 1000:.0f}",
            # A machine that vanished without a word holds its session for hours otherwise.
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        }
        return await asyncpg.connect(
            self._address.dsn,
            timeout=CONNECT_TIMEOUT,
            command_timeout=max(self._heartbeat, 2.0),
            server_settings=settings,
            statement_cache_size=0,
        )


async def _is_alone(first: Connection, second: Connection, key: int) -> bool:
    """Whether a lock of the first session keeps the second one out, and each session stays on its own backend."""
    if not await first.fetchval("select pg_try_advisory_lock($1)", key):
        return False
    if await second.fetchval("select pg_try_advisory_lock($1)", key):
        await second.fetchval("select pg_advisory_unlock_all()")
        return False
    pids = {await one.fetchval("select pg_backend_pid()") for _ in range(PROBES) for one in (first, second)}
    return len(pids) == 2


async def _becomes_free(connection: Connection, key: int) -> bool:
    """Whether the lock goes with its session; a pooler keeps the session, and the lock with it."""
    for _ in range(20):
        if await connection.fetchval("select pg_try_advisory_lock($1)", key):
            return True
        await asyncio.sleep(0.05)
    return False
