"""`gridkeeper migrate` and `gridkeeper check-config`."""

from __future__ import annotations

import asyncio

import typer

from app.cli.codes import OK
from app.db.address import Address
from app.lifecycle import SIGN_UP, database
from app.logging import configure_logging
from app.settings import Settings, load_settings, variables


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
    async with database(settings, lambda text: typer.echo(text, err=True), migrated=False) as opened:
        result = await migrate(opened, options)
    for note in result.notes:
        typer.echo(f"note: {note}", err=True)
    before = result.before or "an empty database"
    if result.before == result.after:
        typer.echo(f"the schema is at {result.after} already")
    else:
        typer.echo(f"migrated from {before} to {result.after}")


def check_config_command(*, sandbox: bool) -> int:
    settings = load_settings(**({"sandbox": True} if sandbox else {}))
    if settings.database.url is not None:
        Address.parse(settings.database.url.get_secret_value())
    for name in variables():
        typer.echo(f"{name}={_shown(settings, name)}")
    if settings.sandbox:
        typer.echo("the settings are valid; data will be synthetic (sandbox)", err=True)
    elif settings.entsoe.token is None:
        typer.echo(f"the settings are valid, but nothing can be collected yet: {SIGN_UP}", err=True)
    else:
        typer.echo("the settings are valid", err=True)
    return OK


def _shown(settings: Settings, name: str) -> str:
    value: object = settings
    for part in name.removeprefix("GRIDKEEPER_").lower().split("__"):
        value = getattr(value, part)
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)
