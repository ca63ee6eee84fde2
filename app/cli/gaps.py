"""`gridkeeper gaps` and `gridkeeper coverage`: what is missing and why, and how complete the store is."""

from __future__ import annotations

import asyncio
import calendar
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import typer

from app.cli.exit_codes import FAILED, INTERRUPTED, OK
from app.cli.output import print_json
from app.cli.progress import WindowProgress, run_interruptibly
from app.cli.tables import print_table
from app.clock import SystemClock
from app.collection.gaps.classification import Reason
from app.collection.gaps.coverage import Cell, hours_missing
from app.collection.gaps.schemas import CoverageResource, GapsResource
from app.collection.gaps.windows import AskEvidence, Gap
from app.collection.models import CollectionRequest, CollectionRun, Outcome, Work
from app.collection.selection import Selection, select
from app.errors import ConfigurationError
from app.lifecycle import collecting, require_token, services
from app.logging import configure_logging
from app.market.moments import parse_interval
from app.market.text import counted
from app.market.time import iso
from app.settings import Settings, load_settings
from app.wiring.catalog import CATALOG

GAP_COLUMNS = ("item", "area", "series", "from", "to", "resolution", "missing", "reason", "due", "asked", "evidence")


def gaps_command(
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    *,
    shown: Collection[str] = frozenset(Reason),
    fill: bool,
    force: bool,
    sandbox: bool,
    as_json: bool,
) -> int:
    """`fill` asks for what is late or ours, with `force` also for what the source lacked; gaps that remain are no failure."""
    if force and not fill:
        raise ConfigurationError("--force says what --fill asks for: add --fill")
    settings, selection, now = _asked(areas, items, start, end, sandbox=sandbox)
    filling = _Filling()
    try:
        if fill:
            require_token(settings)
            gaps = run_interruptibly(_filled(settings, selection.requests, now, filling, force=force))
        else:
            gaps = asyncio.run(_analysed(settings, selection.requests, now))
    except KeyboardInterrupt:
        if not fill:
            raise
        filling.interrupted(as_json=as_json)
        return INTERRUPTED
    wanted = [gap for gap in gaps if gap.reason.value in shown]
    if as_json:
        print_json(GapsResource.of(wanted, filling.runs))
    else:
        _print_gaps(wanted)
        _tell_hidden([gap for gap in gaps if gap.reason.value not in shown])
    return FAILED if any(run.outcome is Outcome.FAILED for run in filling.runs) else OK


def _tell_hidden(gaps: Sequence[Gap]) -> None:
    if gaps:
        numbers = Counter(gap.reason.value for gap in gaps)
        said = ", ".join(f"{number} {reason}" for reason, number in sorted(numbers.items()))
        _say(f"not shown: {said}; --all shows every gap")


class _Filling:
    """What is asked for, as the person at the terminal sees it."""

    def __init__(self) -> None:
        self.runs: list[CollectionRun] = []
        self.progress = WindowProgress()

    def plan(self, work: Sequence[Work]) -> None:
        self.progress.begin(work, "asking for")

    def add(self, run: CollectionRun) -> None:
        self.runs.append(run)
        self.progress.add(run)

    def interrupted(self, *, as_json: bool) -> None:
        """What is missing now is not known: nobody looked again."""
        if as_json:
            print_json(GapsResource.of(None, self.runs))
        windows = counted(self.progress.planned, "window")
        _say(f"interrupted after {self.progress.done} of {windows}; what was stored stays")


def coverage_command(
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    *,
    every: bool = True,
    sandbox: bool,
    as_json: bool,
) -> int:
    """Month by month, and day by day where one item of one place is asked for."""
    settings, selection, now = _asked(areas, items, start, end, sandbox=sandbox)
    by_day = len(selection.requests) == 1
    cells, gaps = asyncio.run(_covered(settings, selection.requests, now, by_day=by_day))
    lacking = [hours_missing(cell, gaps, by_day=by_day) for cell in cells]
    if as_json:
        print_json([CoverageResource.of(cell, hours) for cell, hours in zip(cells, lacking, strict=True)])
    else:
        _print_matrix(cells, lacking, every=every, by_day=by_day)
    return OK


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _asked(
    areas: Sequence[str] | None, items: Sequence[str] | None, start: str, end: str | None, *, sandbox: bool
) -> tuple[Settings, Selection, datetime]:
    settings = load_settings(**({"sandbox": True} if sandbox else {}))
    configure_logging(settings.log)
    now = SystemClock().now()
    selection = select(
        areas or settings.collection.areas,
        items or settings.collection.items,
        lambda place: parse_interval(start, end, place.zone, now),
        CATALOG.places,
    )
    for reason in selection.skipped:
        _say(f"skipped: {reason}")
    return settings, selection, now


