"""`gridkeeper report`: how a day or a week went and how good the data is, for people and for programs."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app.cli.exit_codes import OK
from app.cli.options import kind_by_name
from app.cli.output import json_text
from app.clock import SystemClock
from app.errors import ConfigurationError
from app.lifecycle import services
from app.logging import configure_logging
from app.market.areas import Area, borders_of, find_place
from app.market.moments import parse_interval, parse_moment
from app.market.series import find_item
from app.market.time import MARKET_ZONE, Interval, local_day
from app.reporting.periods import Period, ReportLength, last_complete, period_of
from app.settings import Settings, load_settings

if TYPE_CHECKING:
    from app.reporting.operations.models import OperationsReport
    from app.reporting.quality.document import QualityReport
    from app.reporting.render import ReportDocument

_BY_SUFFIX = {".html": "html", ".htm": "html", ".md": "md", ".json": "json"}
_WEEK = re.compile(r"\d{4}-?W\d{2}")


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
    _write(_quality(report, kind or _by_name(output)), output)
    return OK


def operations_command(period: str, day: str | None, option: str, *, kind: str | None, output: Path | None) -> int:
    """Write the report of a day or week, the last complete one where none is named."""
    settings = load_settings()
    configure_logging(settings.log)
    now = SystemClock().now()
    report = asyncio.run(_operations(settings, chosen_period(ReportLength(period), day, option, now), now))
    _write(_written(report, kind or _by_name(output)), output)
    return OK


def chosen_period(kind: ReportLength, text: str | None, option: str, now: datetime) -> Period:
    """The period that holds the named day, or is the named ISO week; ConfigurationError where it is neither."""
    if text is None:
        return last_complete(kind, now)
    period = period_of(kind, _day(kind, text, option, now))
    if period.interval.start >= now:
        raise ConfigurationError(f"{option} {text!r} has not begun yet: there is nothing to report")
    return period


def _day(kind: ReportLength, text: str, option: str, now: datetime) -> date:
    if kind is ReportLength.WEEKLY and _WEEK.fullmatch(text):
        try:
            text = date.fromisoformat(text).isoformat()
        except ValueError:
            raise ConfigurationError(f"{option} {text!r}: that year has no such week") from None
    return local_day(parse_moment(text, MARKET_ZONE, now, name=option), MARKET_ZONE)


def _by_name(output: Path | None) -> str:
    return kind_by_name(output, _BY_SUFFIX, "md")


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
    async with services(settings, lambda text: typer.echo(text, err=True)) as wiring:
        reporting = wiring.reporting().quality_reports()
        return await reporting.report(interval, SystemClock().now(), items=items, areas=areas)


async def _operations(settings: Settings, period: Period, now: datetime) -> OperationsReport:
    async with services(settings, lambda text: typer.echo(text, err=True)) as wiring:
        return await wiring.reporting().operations_reports().report(period, now)


def _quality(report: QualityReport, kind: str) -> str:
    from app.reporting.quality.document import quality_as_document
    from app.reporting.quality.schemas import QualityReportResource

    return json_text(QualityReportResource.of(report)) if kind == "json" else _page(quality_as_document(report), kind)


def _written(report: OperationsReport, kind: str) -> str:
    from app.reporting.operations.document import operations_as_document
    from app.reporting.operations.schemas import OperationsReportResource

    return (
        json_text(OperationsReportResource.of(report))
        if kind == "json"
        else _page(operations_as_document(report), kind)
    )


def _page(document: ReportDocument, kind: str) -> str:
    from app.reporting.render import to_html, to_markdown

    return to_html(document) if kind == "html" else to_markdown(document)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--output {output}: {error.strerror or error}") from error
