"""`gridkeeper websites export|import`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.output import print_json, say
from app.cli.session import ask, begin
from app.cli.tables import printable
from app.errors import ConfigurationError


def export_command(
    secrets: Annotated[
        bool, typer.Option("--secrets", help="With the values of headers and bodies, which may be secret.")
    ] = False,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Write the file config/probes.yaml; secrets are ${NAME} of the environment.")
    ] = False,
) -> int:
    """Write all websites as JSON, as import reads them.

    Values that may be secret are `***`, which import leaves as they are where the address is known. With --yaml the
    output can stand as config/probes.yaml, which owns its websites from then on.
    """
    from app.probes.configured.files import yaml_of
    from app.probes.websites.schemas import WebsiteBody

    found = ask(begin(), lambda wiring: wiring.probes().websites().all())
    if as_yaml:
        typer.echo(yaml_of([one.draft for one in found]), nl=False)
        return OK
    print_json([WebsiteBody.of(one.draft, secrets=secrets) for one in found])
    return OK


def import_command(
    file: Annotated[
        Path, typer.Argument(help="JSON, as export writes it and POST takes it, or YAML, as config/probes.yaml has it.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> int:
    """Add or change the websites of a file of JSON or YAML.

    One whose address is checked already is changed, others are added, and none is removed. A file with a mistake
    changes nothing.

    Exit code: 0 done, 2 something in the file is wrong.
    """
    from app.probes.configured.files import read_drafts

    drafts = read_drafts(file)
    if not drafts:
        raise ConfigurationError(f"{file} names no website")
    done = ask(begin(), lambda wiring: wiring.probes().websites().take(drafts, dry_run=dry_run), made=True)
    said = f"{done.added} added, {done.changed} changed, {done.same} as they were"
    say(f"would be: {said}" if dry_run else said)
    return OK


def validate_command(
    file: Annotated[
        Path | None, typer.Argument(help="The file; default: that of the settings, config/probes.yaml.")
    ] = None,
    syntax: Annotated[bool, typer.Option("--syntax", help="Without the values of the environment, as in CI.")] = False,
) -> int:
    """Check the file of websites and list every problem of it with its line.

    Exit code: 0 it is right, 1 it is not, 2 there is no such file.
    """
    from contextlib import nullcontext

    from app.kit.files import read_stream
    from app.market.text import counted
    from app.probes.configured.reading import read_probes
    from app.secrets import without_secrets

    path = file or begin().probes.file
    with without_secrets() if syntax else nullcontext():
        content = read_stream(path)
        found = read_probes(content, str(path))
    if not content.strip():
        say(f"{path}: the file is empty; `serve` takes that for a mistake and keeps the websites that it had of it")
        return UNAVAILABLE
    for problem in found.problems:
        sys.stdout.write(f"{printable(str(problem))}\n")
    for doubt in found.warnings:
        sys.stdout.write(f"{printable(f'warning: {doubt}')}\n")
    said = counted(len(found.problems), "problem") if found.problems else "no problems"
    say(f"{path}: {counted(len(found.drafts), 'website')}, {said}")
    return UNAVAILABLE if found.problems else OK
