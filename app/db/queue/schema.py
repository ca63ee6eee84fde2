"""The tables of the shared queue: procrastinate's own, in a schema of their own, at the version that is pinned.

A new database takes the schema that the package ships; one that has an older one takes the package's own migrations.
Each of our revisions that raises the version calls `install_queue` once more, which finds what is missing.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from app.errors import SchemaMismatch

if TYPE_CHECKING:
    from sqlalchemy import Connection as SyncConnection

    from app.db.engine import Connection

SCHEMA = "procrastinate"
_REMEMBER = f"""
    create table if not exists {SCHEMA}.installed (
        only_row     boolean primary key default true check (only_row),
        version      text not null,
        migration    text not null,
        installed_at timestamptz not null default clock_timestamp()
    );
    comment on table {SCHEMA}.installed is
        'Gridkeeper: the version of procrastinate whose tables these are, and its last migration'
"""
_RECORD = f"""
    insert into {SCHEMA}.installed (version, migration) values ($1, $2)
    on conflict (only_row) do update
    set version = excluded.version, migration = excluded.migration, installed_at = excluded.installed_at
"""  # noqa: S608  a constant
_FOUND = f"select migration from {SCHEMA}.installed"  # noqa: S608  a constant


@cache
def _shipped() -> Path:
    """The package's folder of SQL; the package itself is not loaded."""
    spec = find_spec("procrastinate")
    if spec is None or spec.origin is None:
        raise SchemaMismatch("the package procrastinate is not installed; install gridkeeper with its dependencies")
    return Path(spec.origin).parent / "sql"


@cache
def shipped_migrations() -> tuple[str, ...]:
    """The names of the package's migrations, the oldest first."""
    return tuple(sorted(file.name for file in (_shipped() / "migrations").glob("*.sql")))


def install_queue(bind: SyncConnection) -> None:
    """Bring the queue's tables to the version of this program; within the transaction of the migration."""
    from sqlalchemy import text

    before = bind.scalar(text("select current_setting('search_path')"))
    bind.execute(text(f"create schema if not exists {SCHEMA}"))
    # Its statements name no schema, and its functions have none of their own: who calls them says where they are.
    bind.execute(text(f"set local search_path = {SCHEMA}"))
    found = bind.scalar(text(f"select to_regclass('{SCHEMA}.installed')"))
    last = bind.scalar(text(_FOUND)) if found is not None else None
    if last is None:
        _run(bind, (_shipped() / "schema.sql").read_text(encoding="utf-8"))
        _run(bind, _REMEMBER)
    else:
        for name in (one for one in shipped_migrations() if one > last):
            _run(bind, (_shipped() / "migrations" / name).read_text(encoding="utf-8"))
    record = _RECORD.replace("$1", ":version").replace("$2", ":migration")
    bind.execute(text(record), {"version": version("procrastinate"), "migration": shipped_migrations()[-1]})
    bind.execute(text("select set_config('search_path', :before, true)"), {"before": before})


def _run(bind: SyncConnection, statements: str) -> None:
    """Several statements at once, which only the driver takes."""
    raw = bind.connection.dbapi_connection
    if raw is None:
        raise SchemaMismatch("the connection of the migration is closed")
    raw.run_async(lambda driver: cast("Connection", driver).execute(statements))


async def check_queue_schema(connection: Connection) -> None:
    """SchemaMismatch with the remedy unless the queue's tables are those that this program's package knows."""
    found = await connection.fetchval(_FOUND)
    newest = shipped_migrations()[-1]
    if found == newest:
        return
    if found is not None and _order(found) > _order(newest):
        raise SchemaMismatch(
            f"the tables of the queue are at procrastinate's {found}, newer than this program ({newest}); upgrade gridkeeper"
        )
    raise SchemaMismatch(
        f"the tables of the queue are at procrastinate's {found}, this program needs {newest}; run `gridkeeper migrate`"
    )


def _order(name: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", name)[:4]))
