"""`gridkeeper database url`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.output import say
from app.cli.session import begin

if TYPE_CHECKING:
    from app.settings import Settings

ReaderOption = Annotated[
    bool,
    typer.Option("--reader", help="As gridkeeper_reader, who reads the views of docs/views.md and writes nothing."),
]


def url_command(reader: ReaderOption = False) -> int:
    """Print the URL of the database, with its password, for psql, notebooks and other programs.

    That of the embedded PostgreSQL is a socket for users of this machine; with GRIDKEEPER_DATABASE__PORT it is a port of
    127.0.0.1. It answers while a command of gridkeeper uses it, `serve` for one.

    Example: gridkeeper database url --reader
    """
    import asyncio

    typer.echo(asyncio.run(_url(begin(), reader=reader)))
    return OK


async def _url(settings: Settings, *, reader: bool) -> str:
    from app.cli.database.reaching import reached, tcp_address

    async with reached(settings, reader=reader) as address:
        if settings.database.url is None:
            say("the embedded PostgreSQL answers there while a command of gridkeeper uses it, `serve` for one")
        elif reader:
            say("with the password that gridkeeper_reader was given there (docs/views.md)")
        return address.dsn if settings.database.port is None else tcp_address(settings, reader=reader)
