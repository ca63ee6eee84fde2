"""The schema of the database: brings it up to date, and checks that it fits this program."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from app.clock import SystemClock
from app.errors import SchemaMismatch
from app.settings import DatabaseSettings, Origin, RetentionSettings

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection as SyncConnection

    from app.db.engine import Connection, Database

VERSION_TABLE = "gridkeeper_version"
SCRIPTS = Path(__file__).parent / "migrations"

_LOCK = 0x67726964  # "grid": whoever migrates holds this advisory lock
_REMEDY = "run `gridkeeper migrate`"

LAST_EARLIER = "0017"
"""The last revision before the schema was written anew, while nothing was released (decision 24)."""
_UPGRADE = (
    "the schema of the database is at revision {found}, from before it was written anew, and nothing was changed: "
    "take a backup, stop the service and run `.venv/bin/python scripts/upgrade.py`, which keeps all data; "
    'docs/containers.md, "Upgrades", says how'
)


@dataclass(frozen=True, slots=True)
class Migration:
    """What a migration did; `before` is None where the schema was created, `notes` are for the person who migrates."""

    before: str | None
    after: str
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class MigrationOptions:
    """What a migration may do beside the revisions; `tell` hears of each step that depends on the server."""

    timescale: bool = False
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    tell: Callable[[str], None] = field(default=lambda _step: None)


def revisions() -> list[str]:
    """The revisions this program knows, oldest first: each script names the one before it."""
    return list(_chain())


@cache
def _chain() -> tuple[str, ...]:
    following: dict[str, str] = {}
    for path in (SCRIPTS / "versions").glob("v*.py"):
        before = re.search(r'^down_revision = (?:None|"(\d+)")$', path.read_text(), re.MULTILINE)
        following[before[1] or "" if before else ""] = path.name.split("_")[0].lstrip("v")
    found = [following[""]]
    while found[-1] in following:
        found.append(following[found[-1]])
    return tuple(found)


async def migrate(database: Database | str, options: MigrationOptions | None = None) -> Migration:
    """Brings the schema to the newest revision; of several processes at once one does it and the others wait."""
    from app.db.engine import Database

    options = options or MigrationOptions()
    if isinstance(database, Database):
        return await _migrate(database, options)
    opened = Database(DatabaseSettings(), database)
    try:
        await opened.open()
        return await _migrate(opened, options)
    finally:
        await opened.close()


async def _migrate(database: Database, options: MigrationOptions) -> Migration:
    from asyncpg.exceptions import DuplicateTableError
    from sqlalchemy.exc import ProgrammingError

    from app.db.engine import driver_connection, driver_error

    try:
        async with database.pooled() as pooled:
            await pooled.execution_options(isolation_level="READ COMMITTED")
            connection = await driver_connection(pooled)
            async with _alone(connection):
                before = await pooled.run_sync(_upgrade)
                notes = await _complete(connection, options)
                return Migration(before, revisions()[-1], notes)
    except ProgrammingError as error:
        if not isinstance(driver_error(error), DuplicateTableError):
            raise
        raise SchemaMismatch(
            f"the database at {database.name} holds tables of another program ({driver_error(error)}); "
            "give Gridkeeper a database of its own"
        ) from error


@asynccontextmanager
async def _alone(connection: Connection) -> AsyncIterator[None]:
    """Holds a session lock, because some steps cannot run in a transaction, and lets statements last."""
    await connection.execute("set statement_timeout = 0")
    await connection.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("select pg_advisory_unlock($1)", _LOCK)
            await connection.execute("reset statement_timeout")


def _upgrade(connection: SyncConnection) -> str | None:
    """Runs the revisions that are missing; the revision before. Where none is, the library is not even loaded."""
    try:
        before = _current(connection)
        if before is not None:
            _refuse_unknown(before)
        if before == revisions()[-1]:
            return before
        from alembic import command

        command.upgrade(_config(connection), "head")
        connection.commit()
    finally:
        connection.rollback()
    return before


async def _complete(connection: Connection, options: MigrationOptions) -> tuple[str, ...]:
    """What no revision can do: it depends on the server, or on the vocabulary of this program."""
    from app.db.dashboard_role import admit_readers
    from app.db.reference_data import refresh_areas
    from app.db.timescale import apply

    await refresh_areas(connection)
    now = SystemClock().now()
    notes = await apply(connection, now=now, retention=options.retention, upgrade=options.timescale, tell=options.tell)
    return notes + await admit_readers(connection)


def _config(connection: SyncConnection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _current(connection: SyncConnection) -> str | None:
    from sqlalchemy import text

    if connection.scalar(text("select to_regclass(:name)"), {"name": VERSION_TABLE}) is None:
        return None
    found: str | None = connection.scalar(text(f"select version_num from {VERSION_TABLE}"))  # noqa: S608  a constant
    return found


async def check_schema(connection: Connection) -> None:
    """Raises SchemaMismatch with the remedy unless the schema is the one of this program."""
    if await connection.fetchval("select to_regclass($1)", VERSION_TABLE) is None:
        raise SchemaMismatch(f"the database has no schema of Gridkeeper yet; {_REMEDY}")
    found = await connection.fetchval(f"select version_num from {VERSION_TABLE}")  # noqa: S608  a constant
    if found is None:
        raise SchemaMismatch(f"the schema of the database was taken down; {_REMEDY}")
    _refuse_unknown(found)
    newest = revisions()[-1]
    if found != newest:
        raise SchemaMismatch(
            f"the schema of the database is at revision {found}, this program needs {newest}; {_REMEDY}"
        )


def _refuse_unknown(found: str) -> None:
    known = revisions()
    if "0001" <= found <= LAST_EARLIER:
        raise SchemaMismatch(_UPGRADE.format(found=found))
    if found not in known:
        raise SchemaMismatch(
            f"the schema of the database is at revision {found}, newer than this program ({known[-1]}); upgrade gridkeeper"
        )


async def is_synthetic(connection: Connection) -> bool:
    """Whether the data of this database come from the sandbox."""
    origin: str | None = await connection.fetchval("select origin from database_origin")
    return origin == Origin.SANDBOX


async def claim_origin(connection: Connection, origin: Origin) -> None:
    """Records where the data of this database come from; SchemaMismatch where they come from elsewhere."""
    await connection.execute(
        "insert into database_origin (origin) values ($1) on conflict (only_row) do nothing", origin.value
    )
    found = await connection.fetchval("select origin from database_origin")
    if found == origin.value:
        return
    if found == Origin.SANDBOX:
        raise SchemaMismatch(
            "this database holds synthetic sandbox data and takes none of the platform; "
            "use another database (GRIDKEEPER_DATABASE__URL or GRIDKEEPER_DATA_DIR), or add --sandbox"
        )
    raise SchemaMismatch(
        "this database holds data of the platform and takes no synthetic sandbox data; "
        "use another database (GRIDKEEPER_DATABASE__URL or GRIDKEEPER_DATA_DIR), or leave the sandbox out"
    )
