"""`gridkeeper interfaces scan`: what documents describe, and what of it will be probed; needs no database."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import FAILED, OK
from app.cli.options import AsJson
from app.cli.output import print_json, say_line
from app.cli.tables import print_table, single_line

if TYPE_CHECKING:
    from app.probes.scanning.models import DocumentScan
    from app.probes.scanning.selection import ProbeSelection

COLUMNS = ("operation", "probed", "url, or why not")
MOST_OTHERS = 10
SUMMARY_COLUMNS = ("document", "version", "operations", "probed", "skipped", "defects")

BaseUrl = Annotated[
    str,
    typer.Option(
        "--base-url",
        help="Scheme, host and port to probe, in the place of the document's; the path of its server is kept unless the "
        "URL has one.",
        metavar="URL",
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        help="Probe this operation though it is no GET or HEAD: its operationId, or 'POST /path'; repeat it.",
        metavar="OPERATION",
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(
        help="Folder that references between files may reach; default: the document's own, or the folder that is scanned.",
        metavar="FOLDER",
    ),
]


def scan_command(
    documents: Annotated[
        list[str], typer.Argument(help="Files, folders with all below them, or patterns ('**/*.yaml').")
    ],
    base_url: BaseUrl = "",
    allow: Allow = None,
    root: Root = None,
    summary: Annotated[bool, typer.Option("--summary", help="Print one line for each document.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail where a document has defects, as in CI.")] = False,
    as_json: AsJson = False,
) -> int:
    """Read documents of interfaces: their operations, which will be probed, and why not the others.

    OpenAPI 2.0 to 3.2 as JSON or YAML, of one file or several; Markdown with `GET /path`, curl or raw HTTP. What cannot be read is listed with its place and the rest
    is used. GET and HEAD are probed where every required parameter has a value: its example, examples, default or the
    first of its enum. Nothing is sent and nothing is fetched.

    Example: gridkeeper interfaces scan openapi.yaml --base-url https://staging.example.com

    Exit code: 0 scanned, whatever was found; 2 a name stands for no file; 3 no document could be read, or with --strict
    one has defects.
    """
    from app.probes.scanning.scanner import InterfaceScanner
    from app.probes.scanning.selection import ProbeRules, choose_probes
    from app.probes.scanning.servers import checked_base_url
    from app.probes.schemas import DocumentScanResource

    rules = ProbeRules(base_url=checked_base_url(base_url), allowed=frozenset(allow or ()))
    selections = [choose_probes(document, rules) for document in InterfaceScanner(root).scan(documents)]
    if as_json:
        print_json([DocumentScanResource.of(selection) for selection in selections], letters=True)
    else:
        _print_listed(_listed(selections), summary=summary)
    _say_unknown(selections, rules.allowed)
    defective = any(selection.document.defects for selection in selections)
    unread = all(selection.document.kind is None for selection in selections)
    return FAILED if unread or (strict and defective) else OK


def _listed(selections: Sequence[ProbeSelection]) -> Sequence[ProbeSelection]:
    """Those that people see: of folders full of other files only what describes an interface or could not be read."""
    others = [one for one in selections if one.document.kind is None and one.document.complete]
    if len(others) <= MOST_OTHERS:
        return selections
    say_line(f"{len(others)} files describe no interface; --json lists them")
    return [one for one in selections if one.document.kind is not None or not one.document.complete]


def _print_listed(selections: Sequence[ProbeSelection], *, summary: bool) -> None:
    if summary:
        _print_summary(selections)
        return
    for selection in selections:
        _print_document(selection)


def _print_summary(selections: Sequence[ProbeSelection]) -> None:
    rows = [
        (
            selection.document.file,
            _version(selection.document),
            str(len(selection.document.operations)),
            str(len(selection.probed)),
            str(len(selection.skipped)),
            str(len(selection.document.defects)),
        )
        for selection in selections
    ]
    print_table(SUMMARY_COLUMNS, rows, right=SUMMARY_COLUMNS[2:])


def _print_document(selection: ProbeSelection) -> None:
    document = selection.document
    title = f", {document.title}" if document.title else ""
    counts = f"{len(document.operations)} operations, {len(selection.probed)} probed"
    webhooks = f"; {document.webhooks} webhooks, which the service calls itself" if document.webhooks else ""
    head = f"{document.file}: {_version(document)}{title}: {counts}{webhooks}"
    sys.stdout.write(f"{single_line(head)}\n")
    urls = {probe.operation.name: probe.url or "" for probe in selection.probed}
    reasons = {one.operation.name: "; ".join(detail for _, detail in one.reasons) for one in selection.skipped}
    rows = [
        (name, "yes" if name in urls else "no", urls.get(name) or reasons.get(name, ""))
        for name in (operation.name for operation in document.operations)
    ]
    if rows:
        print_table(COLUMNS, rows)
    for defect in document.defects:
        sys.stdout.write(f"{single_line(f'defect: {defect.place}: {defect.reason}')}\n")
    sys.stdout.write("\n")


def _version(document: DocumentScan) -> str:
    return f"{document.kind or 'no interface'} {document.version}".strip()


def _say_unknown(selections: Sequence[ProbeSelection], allowed: frozenset[str]) -> None:
    known = {
        name for selection in selections for operation in selection.document.operations for name in operation.names
    }
    for name in sorted(allowed - known):
        say_line(f"--allow {name}: no document has such an operation")
