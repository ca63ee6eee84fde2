"""`gridkeeper collect`: progress while it works, a summary per item and area, an exit code that tells."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.exit_codes import FAILED, INTERRUPTED, OK
from app.cli.options import AreaOption, AsJson, From, ItemOption, Sandbox, To
from app.cli.session import begin


def collect_command(
    area: AreaOption = None,
    item: ItemOption = None,
    start: From = "-7d",
    end: To = None,
    sandbox: Sandbox = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the summary.")] = False,
) -> int:
    """Collect data items for areas over a range into the store.

    Dates mean midnight of the area; for a border, of the area that the energy enters. Without --area and --item the
    configured ones are collected. What succeeds is stored whatever else fails; asking again writes only what changed.

    Example: gridkeeper collect --area DE_LU --area FR --item load_actual --from 2024-01-01 --to 2024-02-01

    Exit code: 0 every window answered (with data or "no matching data"), 3 some failed, 2 wrong usage.
    """
    from app.cli.data.collect_report import CollectReport, collect_reported
    from app.cli.progress import run_interruptibly
    from app.cli.selection import selected
    from app.clock import SystemClock
    from app.lifecycle import require_token

    settings = begin(sandbox=sandbox)
    selection = selected(settings, area, item, start, end, SystemClock().now())
    require_token(settings)
    report = CollectReport(quiet=quiet, start=start, end=end)
    for reason in selection.skipped:
        report.skip(reason)
    for warning in selection.warnings:
        report.say(f"note: {warning}")
    try:
        run_interruptibly(collect_reported(settings, selection, report))
    except KeyboardInterrupt:
        report.interrupted = True
    report.finish(as_json=as_json)
    if report.interrupted:
        return INTERRUPTED
    return FAILED if report.summary.failures else OK
