"""`gridkeeper serve`: the service, until it is told to stop, or for one cycle."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from app.cli.options import Sandbox
from app.cli.session import begin


class Profile(StrEnum):
    """How much `serve` asks for."""

    NORMAL = "normal"
    CAUTIOUS = "cautious"


def serve_command(
    profile: Annotated[
        Profile | None, typer.Option(help="cautious: a cycle of two hours and no backfill, for a first week.")
    ] = None,
    sandbox: Sandbox = False,
    once: Annotated[
        bool, typer.Option("--once", help="Run every collection job and the gap analysis once, then stop.")
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on, in place of GRIDKEEPER_WEB__HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, in place of GRIDKEEPER_WEB__PORT.", min=0, max=65535)
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log everything, also what is as it was before.")
    ] = False,
) -> int:
    """Keep every configured series complete until stopped: scheduler, backfill worker, health and metrics.

    Ctrl-C and SIGTERM drain: windows under way finish or are handed back, then the exit code is 0. With --once it is
    0 where every job of the cycle did its work, else 1.
    """
    from app.cli.service.serving import run_service

    web = {name: value for name, value in {"host": host, "port": port}.items() if value is not None}
    chosen: dict[str, Any] = {"scheduler": {"profile": profile.value}} if profile else {}
    chosen |= {"web": web} if web else {}
    chosen |= {"log": {"level": "debug"}} if verbose else {}
    return run_service(begin(sandbox=sandbox, **chosen), once=once)
