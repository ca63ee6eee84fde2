"""`gridkeeper status`: the health of everything on one screen, what the database is and holds, and what is late."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.options import AsJson
from app.cli.output import print_json
from app.cli.session import ask, begin


def status_command(
    seconds: Annotated[
        float | None, typer.Argument(min=0.2, help="With --watch: seconds between two looks, else 2.")
    ] = None,
    as_json: AsJson = False,
    watch_it: Annotated[bool, typer.Option("--watch", help="Show it anew until Ctrl-C.")] = False,
) -> int:
    """Show the health of everything on one screen: service, jobs, success, lateness, gaps, alerts, what is stored.

    Example: gridkeeper status --watch 5

    Exit code: 0 nothing is wrong, 1 something is, each named in a line that begins with "wrong".
    """
    from app.cli.service.status_view import read_status, status_lines, watch_status
    from app.monitoring.schemas import StatusResource

    if seconds is not None and not watch_it:
        raise typer.BadParameter(f"{seconds:g} says how often to look: add --watch", param_hint="'SECONDS'")
    settings = begin()
    if watch_it:
        watch_status(settings, seconds or 2.0)
        return OK
    found = ask(settings, read_status)
    if as_json:
        print_json(StatusResource.of(found))
    else:
        typer.echo("\n".join(status_lines(found)))
    return UNAVAILABLE if found.problems else OK
