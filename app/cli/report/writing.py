"""How reports are written: the options for it, and the writing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.options import kind_by_name
from app.cli.output import json_text
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.reporting.render import ReportDocument
    from app.schemas import Resource

_BY_SUFFIX = {".html": "html", ".htm": "html", ".md": "md", ".json": "json"}


class ReportFormat(StrEnum):
    """How a report is written."""

    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"


ReportForm = Annotated[
    ReportFormat | None, typer.Option("--format", "-f", help="Default: by the name of --output, else md.")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default: standard output.")]


def write_report(
    resource: Callable[[], Resource],
    document: Callable[[], ReportDocument],
    output_format: ReportFormat | None,
    output: Path | None,
) -> None:
    """To a file or to standard output, in the chosen form, else in that which the name of the file asks for."""
    from app.reporting.render import to_html, to_markdown

    kind = output_format or ReportFormat(kind_by_name(output, _BY_SUFFIX, "md"))
    if kind is ReportFormat.JSON:
        text = json_text(resource())
    else:
        text = to_html(document()) if kind is ReportFormat.HTML else to_markdown(document())
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--output {output}: {error.strerror or error}") from error
