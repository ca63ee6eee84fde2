"""The group of commands that make reports, declared: each imports what it needs when it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import AreaOption, ItemOption

report = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Reports as HTML, Markdown or JSON.",
)


@report.callback()
def _group() -> None:
    """Reports as HTML, Markdown or JSON."""


class ReportFormat(StrEnum):
    """How a report is written."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"


ReportForm = Annotated[
    ReportFormat | None, typer.Option("--format", "-f", help="Default: by the name of --output, else md.")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default: standard output.")]


@report.command("daily")
def report_daily(
    output_format: ReportForm = None,
    day: Annotated[
        str | None, typer.Option("--date", help="A day, -3d, yesterday; default: the last that is over.", metavar="DAY")
    ] = None,
    output: Output = None,
) -> None:
    """Report how a day went: success, lateness, gaps, volumes, response times, alerts, and what to do about it.

    Days are those of the market (Europe/Brussels).

    Example: gridkeeper report daily --date 2024-03-31 -o day.html

    Exit code: 0 written, also where nothing was recorded; 1 no database; 2 wrong usage, or the file cannot be written.
    """
    from app.cli.report import operations_command

    raise typer.Exit(operations_command("daily", day, "--date", kind=_named(output_format), output=output))


@report.command("weekly")
def report_weekly(
    output_format: ReportForm = None,
    week: Annotated[
        str | None,
        typer.Option("--week", help="2024-W13 or any day of it; default: the last that is over.", metavar="WEEK"),
    ] = None,
    output: Output = None,
) -> None:
    """Report how a week from Monday to Sunday went, with the same figures as the daily report.

    Example: gridkeeper report weekly --week 2024-W13 --format json

    Exit code: 0 written, also where nothing was recorded; 1 no database; 2 wrong usage, or the file cannot be written.
    """
    from app.cli.report import operations_command

    raise typer.Exit(operations_command("weekly", week, "--week", kind=_named(output_format), output=output))


def _named(output_format: ReportFormat | None) -> str | None:
    return output_format.value if output_format else None


@report.command("quality")
def report_quality(
    output_format: ReportForm = None,
    area: AreaOption = None,
    item: ItemOption = None,
    start: Annotated[str, typer.Option("--from", help="First delivery day; default: yesterday.")] = "-1d",
    end: Annotated[str, typer.Option("--to", help="First delivery day after; default: today.")] = "today",
    output: Output = None,
) -> None:
    """Report scores per area and item, the worst series with plots, findings and trends. Days are those of the market.

    Example: gridkeeper report quality --from -7d -o quality.html

    Exit code: 0 written, also where nothing was examined; 1 no database; 2 wrong usage, or the file cannot be written.
    """
    from app.cli.report import quality_command

    raise typer.Exit(quality_command(area, item, start, end, kind=_named(output_format), output=output))
