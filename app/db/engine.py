"""The database as the rest of the program sees it: connections, transactions and their failures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal, cast
from weakref import WeakSet

import asyncpg
from asyncpg import exceptions as pg
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, DisconnectionError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.db.address import DatabaseAddress
from app.db.failures import DRIVER_FAILURES, Admission, connect_failure, refuses_connections
from app.errors import ConfigurationError, ConnectionsRefused, DatabaseUnavailable
from app.settings import DatabaseSettings

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

OLDEST_SERVER = 16
WAIT_FOR_ROOM = 30.0
"""Seconds that work waits while the server takes no further connection; what comes first, the start, does not wait."""
IDLE_IN_TRANSACTION = 60.0
"""Seconds; reading is exempt, because whoever reads an export may pause."""

RESTED_SECONDS = 5.0
"""So long after its last use a connection is trusted: the driver learns of one that the server closes as it happens."""
_USED_AT = "used_at"

_REMEDY = "see that the server runs and that GRIDKEEPER_DATABASE__URL, if set, is right"
_POOLER = (
    "this is a pooler (pgbouncer): let GRIDKEEPER_DATABASE__URL name the server itself, or use pool_mode=session with "
    "ignore_startup_parameters=statement_timeout,idle_in_transaction_session_timeout,jit,"
    "tcp_keepalives_idle,tcp_keepalives_interval,tcp_keepalives_count"
)

_LOST = (
    pg.PostgresConnectionError,  # 08: the connection broke
    pg.OperatorInterventionError,  # 57: the server stops, starts, or ended the statement (statement_timeout)
    pg.InsufficientResourcesError,  # 53: disk full, out of memory, too many connections
    pg.PostgresSystemError,  # 58: the server's own input and output failed
    pg.ReadOnlySQLTransactionError,  # a standby, or a server that protects itself
    pg.InsufficientPrivilegeError,
    pg.InvalidAuthorizationSpecificationError,
    pg.InvalidCatalogNameError,
)


class Database:
    """A PostgreSQL database behind a pool of connections; `open` it before use and `close` it after."""

    def __init__(
        self,
        settings: DatabaseSettings,
        url: str,
        *,
        readonly: bool = False,
        patience: float | None = None,
        ping: bool = True,
    ) -> None:
        """`patience`: seconds to wait for a free connection, where that is not as long as a statement may last.

        `ping`: ask a connection out of the pool that has rested whether it still stands.
        """
        self._settings = settings
        self._session = {"default_transaction_read_only": "on"} if readonly else {}
        self._address = DatabaseAddress.parse(url)
        self._opened: WeakSet[Connection] = WeakSet()
        self._shunned: WeakSet[Connection] = WeakSet()
        """Connections from before a server was found to be no longer the right one: after a failover, the one demoted."""
        # A connection may be busy as long as a statement may last.
        self._patience = settings.statement_timeout if patience is None else patience
        self._admission = Admission()
        self._started_up = False
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            # Transactions are the driver's own; the engine's would make three questions of each that the pool asks.
            isolation_level="AUTOCOMMIT",
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=self._patience,
        )
        if ping:
            _ask_rested_connections(self._engine)

    def __repr__(self) -> str:
        return f"Database({self.name})"

    @property
    def name(self) -> str:
        """Host, port and database, without user and password."""
        return self._address.name

    @property
    def address(self) -> DatabaseAddress:
        """Where the database is, for connections outside the pool; its `dsn` is secret."""
        return self._address

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    @property
    def refusal(self) -> str:
        """Why the server lately took no further connection of this pool; empty where it did, or none was asked for."""
        return self._admission.refusal

    def pool_use(self) -> tuple[int, int]:
        """Connections of the pool at work, and how many there may be."""
        from sqlalchemy.pool import QueuePool

        pool = self._engine.pool
        return (pool.checkedout(), pool.size()) if isinstance(pool, QueuePool) else (0, 0)

    async def open(self) -> None:
        """Checks that the database answers and is one we can use."""
        async with self.connection() as connection:
            version = connection.get_server_version()
            encoding = await connection.fetchval("show server_encoding")
        check_server(self.name, version.major, encoding)
        self._started_up = True

    async def close(self) -> None:
        await self._engine.dispose()

    def demand_current(self) -> None:
        """Let the next reads miss nothing that was committed before now, which a primary never does."""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the driver; every statement commits by itself."""
        async with self.pooled() as pooled:
            yield await driver_connection(pooled)

    @asynccontextmanager
    async def transaction(
        self, *, isolation: Literal["read_committed", "repeatable_read"] = "read_committed", readonly: bool = False
    ) -> AsyncIterator[Connection]:
        """A connection of the driver inside a transaction, committed at the end of the block."""
        async with self.connection() as connection, connection.transaction(isolation=isolation, readonly=readonly):
            if readonly:
                await connection.execute("set local idle_in_transaction_session_timeout = 0")
            yield connection

    @asynccontextmanager
    async def pooled(self) -> AsyncIterator[AsyncConnection]:
        """A connection of the engine; one that was lost, or left inside a transaction, does not return to the pool.

        Neither does one whose user was cancelled: a BEGIN under way opens its transaction after that, and whoever came
        next would write into it, and lose what it wrote.
        """
        async with self._checkout() as pooled:
            connection = await driver_connection(pooled)
            under_way = False
            try:
                with self._failures(connection):
                    yield pooled
            except BaseException as error:
                under_way = isinstance(error, TimeoutError) or not isinstance(error, Exception)
                raise
            finally:
                unfit = connection.is_closed() or connection.is_in_transaction() or connection in self._shunned
                if under_way or unfit:
                    await pooled.invalidate()

    @asynccontextmanager
    async def _checkout(self) -> AsyncIterator[AsyncConnection]:
        try:
            pooled = await self._admitted()
        except PoolTimeout as error:
            raise DatabaseUnavailable(
                f"all {self._settings.pool_size} connections to {self.name} were busy for "
                f"{self._settings.statement_timeout:g} s; raise GRIDKEEPER_DATABASE__POOL_SIZE"
            ) from error
        except (*DRIVER_FAILURES, DBAPIError) as error:
            raise self._unreachable(driver_error(error)) from error
        try:
            yield pooled
        finally:
            await pooled.close()
            self._admission.freed()

    async def _admitted(self) -> AsyncConnection:
        """A connection, also while the server takes no further one: then one that is given back, or that others leave.

        What comes first does not wait: whoever starts a program sees at once why it does not begin.
        """
        given_up_at = time.monotonic() + min(WAIT_FOR_ROOM, self._patience) * self._started_up
        while True:
            try:
                return await self._any_started()
            except ConnectionsRefused as error:
                if time.monotonic() >= given_up_at:
                    raise
                await self._admission.wait(error)

    async def _any_started(self) -> AsyncConnection:
        # A place of the pool whose connection was lost may stand before one that has one.
        for _ in range(self._settings.pool_size - 1):
            with suppress(ConnectionsRefused):
                return await self._started()
        return await self._started()

    async def _started(self) -> AsyncConnection:
        """A connection out of the pool that nothing speaks against."""
        while True:
            pooled = self._engine.connect()
            await pooled.start()
            if await driver_connection(pooled) not in self._shunned:
                return pooled
            await pooled.invalidate()
            await pooled.close()

    async def _connect(self) -> Connection:
        settings = {
            "application_name": "gridkeeper",
            "timezone": "UTC",
            "statement_timeout": f"{self._settings.statement_timeout * 1000:.0f}",
            # A process that is frozen within a transaction must not keep the locks of its series for ever.
            "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION * 1000:.0f}",
            # Compiling a plan takes longer than any statement here that it would speed up.
            "jit": "off",
            **self._session,
        }
        self._admission.check()
        try:
            connection = await asyncpg.connect(
                self._address.dsn, timeout=self._settings.connect_timeout, server_settings=settings
            )
        except pg.ClientConfigurationError as error:
            raise ConfigurationError(f"GRIDKEEPER_DATABASE__URL: {error}") from error
        except DRIVER_FAILURES as error:
            raise self._unreachable(error) from error
        self._admission.granted()
        self._opened.add(connection)
        return connection

    @staticmethod
    def _remedy(cause: BaseException) -> str:
        """What a person can do about a loss in the middle of the work."""
        text = str(cause)
        if isinstance(cause, pg.DiskFullError) or "No space left on device" in text:
            return "the disk of the database is full; make room on it, then run the command again: what was committed stays"
        if isinstance(cause, pg.ReadOnlySQLTransactionError):
            return (
                "this server is a standby, or read-only; let GRIDKEEPER_DATABASE__URL name the primary, or all hosts and "
                "target_session_attrs=read-write"
            )
        return "what was committed stays, mend the database and run the command again"

    def _unreachable(self, error: BaseException) -> DatabaseUnavailable:
        if refuses_connections(error):
            return self._admission.refused(f"the database at {self.name} cannot be used: {connect_failure(error)}")
        reason = str(error) or f"no answer within {self._settings.connect_timeout:g} s"
        remedy = _POOLER if "unsupported startup parameter" in reason else _REMEDY
        return DatabaseUnavailable(f"cannot connect to the database at {self.name}: {reason}; {remedy}")

    @contextmanager
    def _failures(self, connection: Connection) -> Iterator[None]:
        """Turns the loss of the database within a unit of work into DatabaseUnavailable; other errors pass."""
        try:
            yield
        except (*DRIVER_FAILURES, DBAPIError) as error:
            cause = driver_error(error)
            if isinstance(cause, pg.ReadOnlySQLTransactionError):
                self._shunned |= self._opened
            # The driver's own confusion comes of a server that died while it waited for an answer.
            confused = isinstance(cause, pg.InternalClientError | pg.InterfaceError)
            if not (confused or isinstance(cause, _LOST) or connection.is_closed()):
                raise
            raise DatabaseUnavailable(
                f"the database at {self.name} failed in the middle of the work: {str(cause) or type(cause).__name__}; "
                f"{self._remedy(cause)}"
            ) from error


