"""`gridkeeper migrate`."""

from __future__ import annotations

import asyncio

import typer

from app.cli.exit_codes import OK
from app.lifecycle import database
from app.logging import configure_logging
from app.settings import Settings, load_settings


def migrate_command(*, timescale: bool = False) -> int:
    settings = load_settings()
    configure_logging(settings.log)
    asyncio.run(_migrate(settings, timescale=timescale))
    return OK


async def _migrate(settings: Settings, *, timescale: bool) -> None:
    from app.db.migrate import MigrationOptions, migrate

    options = MigrationOptions(
        timescale=timescale, retention=settings.retention, tell=lambda step: typer.echo(f"made: {step}")
    )
    async with database(settings, lambda text: typer.echo(text, err=True), migrated=False, made=True) as opened:
        result = await migrate(opened, options)
    for note in result.notes:
        typer.echo(f"note: {note}", err=True)
    before = result.before or "an empty database"
    if result.before == result.after:
        typer.echo(f"the schema is at {result.after} already")
    else:
        typer.echo(f"migrated from {before} to {result.after}")
