"""What people and jobs ask of quality: scan, accept a finding, look at findings again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.errors import NotFound
from app.market.areas import Place, find_area
from app.market.series import find_item
from app.market.time import Interval
from app.quality.findings import GONE, State
from app.quality.listing import ListedFinding
from app.quality.repository import QualityRepository
from app.quality.scan import QualityScanner, ScanReport, ScanSelection, Windows
from app.timeseries.repository import TimeSeriesRepository

STANDING = frozenset(State) - GONE
"""States in which something still speaks against the values."""
AHEAD = timedelta(days=2)
"""Prices and forecasts of tomorrow are stored today."""


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What another look at findings came to: their number by state."""

    states: dict[str, int]
    scan: ScanReport


class QualityService:
    """Scores and findings of the stored series."""

    def __init__(
        self, timeseries: TimeSeriesRepository, repository: QualityRepository, scanner: QualityScanner
    ) -> None:
        self._timeseries = timeseries
        self._repository = repository
        self._scanner = scanner

    async def wanted(self, areas: Sequence[str] | None, items: Sequence[str] | None) -> ScanSelection:
        """The stored series of these items and areas; an area stands also for its borders. None means any."""
        names = None if items is None else [find_item(text).value for text in items]
        if areas is None:
            return ScanSelection(names)
        named = {_canonical(text) for text in areas}
        stored = {key.area for _, key in await self._timeseries.series(items=names)}
        return ScanSelection(names, [one for one in stored if one in named or named & set(one.split(">"))])

    async def scan(self, wanted: ScanSelection, windows: Windows, now: datetime, *, again: bool = False) -> ScanReport:
        """Score the wanted series over their windows and find what is wrong; the same again changes nothing."""
        return await self._scanner.scan(wanted, windows, now, again=again)

    async def scan_recent(self, days: int, now: datetime, *, ids: Collection[int] | None = None) -> ScanReport:
        """Scan all series, or these, over the last days."""
        return await self.scan(ScanSelection(ids=ids), _recent(days, now), now)

    async def portions(self, days: int, now: datetime) -> list[list[int]]:
        """All series in portions, each of which is scanned in one go."""
        return await self._scanner.portions(_recent(days, now), now)

    async def accept(self, finding_id: int, *, note: str, by: str, now: datetime) -> ListedFinding:
        """The accepted finding, whose values count as sound in the scores from now on."""
        finding = await self._repository.accept(finding_id, note=note, by=by, now=now)
        await self._look_again(finding.series_id, finding.interval, now)
        return (await self._repository.findings(ids=[finding_id]))[0]

    async def recheck(self, ids: Collection[int] | None, now: datetime) -> Rechecked:
        """Look again at the stored values of findings that stand: all, or these; NotFound where there is none of them."""
        findings = await self._repository.findings(ids=ids, states=None if ids else STANDING)
        if unknown := set(ids or ()) - {finding.finding_id for finding in findings}:
            raise NotFound(f"there is no finding {min(unknown)}; `gridkeeper quality findings` lists them")
        spans: dict[int, Interval] = {}
        for finding in findings:
            span = spans.get(finding.series_id, Interval(finding.interval_start, finding.interval_end))
            spans[finding.series_id] = Interval(
                min(span.start, finding.interval_start), max(span.end, finding.interval_end)
            )
        report = ScanReport()
        for number, span in spans.items():
            report.add(await self._look_again(number, span, now))
        after = await self._repository.findings(ids=[finding.finding_id for finding in findings])
        return Rechecked(dict(sorted(Counter(finding.state for finding in after).items())), report)

    async def _look_again(self, series_id: int, interval: Interval, now: datetime) -> ScanReport:
        def window(_: Place) -> Interval:
            return interval

        return await self.scan(ScanSelection(ids={series_id}), window, now, again=True)


def _recent(days: int, now: datetime) -> Windows:
    return lambda _: Interval(now - timedelta(days=days), now + AHEAD)


def _canonical(text: str) -> str:
    """An area as EIC, a border as `OUT>IN` of them."""
    return ">".join(find_area(part).eic for part in text.split(">"))
