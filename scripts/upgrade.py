"""Brings a database of the last revision before the schema was written anew to the present one; its data stay.

    .venv/bin/python scripts/upgrade.py

Which database: as for `gridkeeper`, by its settings. Take a backup and stop the service first. Everything happens in one
transaction: where it fails, nothing has changed. Exit code: 0 done, or nothing to do; 1 failed; 3 refused, because the
database is of another revision or in use.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from app.db.migrate import LAST_EARLIER, VERSION_TABLE, MigrationOptions, migrate, revisions
from app.errors import AppError, Conflict
from app.lifecycle import database
from app.settings import load_settings

if TYPE_CHECKING:
    from app.db.engine import Connection

DONE, FAILED, REFUSED = 0, 1, 3
REACHED = "0106"
"""The revision that the statements lead to; `migrate` does the rest."""

RENAMED_COLUMNS = {
    "alerts": {
        "told_at": "notified_at",
        "told_severity": "notified_severity",
        "end_told_at": "resolved_notified_at",
        "look_at": "check_at",
    },
    "alert_events": {"told": "notified"},
    "backfill_chunks": {"chunk_id": "window_id"},
}
RENAMED = {
    "index alerts_look": "alerts_check",
    "index alerts_owed": "alerts_resolution_due",
    "index backfill_chunks_open": "backfill_windows_open",
    "index backfill_chunks_ended": "backfill_windows_ended",
    "index backfill_chunks_run": "backfill_windows_run",
    "sequence backfill_chunks_chunk_id_seq": "backfill_windows_window_id_seq",
    "table backfill_chunks": "backfill_windows",
}
COMMENTS = {
    "column alerts.notified_at": "when people were last notified that it fires; null: never, so nobody is notified of its end",
    "column alerts.resolved_notified_at": (
        "when people were notified of its end; null though notified_at is not: that is due"
    ),
    "column alerts.suppressed": "why nobody is notified at present; empty where nothing stops it",
    "column alerts.check_at": "when a notification may be due though the rule is not: a reminder, or after a wait",
    "column alert_events.delivered": "the channels that have taken a message which holds it",
    "column job_runs.runner": "host and process id of who runs or ran it; empty where nobody did",
    "column rule_executions.notified": "whether it gave cause to notify people",
    "table notification_events": "What a message is about, as it was when it happened",
    "table silences": "Nobody is notified of alerts that match between two instants",
}

# The server names constraints after the table and the columns that they were made with.
CONSTRAINTS = "select conname from pg_constraint where conrelid = $1::text::regclass"

IN_USE = """
    select count(*)
    from pg_stat_activity
    where datname = current_database() and application_name in ('gridkeeper leader', 'gridkeeper jobs')
"""


def main() -> int:
    try:
        asyncio.run(upgrade())
    except AppError as error:
        sys.stderr.write(f"upgrade: {error}\n")
        return REFUSED if isinstance(error, Conflict) else FAILED
    return DONE


async def upgrade() -> None:
    """Conflict where the database is of another revision, or in use."""
    settings = load_settings()
    async with database(settings, say, migrated=False) as opened:
        async with opened.transaction() as connection:
            await connection.execute("set local statement_timeout = 0; set local lock_timeout = '10s'")
            found = await revision_of(connection)
            if found in revisions():
                say(f"the schema is at {found} already; there is nothing to do")
                return
            if found != LAST_EARLIER:
                raise Conflict(
                    f"the schema is at revision {found}, and only {LAST_EARLIER} can be brought on; "
                    f"first run `gridkeeper migrate` of the last program that knows {LAST_EARLIER}"
                )
            if await connection.fetchval(IN_USE):
                raise Conflict("the service uses the database; stop it first")
            await change_schema(connection)
        migration = await migrate(opened, MigrationOptions(retention=settings.retention, tell=say))
    for note in migration.notes:
        say(f"note: {note}")
    say(f"brought the schema from {LAST_EARLIER} to {migration.after}; all data are where they were")


async def revision_of(connection: Connection) -> str:
    if await connection.fetchval("select to_regclass($1)", VERSION_TABLE) is None:
        raise Conflict("the database has no schema of Gridkeeper; `gridkeeper migrate` makes it")
    return str(await connection.fetchval(f"select version_num from {VERSION_TABLE}"))  # noqa: S608  a constant


async def change_schema(connection: Connection) -> None:
    for table, columns in RENAMED_COLUMNS.items():
        for old, new in columns.items():
            await connection.execute(f"alter table {table} rename column {old} to {new}")
    for thing, new in RENAMED.items():
        await connection.execute(f"alter {thing} rename to {new}")
    for table, columns in RENAMED_COLUMNS.items():
        await rename_constraints(connection, RENAMED.get(f"table {table}", table), columns | {table: ""})
    for thing, comment in COMMENTS.items():
        await connection.execute(f"comment on {thing} is '{comment}'")
    await connection.execute(f"update {VERSION_TABLE} set version_num = $1", REACHED)  # noqa: S608  a constant


async def rename_constraints(connection: Connection, table: str, renamed: dict[str, str]) -> None:
    for row in await connection.fetch(CONSTRAINTS, table):
        name = row["conname"]
        for old, new in renamed.items():
            name = name.replace(f"_{old}_", f"_{new}_") if new else name.replace(old, table)
        if name != row["conname"]:
            await connection.execute(f'alter table {table} rename constraint "{row["conname"]}" to "{name}"')


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    raise SystemExit(main())
