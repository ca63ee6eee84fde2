"""`gridkeeper interfaces diff`: what changed between two states of documents; needs no database."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.exit_codes import FAILED, OK, UNAVAILABLE
from app.cli.options import AsJson
from app.cli.output import print_json, say_line
from app.cli.tables import single_line


def diff_command(
    old: Annotated[str, typer.Argument(help="A file, a folder or a pattern, as it was.")],
    new: Annotated[str, typer.Argument(help="The same as it is now.")],
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folder that references between files may reach; default: the document's own.", metavar="FOLDER"
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Compare two states of a document: operations added, removed and changed, and what may break callers.

    Parameters, bodies, answers with their schemas, security and servers are compared; descriptions and examples are not.
    Documents of two folders are compared by name. Of a file that breaks off nothing is called removed.

    Example: git show HEAD~1:openapi.yaml > old.yaml; gridkeeper interfaces diff old.yaml openapi.yaml

    Exit code: 0 nothing changed that may break callers, 1 something did, 2 a name stands for no file, 3 a document could
    not be read to its end.
    """
    from app.probes.scanning.differences import compare_scans, pair_documents
    from app.probes.scanning.scanner import InterfaceScanner
    from app.probes.schemas import OperationEventResource

    before, after = InterfaceScanner(root).scan([old]), InterfaceScanner(root).scan([new])
    events = [event for pair in pair_documents(before, after) for event in compare_scans(*pair)]
    if as_json:
        print_json([OperationEventResource.of(event) for event in events], letters=True)
    else:
        for event in events:
            what = "; ".join(change.text for change in event.changes)
            breaks = "may break callers" if event.breaking else ""
            parts = filter(None, (f"{event.kind:8}{event.operation.name}", breaks, what))
            sys.stdout.write(f"{single_line(': '.join(parts))}\n")
    unread = [document for document in (*before, *after) if not document.complete or document.kind is None]
    for document in unread:
        reason = document.defects[-1].reason if document.defects else "it describes no interface"
        say_line(f"{document.file} is not read to its end: {reason}")
    if unread:
        return FAILED
    return UNAVAILABLE if any(event.breaking for event in events) else OK