def _ask_rested_connections(engine: AsyncEngine) -> None:
    """Replace connections that were lost; one that has rested is asked first, with a round trip of its own.

    The pool by itself would ask before each use, which is half of what an idle service sends.
    """
    dialect: Any = engine.sync_engine.dialect
    pool = engine.sync_engine.pool

    @event.listens_for(pool, "connect")
    @event.listens_for(pool, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info[_USED_AT] = time.monotonic()

    @event.listens_for(pool, "checkout")
    def look(connection: Any, record: Any, _fairy: Any) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError("the server has closed the connection")
        if time.monotonic() - record.info[_USED_AT] < RESTED_SECONDS:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            if not dialect.is_disconnect(error, connection, None):
                raise
            raise InvalidatePoolError("the server does not answer any more") from error


def check_server(name: str, major: int, encoding: str) -> None:
    """Raises DatabaseUnavailable with the remedy where the server is too old or the encoding is not Unicode."""
    if major < OLDEST_SERVER:
        raise DatabaseUnavailable(
            f"the server of {name} is PostgreSQL {major}; upgrade it to PostgreSQL {OLDEST_SERVER} or newer"
        )
    if encoding != "UTF8":
        raise DatabaseUnavailable(
            f"the database {name} has the encoding {encoding}; create one with `createdb -E UTF8 -T template0`"
        )


async def driver_connection(pooled: AsyncConnection) -> Connection:
    """The driver's connection below a connection of the engine."""
    raw = await pooled.get_raw_connection()
    return cast("Connection", raw.driver_connection)


def driver_error(error: BaseException) -> BaseException:
    """The driver's own error below an error of SQLAlchemy."""
    if isinstance(error, DBAPIError):
        origin: Any = error.orig
        return cast("BaseException", origin.__cause__ or origin)
    if isinstance(error, pg.InterfaceError) and isinstance(error.__context__, pg.PostgresError):
        return error.__context__  # the end of a transaction on a lost connection fails too, and hides the reason
    return error


async def copy_binary(connection: Connection, table: str, rows: AsyncIterator[bytes], columns: Sequence[str]) -> None:
    """Copies rows in PostgreSQL's binary format into a table.

    The driver alone would wait for ever for a lost connection to take more bytes (asyncpg 0.32, `copy_in` waits for
    `writing_allowed`, which nobody sets when the connection is lost), so the loss is watched for here.
    """
    lost = asyncio.Event()

    def notice(_: object) -> None:
        lost.set()

    copying = asyncio.ensure_future(
        connection.copy_to_table(table, source=rows, columns=list(columns), format="binary")
    )
    watching = asyncio.ensure_future(lost.wait())
    connection.add_termination_listener(notice)
    try:
        await asyncio.wait((copying, watching), return_when=asyncio.FIRST_COMPLETED)
        if not copying.done():
            raise pg.ConnectionDoesNotExistError("connection was closed in the middle of COPY")
        await copying
    finally:
        connection.remove_termination_listener(notice)
        copying.cancel()
        watching.cancel()
        await asyncio.gather(copying, watching, return_exceptions=True)
