"""`gridkeeper report quality`: how good the data is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.options import AreaOption, ItemOption
from app.cli.report.writing import Output, ReportForm, write_report
from app.cli.session import ask, begin


def quality_command(
    output_format: ReportForm = None,
    area: AreaOption = None,
    item: ItemOption = None,
    start: Annotated[str, typer.Option("--from", help="First delivery day; default: yesterday.")] = "-1d",
    end: Annotated[str, typer.Option("--to", help="First delivery day after; default: today.")] = "today",
    output: Output = None,
) -> int:
    """Report scores per area and item, the worst series with plots, findings and trends. Days are those of the market.

    Example: gridkeeper report quality --from -7d -o quality.html

    Exit code: 0 written, also where nothing was examined; 1 no database; 2 wrong usage, or the file cannot be written.
    """
    from functools import partial

    from app.clock import SystemClock
    from app.db.reading.context import read_twice
    from app.market.moments import parse_interval
    from app.market.series import find_item
    from app.market.time import MARKET_ZONE
    from app.reporting.quality.document import quality_as_document
    from app.reporting.quality.schemas import QualityReportResource

    settings, clock = begin(), SystemClock()
    interval = parse_interval(start, end, MARKET_ZONE, clock.now())
    items = [find_item(text).value for text in item] if item else None
    eics = _eics(area)
    chosen = {"items": items, "areas": eics}
    report = ask(
        settings,
        lambda wiring: read_twice(partial(wiring.reads().quality_reports().report, interval, clock.now(), **chosen)),
    )
    write_report(lambda: QualityReportResource.of(report), lambda: quality_as_document(report), output_format, output)
    return OK


def _eics(areas: Sequence[str] | None) -> list[str] | None:
    """The areas as series name them; an area stands for its borders, too."""
    from app.market.areas import find_place, with_borders

    return with_borders([find_place(text) for text in areas]) if areas else None
