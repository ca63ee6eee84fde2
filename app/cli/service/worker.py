"""`gridkeeper worker`: one of several processes that share the work of a service."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.options import Sandbox
from app.cli.session import begin


def worker_command(
    queues: Annotated[
        str,
        typer.Option(
            help="What to take: live, gap, backfill, reports, quality (portions of the nightly scan), deliveries "
            "(of messages; needs config/channels.yaml), probes (its share of websites, and of interfaces where their "
            "file is there)."
        ),
    ] = "live,gap,backfill,reports,quality",
    concurrency: Annotated[
        int | None,
        typer.Option(help="Tasks under way at once, in place of GRIDKEEPER_TASKS__CONCURRENCY.", min=1, max=256),
    ] = None,
    region: Annotated[
        str,
        typer.Option(help="Region of its checks, in place of GRIDKEEPER_PROBES__REGION; shown in `workers list`."),
    ] = "",
    name: Annotated[
        str,
        typer.Option(
            help="Its name in `workers list` and in the rows it works on; one that another running worker has is refused. Empty: host and process id."
        ),
    ] = "",
    sandbox: Sandbox = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log everything, also what is as it was before.")
    ] = False,
) -> int:
    """Run tasks that `gridkeeper serve` shares, as one of any number of workers on the same database.

    Needs GRIDKEEPER_TASKS__BACKEND=procrastinate, here and for `serve`. Ctrl-C and SIGTERM drain: tasks under way
    finish or are handed back, then the exit code is 0; so does `gridkeeper workers drain NAME`. It is 1 where a newer
    version has taken over the database, or another process has the name.
    """
    from app.cli.service.working import run_worker
    from app.errors import ConfigurationError
    from app.settings.probes import region_name

    try:
        region_name(region)
    except ValueError as error:
        raise ConfigurationError(f"--region: {error}") from None
    chosen: dict[str, Any] = {"log": {"level": "debug"}} if verbose else {}
    chosen |= {"probes": {"region": region}} if region else {}
    settings = begin(sandbox=sandbox, **chosen)
    return run_worker(settings, queues=queues, concurrency=concurrency, name=name)
