"""`gridkeeper websites export|import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.output import print_json, say
from app.cli.session import ask, begin


def export_command(
    secrets: Annotated[
        bool, typer.Option("--secrets", help="With the values of headers and bodies, which may be secret.")
    ] = False,
) -> int:
    """Write all websites as JSON, as import reads them.

    Values that may be secret are `***`, which import leaves as they are where the address is known.
    """
    from app.probes.websites.schemas import WebsiteBody

    found = ask(begin(), lambda wiring: wiring.probes().websites().all())
    print_json([WebsiteBody.of(one.draft, secrets=secrets) for one in found])
    return OK


def import_command(
    file: Annotated[Path, typer.Argument(help="A JSON list of websites, as export writes them and POST takes them.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> int:
    """Add or change the websites of a JSON file.

    One whose address is checked already is changed, others are added, and none is removed. A file with a mistake
    changes nothing.

    Exit code: 0 done, 2 something in the file is wrong.
    """
    from app.probes.websites.files import read_drafts

    drafts = read_drafts(file)
    done = ask(begin(), lambda wiring: wiring.probes().websites().take(drafts, dry_run=dry_run), made=True)
    said = f"{done.added} added, {done.changed} changed, {done.same} as they were"
    say(f"would be: {said}" if dry_run else said)
    return OK
