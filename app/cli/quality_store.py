"""`gridkeeper quality score`, `scan` and `findings`: how good the stored series are, and what is wrong with them."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from app.cli.exit_codes import OK
from app.cli.output import print_json
from app.cli.tables import print_table
from app.clock import SystemClock
from app.errors import ConfigurationError
from app.lifecycle import services
from app.logging import configure_logging
from app.market.moments import parse_interval
from app.market.time import MARKET_ZONE, Interval, iso
from app.quality.schemas import (
    FindingCounts,
    FindingResource,
    NightlyScanResource,
    ScanResource,
    ScoreResource,
)
from app.settings import Settings, load_settings

if TYPE_CHECKING:
    from app.market.areas import Place
    from app.quality.findings import State
    from app.quality.listing import ListedFinding, ListedScore
    from app.quality.scan import ScanSelection

DIMENSIONS = ("completeness", "timeliness", "validity", "accuracy", "overall")
SCORE_COLUMNS = ("item", "area", "series", "day", *DIMENSIONS, "stored", "expected", "violating", "flagged")
FINDING_COLUMNS = (
    "id", "item", "area", "series", "rule", "from", "to", "values", "score", "severity", "state", "note"
)  # fmt: skip
BACKGROUND = 10
"""How much a nightly scan yields to everything else on the machine."""


def _say(text: str) -> None:
    typer.echo(text, err=True)


def scan_command(
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str | None,
    end: str | None,
    *,
    nightly: bool,
    as_json: bool,
) -> int:
    """`nightly` scans all series over the set number of days, in the background, and compares their weeks."""
    settings, now = _start()
    if nightly and (areas or items or start or end):
        raise ConfigurationError(
            "--nightly scans everything over the days of GRIDKEEPER_QUALITY__SCAN_DAYS; leave the other options out"
        )
    if nightly:
        os.nice(BACKGROUND)
    done = asyncio.run(_scan(settings, (areas, items, start, end), now, nightly=nightly))
    if as_json:
        print_json(done, indent=None)
    else:
        _say(", ".join(f"{number} {name.replace('_', ' ')}" for name, number in done))
    return OK


async def _scan(
    settings: Settings,
    asked: tuple[Sequence[str] | None, Sequence[str] | None, str | None, str | None],
    now: datetime,
    *,
    nightly: bool,
) -> ScanResource:
    areas, items, start, end = asked
    days = settings.quality.scan_days
    async with services(settings, _say) as wiring:
        service = wiring.quality().service()
        if nightly:
            done = await service.scan_recent(days, now)
            return NightlyScanResource.of_night(done, await wiring.quality().trends().update(now))
        wanted = await service.wanted(areas, items)
        return ScanResource.of(await service.scan(wanted, _windows(start or f"-{days}d", end, now), now))


def score_command(
    areas: Sequence[str] | None, items: Sequence[str] | None, start: str, end: str | None, *, as_json: bool
) -> int:
    """The scores of each series and day; what has changed since the last scan is looked at first."""
    settings, now = _start()
    scores = asyncio.run(_scores(settings, areas, items, _windows(start, end, now), now))
    if as_json:
        print_json([ScoreResource.of(score) for score in scores])
    elif scores:
        print_table(SCORE_COLUMNS, [_score_row(score) for score in scores], right=set(SCORE_COLUMNS[4:]))
    else:
        _say("nothing is stored of these series in this time, so there is nothing to score")
    return OK


async def _scores(
    settings: Settings,
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    windows: DayRange,
    now: datetime,
) -> list[ListedScore]:
    async with services(settings, _say) as wiring:
        service, repository = wiring.quality().service(), wiring.quality().rows()
        wanted = await service.wanted(areas, items)
        await service.scan(wanted, windows, now)
        scores = await repository.scores(items=wanted.items, areas=wanted.areas, interval=windows.hull)
        # The day that holds the first moment is scored whole, like the one that holds the last.
        return [score for score in scores if windows.holds(score)]


def findings_command(
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    start: str,
    end: str | None,
    *,
    states: Sequence[str] | None,
    as_json: bool,
) -> int:
    """What the scans and checks found, the latest first."""
    settings, now = _start()
    wanted_states = _states(states) if states else None
    findings = asyncio.run(_findings(settings, areas, items, _windows(start, end, now).hull, wanted_states))
    if as_json:
        print_json([FindingResource.of(finding) for finding in findings])
    elif findings:
        print_table(FINDING_COLUMNS, [_finding_row(finding) for finding in findings], right={"id", "values", "score"})
    else:
        _say("no findings; `gridkeeper quality scan` looks for some")
    return OK


def _states(states: Sequence[str]) -> list[State]:
    from app.quality.findings import State

    try:
        return [State(state.lower()) for state in states]
    except ValueError:
        raise ConfigurationError(f"--state {', '.join(states)}: one of {', '.join(State)}") from None


async def _findings(
    settings: Settings,
    areas: Sequence[str] | None,
    items: Sequence[str] | None,
    interval: Interval,
    states: list[State] | None,
) -> list[ListedFinding]:
    async with services(settings, _say) as wiring:
        service, repository = wiring.quality().service(), wiring.quality().rows()
        wanted: ScanSelection = await service.wanted(areas, items)
        return await repository.findings(items=wanted.items, areas=wanted.areas, interval=interval, states=states)


def accept_command(finding_id: int, note: str, *, as_json: bool) -> int:
    """A person says that the values of a finding are right."""
    if not note.strip():
        raise ConfigurationError("--note is empty; say why the values are right")
    settings, now = _start()
    finding = asyncio.run(_accepted(settings, finding_id, note.strip(), now))
    if as_json:
        print_json(FindingResource.of(finding))
    else:
        _say(f"finding {finding_id} is accepted; its {finding.affected} values count as sound in the scores")
    return OK


async def _accepted(settings: Settings, finding_id: int, note: str, now: datetime) -> ListedFinding:
    async with services(settings, _say) as wiring:
        service = wiring.quality().service()
        return await service.accept(finding_id, note=note, by=getpass.getuser(), now=now)


def recheck_command(ids: Sequence[int] | None, *, as_json: bool) -> int:
    """Look again at the stored values of findings."""
    settings, now = _start()
    states = asyncio.run(_rechecked(settings, ids, now))
    if as_json:
        print_json(FindingCounts(states), indent=None)
    else:
        _say(", ".join(f"{number} {state}" for state, number in states.items()) or "there is no finding to look at")
    return OK


async def _rechecked(settings: Settings, ids: Sequence[int] | None, now: datetime) -> dict[str, int]:
    async with services(settings, _say) as wiring:
        service = wiring.quality().service()
        return (await service.recheck(ids or None, now)).states


class DayRange:
    """The asked range as whole local days of each place."""

    def __init__(self, start: str, end: str | None, now: datetime) -> None:
        self._range = (start, end)
        self._now = now
        self(None)  # a wrong moment is refused before anything begins

    def __call__(self, place: Place | None) -> Interval:
        zone = place.zone if place else MARKET_ZONE
        return parse_interval(*self._range, zone, self._now)

    @property
    def hull(self) -> Interval:
        """The days of any place."""
        from datetime import timedelta

        one = self(None)
        return Interval(one.start - timedelta(days=2), one.end + timedelta(days=2))

    def holds(self, score: ListedScore) -> bool:
        """Whether the day of a score lies in the range, in the time of its area."""
        from app.market.areas import find_place
        from app.quality.assessment.day_counts import days_of

        place = find_place(score.area_eic)
        return score.day in days_of(self(place), place.zone).days


def _windows(start: str, end: str | None, now: datetime) -> DayRange:
    return DayRange(start, end, now)


def _start() -> tuple[Settings, datetime]:
    settings = load_settings()
    configure_logging(settings.log)
    return settings, SystemClock().now()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _score_row(score: ListedScore) -> tuple[str, ...]:
    counts = (score.stored, score.expected, score.violating, score.flagged)
    scores = (_number(getattr(score, name)) for name in DIMENSIONS)
    return (score.item, score.area, score.name or "-", score.day.isoformat(), *scores, *map(str, counts))


def _finding_row(finding: ListedFinding) -> tuple[str, ...]:
    return (
        str(finding.finding_id), finding.item, finding.area, finding.name or "-", finding.rule,
        iso(finding.interval_start), iso(finding.interval_end), str(finding.affected), f"{finding.score:.2f}",
        finding.severity, finding.state, finding.note,
    )  # fmt: skip
