"""How complete the store is, as a matrix of months or days."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from app.cli.output import say
from app.cli.tables import print_table
from app.collection.gaps.coverage import Cell, whole_percent
from app.collection.gaps.windows import AskEvidence, Gap
from app.collection.models import CollectionRequest
from app.market.text import counted
from app.timeseries.coverage import Granularity

if TYPE_CHECKING:
    from app.wiring.container import Container


async def covered(
    wiring: Container, requests: Sequence[CollectionRequest], now: datetime, *, by_day: bool
) -> tuple[list[Cell], list[Gap]]:
    """How much of each month or day is stored, and the gaps."""
    collection, step = wiring.collection(), Granularity.DAY if by_day else Granularity.MONTH
    cells = await collection.coverage().matrix(requests, now, step)
    return cells, await collection.gaps().analyse(requests, now, adding=False)


SIGNS = {
    AskEvidence.NEVER_ASKED: "?",
    AskEvidence.NO_ANSWER: "!",
    AskEvidence.EMPTY: "e",
    AskEvidence.NEVER_EXISTED: "n",
}
"""Where no series is expected, what the questions for the time say; the first that applies."""


def print_matrix(cells: Sequence[Cell], lacking: Sequence[Mapping[str, float]], *, every: bool, by_day: bool) -> None:
    """A line for each item, area and year (or month), a column for each month (or day); `-` where nothing was due."""
    lines: dict[tuple[str, str, str], dict[int, str]] = {}
    used: set[AskEvidence] = set()
    for cell, missing in zip(cells, lacking, strict=True):
        line, column = (f"{cell.begin:%Y-%m}", cell.begin.day) if by_day else (str(cell.begin.year), cell.begin.month)
        lines.setdefault((cell.item.value, cell.place.code, line), {})[column] = format_percent(cell.share)
        if cell.share is None and (evidence := next((one for one in SIGNS if one in missing), None)):
            used.add(evidence)
            lines[cell.item.value, cell.place.code, line][column] = SIGNS[evidence]
    silent = {"-", SIGNS[AskEvidence.NEVER_ASKED]}
    shown = {line: there for line, there in lines.items() if every or not set(there.values()) <= silent}
    names = [f"{day:02}" for day in range(1, 32)] if by_day else [calendar.month_abbr[month] for month in range(1, 13)]
    rows = [(*line, *(there.get(column, "") for column in range(1, len(names) + 1))) for line, there in shown.items()]
    print_table(("item", "area", "month" if by_day else "year", *names), rows, right=set(names))
    for (item, area, series), seconds in _idle(cells).items():
        say(f"{item} {area} {series}: published only while it runs; {seconds / 3600:g} hours idle, not missing")
    if used:
        say(", ".join(f"{sign} {evidence}" for evidence, sign in SIGNS.items() if evidence in used))
    if len(shown) < len(lines):
        say(f"not shown: {counted(len(lines) - len(shown), 'line')} in which nothing was expected; --all shows them")


def _idle(cells: Sequence[Cell]) -> dict[tuple[str, str, str], int]:
    """The idle seconds of each series that is published only while it runs."""
    found: Counter[tuple[str, str, str]] = Counter()
    for cell in cells:
        for key, seconds in cell.idle.items():
            found[cell.item.value, cell.place.code, key.distinguishing_name] += seconds
    return dict(found)


def format_percent(share: float | None) -> str:
    """Whole percents; `-` where nothing was due."""
    percent = whole_percent(share)
    return "-" if percent is None else str(percent)
