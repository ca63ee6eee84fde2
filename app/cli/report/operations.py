"""`gridkeeper report daily` and `weekly`: how the service went."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.report.writing import Output, ReportForm, ReportFormat, write_report
from app.cli.session import ask, begin


def daily_command(
    output_format: ReportForm = None,
    day: Annotated[
        str | None, typer.Option("--date", help="A day, -3d, yesterday; default: the last that is over.", metavar="DAY")
    ] = None,
    output: Output = None,
) -> int:
    """Report how a day went: success, lateness, gaps, volumes, response times, alerts, and what to do about it.

    Days are those of the market (Europe/Brussels).

    Example: gridkeeper report daily --date 2024-03-31 -o day.html

    Exit code: 0 written, also where nothing was recorded; 1 no database; 2 wrong usage, or the file cannot be written.
    """
    return _report("daily", day, "--date", output_format, output)


def weekly_command(
    output_format: ReportForm = None,
    week: Annotated[
        str | None,
        typer.Option("--week", help="2024-W13 or any day of it; default: the last that is over.", metavar="WEEK"),
    ] = None,
    output: Output = None,
) -> int:
    """Report how a week from Monday to Sunday went, with the same figures as the daily report.

    Example: gridkeeper report weekly --week 2024-W13 --format json

    Exit code: 0 written, also where nothing was recorded; 1 no database; 2 wrong usage, or the file cannot be written.
    """
    return _report("weekly", week, "--week", output_format, output)


def _report(length: str, text: str | None, option: str, output_format: ReportFormat | None, output: Path | None) -> int:
    """The report of the period that an option names, of the last complete one where it names none."""
    from functools import partial

    from app.clock import SystemClock
    from app.db.reading.context import read_twice
    from app.reporting.operations.document import operations_as_document
    from app.reporting.operations.schemas import OperationsReportResource
    from app.reporting.periods import ReportLength, chosen_period

    settings, now = begin(), SystemClock().now()
    period = chosen_period(ReportLength(length), text, option, now)
    report = ask(settings, lambda wiring: read_twice(partial(wiring.reads().operations_reports().report, period, now)))
    write_report(
        lambda: OperationsReportResource.of(report), lambda: operations_as_document(report), output_format, output
    )
    return OK