async def _analysed(settings: Settings, requests: Sequence[CollectionRequest], now: datetime) -> list[Gap]:
    async with services(settings, _say) as wiring:
        return await wiring.collection().gaps().analyse(requests, now, adding=False)


async def _filled(
    settings: Settings, requests: Sequence[CollectionRequest], now: datetime, filling: _Filling, *, force: bool
) -> list[Gap]:
    """What is still missing after everything was asked for."""
    async with collecting(settings, filling.progress.say) as container:
        service = container.collection().gaps()
        gaps = await service.analyse(requests, now, adding=False)
        try:
            runs = await service.fill(
                gaps, container.sources().gap().service, forced=force, on_plan=filling.plan, on_run=filling.add
            )
        finally:
            filling.progress.stop()
            await container.sources().gap().aclose()
        new = sum(run.new for run in runs)
        _say(f"asked for {counted(len(runs), 'window')}: {counted(new, 'new value')}")
        return await service.analyse(requests, SystemClock().now(), adding=False)


async def _covered(
    settings: Settings, requests: Sequence[CollectionRequest], now: datetime, *, by_day: bool
) -> tuple[list[Cell], list[Gap]]:
    from app.timeseries.coverage import Granularity

    async with services(settings, _say) as wiring:
        collection, step = wiring.collection(), Granularity.DAY if by_day else Granularity.MONTH
        cells = await collection.coverage().matrix(requests, now, step)
        return cells, await collection.gaps().analyse(requests, now, adding=False)


def _print_gaps(gaps: Sequence[Gap]) -> None:
    rows = [
        (
            gap.item.value,
            gap.place.code,
            gap.series_key.distinguishing_name if gap.series_key else "*",
            iso(gap.interval.start),
            iso(gap.interval.end),
            gap.resolution.code,
            str(gap.missing),
            gap.reason.value,
            iso(gap.since),
            str(gap.asked),
            _evidence(gap),
        )
        for gap in gaps
    ]
    if rows:
        print_table(GAP_COLUMNS, rows, right={"missing", "asked"})
    numbers = Counter(gap.reason.value for gap in gaps)
    said = ", ".join(f"{number} {reason}" for reason, number in sorted(numbers.items()))
    _say(f"{counted(len(gaps), 'gap')}{': ' if said else ''}{said}")


def _evidence(gap: Gap) -> str:
    """What the questions say: `empty after 3 questions`, `never asked`."""
    if not gap.answers:
        return gap.evidence.value
    return f"{gap.evidence} after {counted(gap.answers, 'question')}"


SIGNS = {
    AskEvidence.NEVER_ASKED: "?",
    AskEvidence.NO_ANSWER: "!",
    AskEvidence.EMPTY: "e",
    AskEvidence.NEVER_EXISTED: "n",
}
"""Where no series is expected, what the questions for the time say; the first that applies."""


def _print_matrix(cells: Sequence[Cell], lacking: Sequence[Mapping[str, float]], *, every: bool, by_day: bool) -> None:
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
        _say(f"{item} {area} {series}: published only while it runs; {seconds / 3600:g} hours idle, not missing")
    if used:
        _say(", ".join(f"{sign} {evidence}" for evidence, sign in SIGNS.items() if evidence in used))
    if len(shown) < len(lines):
        _say(f"not shown: {counted(len(lines) - len(shown), 'line')} in which nothing was expected; --all shows them")


def _idle(cells: Sequence[Cell]) -> dict[tuple[str, str, str], int]:
    """The idle seconds of each series that is published only while it runs."""
    found: Counter[tuple[str, str, str]] = Counter()
    for cell in cells:
        for key, seconds in cell.idle.items():
            found[cell.item.value, cell.place.code, key.distinguishing_name] += seconds
    return dict(found)


def format_percent(share: float | None) -> str:
    """Whole percents, rounded so that 100 means complete and 0 means nothing."""
    if share is None:
        return "-"
    if 0 < share < 1:
        return str(min(99, max(1, round(100 * share))))
    return str(int(100 * share))
