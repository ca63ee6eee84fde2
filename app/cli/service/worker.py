"""`gridkeeper worker`: one of several processes that share the work of a service."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.options import Sandbox
from app.cli.session import begin


def worker_command(
    queues: Annotated[
        str,
        typer.Option(help="What to take: live, gap, backfill, reports, quality (parts of the nightly scan)."),
    ] = "live,gap,backfill,reports,quality",
    concurrency: Annotated[
        int | None,
        typer.Option(help="Tasks under way at once, in place of GRIDKEEPER_TASKS__CONCURRENCY.", min=1, max=256),
    ] = None,
    region: Annotated[str, typer.Option(help="Where it runs; shown in `workers list`.")] = "",
    name: Annotated[str, typer.Option(help="Its name; empty: host and process id.")] = "",
    sandbox: Sandbox = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log everything, also what is as it was before.")
    ] = False,
) -> int:
    """Run tasks that `gridkeeper serve` shares, as one of any number of workers on the same database.

    Needs GRIDKEEPER_TASKS__BACKEND=procrastinate, here and for `serve`. Ctrl-C and SIGTERM drain: tasks under way
    finish or are handed back, then the exit code is 0; so does `gridkeeper workers drain NAME`. It is 1 where a newer
    version has taken over the database.
    """
    from app.cli.service.working import run_worker

    chosen = {"log": {"level": "debug"}} if verbose else {}
    settings = begin(sandbox=sandbox, **chosen)
    return run_worker(settings, queues=queues, concurrency=concurrency, region=region, name=name)
