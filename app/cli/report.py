"""`gridkeeper report quality`: how good the data is, for people and for programs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app.cli.codes import OK
from app.clock import SystemClock
from app.errors import ConfigurationError
from app.lifecycle import database
from app.logging import configure_logging
from app.market.areas import Area, borders_of, find_place
from app.market.moments import parse_interval
from app.market.series import find_item
from app.market.time import MARKET_ZONE, Interval
from app.settings import Settings, load_settings

if TYPE_CHECKING:
    from app.reporting.quality import QualityReport

_BY_SUFFIX = {".html": "html", ".htm": "html", ".md": "md", ".json": "json"}


def quality_command(
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str,
    *,
    kind: str | None,
    output: Path | None,
) -> int:
    """Write the report of an interval to a file or to standard output."""
    settings = load_settings()
    configure_logging(settings.log)
    interval = parse_interval(start, end, MARKET_ZONE, SystemClock().now())
    wanted = [find_item(text).value for text in items] if items else None
    report = asyncio.run(_made(settings, interval, wanted, _eics(areas)))
    _write(_rendered(report, kind or _by_name(output)), output)
    return OK


def _by_name(output: Path | None) -> str:
    return _BY_SUFFIX.get(output.suffix.lower(), "md") if output else "md"


def _eics(areas: Sequence[str] | None) -> list[str] | None:
    """The areas as series name them; an area stands for its borders, too."""
    if not areas:
        return None
    places = [find_place(text) for text in areas]
    borders = [border.eic for place in places if isinstance(place, Area) for border in borders_of(place)]
    return [place.eic for place in places] + borders


async def _made(
    settings: Settings, interval: Interval, items: list[str] | None, areas: list[str] | None
) -> QualityReport:
    from app.quality.repository import QualityRepository
    from app.reporting.quality_service import QualityReporting

    async with database(settings, lambda text: typer.echo(text, err=True)) as opened:
        reporting = QualityReporting(opened, QualityRepository(opened), settings.quality.weights)
        return await reporting.report(interval, SystemClock().now(), items=items, areas=areas)


def _rendered(report: QualityReport, kind: str) -> str:
    from app.reporting.quality import as_document, as_json
    from app.reporting.render import to_html, to_markdown

    if kind == "json":
        return json.dumps(as_json(report), indent=2) + "\n"
    return to_html(as_document(report)) if kind == "html" else to_markdown(as_document(report))


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--output {output}: {error.strerror or error}") from error
