"""`gridkeeper interfaces init`: from a document to running probes in one go; needs no database."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import FAILED, OK, UNAVAILABLE
from app.cli.interfaces.trying import InterfacesFileOption, print_operations
from app.cli.output import say
from app.cli.session import begin
from app.cli.tables import printable

if TYPE_CHECKING:
    from app.probes.interfaces.first_entry import FirstEntry
    from app.probes.interfaces.trying import TriedProbe
    from app.settings import Settings


def init_command(
    document: Annotated[str, typer.Argument(metavar="URL|FILE", help="OpenAPI or Markdown: a file, or an address.")],
    name: Annotated[str, typer.Option(help="Name of the service; default: the title of the document.")] = "",
    base_url: Annotated[
        str, typer.Option("--base-url", help="Where to probe; default: the hosts of the document.", metavar="URL")
    ] = "",
    file: InterfacesFileOption = None,
    every: Annotated[str, typer.Option(help="Time between two cycles.")] = "15 min",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Scan and try once, and leave the file as it is.")] = False,
) -> int:
    """Scan a document, try what can be probed once, and write a service into the file of interfaces.

    A running `gridkeeper serve` probes it from then on, and the shipped rules tell when it fails. Comments and other
    services of the file stay as they are.

    Example: gridkeeper interfaces init https://shop.example.org/openapi.json

    Exit code: 0 written, 1 nothing can be probed or no operation answered well, 2 there is such a service or no such
    document, 3 the document cannot be read.
    """
    import asyncio

    from app.probes.interfaces.first_entry import write_entry

    settings = begin()
    path = file or settings.probes.interfaces_file
    entry, tried = asyncio.run(_tried_entry(settings, document, path, name=name, base_url=base_url, every=every))
    if entry.problems:
        for problem in entry.problems:
            say(printable(problem))
        return FAILED
    sys.stdout.write(
        printable(f"{entry.config.name}: {entry.described} operations, {len(entry.probes)} can be probed") + "\n"
    )
    print_operations(tried)
    good = sum(one.record.ok for one in tried)
    if not dry_run and entry.probes:
        write_entry(path, entry)
        say(f"written to {path}; a running `gridkeeper serve` probes it within half a minute, then every {every}")
    if not entry.probes:
        say("nothing of it can be probed; `gridkeeper interfaces scan` says why")
        return UNAVAILABLE
    follows = f"; `gridkeeper interfaces show '{entry.config.name}'` follows them" if not dry_run else ""
    say(f"{good} of {len(tried)} operations answered well{follows}")
    return OK if good else UNAVAILABLE


async def _tried_entry(
    settings: Settings, document: str, path: Path, *, name: str, base_url: str, every: str
) -> tuple[FirstEntry, list[TriedProbe]]:
    from app.clock import SystemClock
    from app.probes.checking.checker import HttpChecker
    from app.probes.interfaces.first_entry import make_entry
    from app.probes.interfaces.logins.keeper import Logins
    from app.probes.interfaces.trying import try_probes

    checker, clock = HttpChecker.of(settings.probes), SystemClock()
    try:
        entry = await make_entry(document, path, checker, settings.data_dir, name=name, base_url=base_url, every=every)
        tried = await try_probes(entry.config, entry.probes.values(), checker, Logins(checker, clock), clock)
        return entry, tried
    finally:
        checker.close()
