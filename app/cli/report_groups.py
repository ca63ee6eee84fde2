"""The group of commands that make reports, declared: each imports what it needs when it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import Areas, Items

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


@report.command("quality")
def report_quality(
    output_format: Annotated[
        ReportFormat | None, typer.Option("--format", "-f", help="Default: by the name of --output, else md.")
    ] = None,
    area: Areas = None,
    item: Items = None,
    start: Annotated[str, typer.Option("--from", help="First delivery day; default: yesterday.")] = "-1d",
    end: Annotated[str, typer.Option("--to", help="First delivery day after; default: today.")] = "today",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default: standard output.")
    ] = None,
) -> None:
    """Report scores per area and item, the worst series with plots, findings and trends. Days are those of the market.

    Example: gridkeeper report quality --from -7d -o quality.html

    Exit code: 0 written, also where nothing was examined; 1 no database; 2 wrong usage, or the file cannot be written.
    """
    from app.cli.report import quality_command

    kind = output_format.value if output_format else None
    raise typer.Exit(quality_command(area, item, start, end, kind=kind, output=output))
