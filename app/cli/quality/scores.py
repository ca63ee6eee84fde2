"""`gridkeeper quality scan` and `score`: how good the stored series are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK
from app.cli.options import AreaOption, AsJson, From, ItemOption, To
from app.cli.output import print_json, say
from app.cli.session import ask, begin
from app.cli.tables import print_table
from app.clock import SystemClock
from app.errors import ConfigurationError

if TYPE_CHECKING:
    from app.quality.assessment.day_range import DayRange
    from app.quality.listing import ListedScore
    from app.quality.schemas import ScanResource
    from app.wiring.container import Container

DIMENSIONS = ("completeness", "timeliness", "validity", "accuracy", "overall")
SCORE_COLUMNS = ("item", "area", "series", "day", *DIMENSIONS, "stored", "expected", "violating", "flagged")
BACKGROUND = 10
"""How much a nightly scan yields to everything else on the machine."""


def scan_command(
    area: AreaOption = None,
    item: ItemOption = None,
    start: Annotated[str | None, typer.Option("--from", help="First moment; default: -60d.")] = None,
    end: To = None,
    nightly: Annotated[
        bool, typer.Option("--nightly", help="All series over the set days, in the background, with their trends.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Score stored series and find what is wrong with them; only what has changed is looked at.

    Without --area and --item all stored series. Can be killed at any time: the next scan goes on.

    Example: gridkeeper quality scan --area DE_LU --item load_actual --from -30d
    """
    from app.quality.assessment.day_range import DayRange

    settings, now = begin(), SystemClock().now()
    if nightly and (area or item or start or end):
        raise ConfigurationError(
            "--nightly scans everything over the days of GRIDKEEPER_QUALITY__SCAN_DAYS; leave the other options out"
        )
    days = settings.quality.scan_days
    if nightly:
        os.nice(BACKGROUND)
        done = ask(settings, lambda wiring: _scan_all(wiring, days, now))
    else:
        windows = DayRange(start or f"-{days}d", end, now)
        done = ask(settings, lambda wiring: _scan(wiring, area, item, windows, now))
    if as_json:
        print_json(done, indent=None)
    else:
        say(", ".join(f"{number} {name.replace('_', ' ')}" for name, number in done))
    return OK


async def _scan_all(wiring: Container, days: int, now: datetime) -> ScanResource:
    """All series over so many days; their weeks are compared."""
    from app.quality.schemas import NightlyScanResource

    done = await wiring.quality().service().scan_recent(days, now)
    return NightlyScanResource.of_night(done, await wiring.quality().trends().update(now))


async def _scan(
    wiring: Container, areas: Sequence[str] | None, items: Sequence[str] | None, windows: DayRange, now: datetime
) -> ScanResource:
    from app.quality.schemas import ScanResource

    service = wiring.quality().service()
    return ScanResource.of(await service.scan(await service.wanted(areas, items), windows, now))


def score_command(
    area: AreaOption = None, item: ItemOption = None, start: From = "-7d", end: To = None, as_json: AsJson = False
) -> int:
    """Show completeness, timeliness, validity, accuracy and the overall score of each series and day, 0 to 100.

    A dimension that examined nothing is absent. --json has the counts behind each.

    Example: gridkeeper quality score --area DE_LU --from -30d
    """
    from app.quality.assessment.day_range import DayRange
    from app.quality.schemas import ScoreResource

    settings, now = begin(), SystemClock().now()
    windows = DayRange(start, end, now)
    scores = ask(settings, lambda wiring: _scores(wiring, area, item, windows, now))
    if as_json:
        print_json([ScoreResource.of(score) for score in scores])
    elif scores:
        print_table(SCORE_COLUMNS, [_score_row(score) for score in scores], right=set(SCORE_COLUMNS[4:]))
    else:
        say("nothing is stored of these series in this time, so there is nothing to score")
    return OK


async def _scores(
    wiring: Container, areas: Sequence[str] | None, items: Sequence[str] | None, windows: DayRange, now: datetime
) -> list[ListedScore]:
    """What has changed since the last scan is looked at first."""
    service, repository = wiring.quality().service(), wiring.quality().rows()
    wanted = await service.wanted(areas, items)
    await service.scan(wanted, windows, now)
    scores = await repository.scores(items=wanted.items, areas=wanted.areas, interval=windows.hull)
    # The day that holds the first moment is scored whole, like the one that holds the last.
    return [score for score in scores if windows.holds(score)]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _score_row(score: ListedScore) -> tuple[str, ...]:
    counts = (score.stored, score.expected, score.violating, score.flagged)
    scores = (_number(getattr(score, name)) for name in DIMENSIONS)
    return (score.item, score.area, score.name or "-", score.day.isoformat(), *scores, *map(str, counts))
