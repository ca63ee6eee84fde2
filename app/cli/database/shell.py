"""`gridkeeper psql`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.database.url import ReaderOption
from app.cli.session import begin

if TYPE_CHECKING:
    from app.settings import Settings


def psql_command(
    arguments: Annotated[list[str] | None, typer.Argument(help="For psql, after --.", metavar="[-- ARGUMENTS]")] = None,
    reader: ReaderOption = False,
) -> int:
    """Open psql on the database, beside a running service or without one.

    Takes the psql of the embedded PostgreSQL where that is installed, else the one of the system. As --reader it shows
    the views and changes nothing; without it, it is the owner of the database and may do anything.

    Example: gridkeeper psql --reader -- -c "select * from v_prices where area = 'FR' limit 5"

    Exit code: that of psql.
    """
    import asyncio

    return asyncio.run(_run(begin(), arguments or [], reader=reader))


async def _run(settings: Settings, arguments: list[str], *, reader: bool) -> int:
    from app.cli.database.psql import psql_program, run_psql
    from app.cli.database.reaching import reached

    program = psql_program()
    async with reached(settings, reader=reader) as address:
        return await run_psql(program, address.dsn, arguments)
