"""`gridkeeper interfaces try`: what the file of interfaces names, asked once from here; needs no database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import FAILED, OK
from app.cli.options import AsJson
from app.cli.output import print_json, say
from app.cli.session import begin
from app.cli.tables import print_table, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.probes.interfaces.trying import ServiceTrial, TriedProbe
    from app.settings import Settings

COLUMNS = ("operation", "result", "http", "ms", "said")
SHOWN = 40

InterfacesFileOption = Annotated[
    Path | None,
    typer.Option("--file", help="The file of interfaces; default: GRIDKEEPER_PROBES__INTERFACES_FILE.", metavar="FILE"),
]


def try_command(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A service, a suite, or an operation: its operationId, or 'GET /path'."),
    ],
    service: Annotated[
        str, typer.Option(help="Look in this service only, where several have the name.", metavar="SERVICE")
    ] = "",
    file: InterfacesFileOption = None,
    as_json: AsJson = False,
) -> int:
    """Ask a service of the file, one of its suites or one operation once, and show what came of it.

    It logs in as the file says, keeps nothing, and needs neither a database nor a running `gridkeeper serve`. Of each
    step of a suite it shows status, time and what was taken, by kind and size: a value may be a secret.

    Example: gridkeeper interfaces try checkout

    Exit code: 0 all that was asked is well, 1 nothing is called so, or it is not probed, 2 the file is wrong or not
    there, 3 something failed, or a document cannot be read.
    """
    import asyncio

    settings = begin()
    trial, tried = asyncio.run(_tried(settings, file or settings.probes.interfaces_file, name, service))
    if as_json:
        from app.probes.interfaces.schemas import TriedProbeResource

        print_json([TriedProbeResource.of(trial.config.name, one.operation, one.record) for one in tried], letters=True)
    else:
        _print_tried(tried)
    for problem in trial.problems:
        say(printable(problem))
    good = sum(one.record.ok for one in tried)
    say(printable(f"{trial.config.name}: {good} of {len(tried)} answered well"))
    return FAILED if good < len(tried) or trial.problems else OK


async def _tried(settings: Settings, path: Path, name: str, service: str) -> tuple[ServiceTrial, list[TriedProbe]]:
    from app.clock import SystemClock
    from app.probes.checking.checker import HttpChecker
    from app.probes.interface_file import valid_interfaces
    from app.probes.interfaces.fetching import DocumentFetcher
    from app.probes.interfaces.logins.keeper import Logins
    from app.probes.interfaces.trying import find_trial, try_probes

    config = valid_interfaces(path)
    checker, clock = HttpChecker.of(settings.probes), SystemClock()
    logins = Logins(checker, clock)
    try:
        await logins.use(config.logins)
        fetcher = DocumentFetcher(checker, settings.data_dir)
        trial = await find_trial(config, path.parent, fetcher, name, service=service)
        return trial, await try_probes(trial.config, trial.probes.values(), checker, logins, clock)
    finally:
        await logins.close()
        checker.close()


def _print_tried(tried: Sequence[TriedProbe]) -> None:
    from app.cli.interfaces.suites import COLUMNS as STEP_COLUMNS
    from app.cli.interfaces.suites import step_row
    from app.probes.interfaces.suites.models import SUITE

    print_operations([one for one in tried if one.operation.key.method != SUITE or not one.record.steps])
    steps = [step_row(one.operation.name, step) for one in tried for step in one.record.steps]
    if steps:
        print_table(STEP_COLUMNS, steps, right={"http", "ms"})


def print_operations(tried: Sequence[TriedProbe]) -> None:
    """A line for each, up to so many as one reads."""
    if tried:
        print_table(COLUMNS, [_row(one) for one in tried[:SHOWN]], right={"http", "ms"})
    if len(tried) > SHOWN:
        say(f"and {len(tried) - SHOWN} more")


def _row(one: TriedProbe) -> tuple[str, ...]:
    record = one.record
    return (
        str(one.operation.key),
        "ok" if record.ok else record.reason,
        "" if record.status is None else str(record.status),
        f"{record.total_ms:.0f}",
        "" if record.ok else record.message[:120],
    )
