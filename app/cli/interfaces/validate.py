"""`gridkeeper interfaces validate`: the file of interfaces and its documents; needs no database."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.options import AsJson
from app.cli.output import print_json, say_line
from app.cli.tables import print_table, printable

COLUMNS = ("service", "interval", "documents", "operations", "probes", "skipped", "defects", "suites")
USUAL = Path("config/interfaces.yaml")


def validate_command(
    path: Annotated[Path, typer.Argument(help="The file; config/interfaces.yaml where none is given.")] = USUAL,
    syntax: Annotated[
        bool, typer.Option("--syntax", help="Check without the values of the environment, as in CI.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Read the file of interfaces and its documents, and list every problem with file, line, field and remedy.

    Shows for each service how many operations its documents describe and how many would be probed; nothing is sent.

    Example: gridkeeper interfaces validate config/interfaces.yaml

    Exit code: 0 the file is valid, 1 there are problems, 2 there is no such file.
    """
    from app.kit.durations import show_duration
    from app.probes.interface_file import check_interfaces
    from app.probes.schemas import InterfacesCheckResource
    from app.secrets import without_secrets

    with without_secrets() if syntax else nullcontext():
        check = check_interfaces(path)
    if as_json:
        print_json(InterfacesCheckResource.of(check), letters=True)
    else:
        for problem in check.problems:
            sys.stdout.write(f"{printable(str(problem))}\n")
        rows = [
            (
                service.config.name,
                show_duration(service.config.interval),
                str(len(service.documents)),
                str(service.operations),
                str(len(service.probes)),
                str(service.skipped),
                str(service.defects),
                str(len(service.config.suites)),
            )
            for service in check.services
        ]
        if rows:
            print_table(COLUMNS, rows, right=COLUMNS[2:])
    problems = f"{len(check.problems)} problems" if check.problems else "no problems"
    say_line(f"{len(check.services)} services, {problems}")
    return UNAVAILABLE if check.problems else OK
