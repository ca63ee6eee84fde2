"""`gridkeeper migrate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.output import say
from app.cli.session import begin

if TYPE_CHECKING:
    from app.settings import Settings


def migrate_command(
    timescale: Annotated[
        bool, typer.Option("--timescale", help="Turn a filled plain database into hypertables; can be resumed.")
    ] = False,
) -> int:
    """Bring the database's schema to this version; run by one process at a time, others wait."""
    import asyncio

    asyncio.run(_migrate(begin(), timescale=timescale))
    return OK


async def _migrate(settings: Settings, *, timescale: bool) -> None:
    from app.db.migrate import MigrationOptions, migrate
    from app.lifecycle import database

    options = MigrationOptions(
        timescale=timescale, retention=settings.retention, tell=lambda step: typer.echo(f"made: {step}")
    )
    async with database(settings, say, migrated=False, made=True) as opened:
        result = await migrate(opened, options)
    for note in result.notes:
        say(f"note: {note}")
    before = result.before or "an empty database"
    if result.before == result.after:
        typer.echo(f"the schema is at {result.after} already")
    else:
        typer.echo(f"migrated from {before} to {result.after}")
