"""The scan: reads the stored values of series, examines them on their expected grid, and keeps scores and findings.

A series is looked at again where anything that its verdicts rest on has changed: its values, those of its companions,
what is missing, the rules. All of one portion of series is read from one snapshot and written in one transaction, so a
scan that is killed leaves whole portions, and what changes while it runs is seen by the next.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from app.collection.gaps.classification import NEVER_ASKED, Asked
from app.collection.gaps.expectation import Question, pair_of, question_of
from app.collection.gaps.idleness import is_storage
from app.collection.gaps.repository import GapRepository
from app.collection.gaps.windows import Gap
from app.collection.models import CollectionRequest
from app.market.areas import find_place
from app.market.series import DataItem, SeriesKey
from app.market.time import Interval
from app.quality.assessment.assess import AssessmentTarget, Looked, Stock, last_learned, look_at
from app.quality.assessment.day_counts import DeliveryDays, MissingRun, count_days, days_of, scores_of
from app.quality.detectors.early import FOLLOWING_DAYS
from app.quality.detectors.related_series import companions
from app.quality.findings import Finding, is_revised, reconcile
from app.quality.repository import QualityRepository, QualityWriter, Scan
from app.quality.scoring import DEFAULT_WEIGHTS, Weights
from app.sources.catalog import Publication
from app.timeseries.stored_units import StoredUnitsRepository

if TYPE_CHECKING:
    from app.collection.gaps.service import GapService
    from app.market.areas import Place
    from app.timeseries.repository import TimeSeriesRepository

RULES_VERSION = 20
"""Another number makes every series be looked at again."""
REFERENCE_DAYS = 56
"""What detectors learn habits from lies so long before the first day that is scored."""
PHASE_DAYS = 28
"""What is loaded begins on days so far apart, so that verdicts do not move with the window."""
SERIES_AT_ONCE = 16
PAIRS_AT_ONCE = 16

Windows = Callable[["Place"], Interval]
SeriesKeys = Sequence[tuple[int, SeriesKey]]
Written = tuple[int, int]
"""Findings and scores."""


@dataclass(slots=True)
class ScanReport:
    """What a scan did, in numbers."""

    series: int = 0
    examined: int = 0
    scores: int = 0
    findings: int = 0

    def add(self, other: ScanReport) -> None:
        for name in ("series", "examined", "scores", "findings"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class ScanSelection:
    """Which series to scan; None means any."""

    items: Collection[str] | None = None
    areas: Collection[str] | None = None
    ids: Collection[int] | None = None

    def includes(self, number: int, key: SeriesKey) -> bool:
        return (
            (self.items is None or key.item in self.items)
            and (self.areas is None or key.area in self.areas)
            and (self.ids is None or number in self.ids)
        )


class QualityScanner:
    """Scores series and finds what is wrong with them; `now` is passed in by the caller."""

    def __init__(
        self,
        timeseries: TimeSeriesRepository,
        stock: StoredUnitsRepository,
        gaps: GapService,
        records: GapRepository,
        repository: QualityRepository,
        *,
        publication: Publication,
        weights: Weights = DEFAULT_WEIGHTS,
    ) -> None:
        self._timeseries = timeseries
        self._gaps = gaps
        self._stock = stock
        self._records = records
        self._repository = repository
        self._weights = weights
        self._publication = publication

    async def scan(self, wanted: ScanSelection, windows: Windows, now: datetime, *, again: bool = False) -> ScanReport:
        """Scan the wanted series over the local days of their window; `again` looks also at what has not changed."""
        known = await self._timeseries.series()
        report = ScanReport()
        for pairs in _portions(_pairs(known, wanted, windows, now)):
            targets = await self._targets(pairs, known, now)
            for first in range(0, len(targets), SERIES_AT_ONCE):
                await self._examine(targets[first : first + SERIES_AT_ONCE], known, now, report, again=again)
        return report

    async def portions(self, windows: Windows, now: datetime) -> list[list[int]]:
        """All series in the portions of such a scan."""
        pairs = _pairs(await self._timeseries.series(), ScanSelection(), windows, now)
        return [sorted({number for pair in portion for number in pair.ids}) for portion in _portions(pairs)]

    async def _targets(self, pairs: Sequence[_Pair], known: SeriesKeys, now: datetime) -> list[AssessmentTarget]:
        """The series of the pairs with what is missing of them, as the analysis of gaps sees it."""
        requests = [CollectionRequest(pair.item, pair.place, pair.loaded) for pair in pairs]
        # A scan looks further back than anybody has promised to be complete.
        gaps = await self._gaps.analyse(requests, now, adding=False)
        timed = [
            (request, pair.days.interval)
            for request, pair in zip(requests, pairs, strict=True)
            if self._publication(pair.item) is not None
        ]
        asked = await self._records.asked(timed) if timed else {}
        members = [[(n, key) for n, key in known if (key.item, key.area) == pair_of(one)] for one in requests]
        places = {n: pair.place for pair, group in zip(pairs, members, strict=True) for n, _ in group}
        async with self._stock.reading(places) as reader:
            extents = await reader.extents(list(places))
        found: list[AssessmentTarget] = []
        for pair, request, group in zip(pairs, requests, members, strict=True):
            question = question_of(request, group, extents, now)
            runs = asked.get(pair_of(request), NEVER_ASKED)
            found += [one for one in self._of_pair(pair, group, question, gaps, runs) if one.series_id in pair.ids]
        return found

    def _of_pair(
        self, pair: _Pair, group: SeriesKeys, question: Question | None, gaps: Sequence[Gap], asked: Asked
    ) -> Iterator[AssessmentTarget]:
        lines = {n: line for line in (question.lines if question else ()) for n in line.ids}
        rule = self._publication(pair.item)
        for number, key in group:
            line = lines.get(number)
            # Of series that complete each other the first answers for what is missing.
            answers = line is not None and line.ids[0] == number
            yield AssessmentTarget(
                number,
                key,
                pair.place.zone,
                pair.days,
                pair.loaded,
                line.ids[0] if line else number,
                line.interval if line is not None and answers else None,
                tuple(_holes(gaps, pair, line.key)) if line is not None and answers else (),
                asked,
                rule,
            )

    async def _examine(
        self, targets: Sequence[AssessmentTarget], known: SeriesKeys, now: datetime, report: ScanReport, *, again: bool
    ) -> None:
        company = _company(targets, known)
        report.series += len(targets)
        stock, scans = await self._read(targets, company, again=again)
        changed = [target for target in targets if target.series_id in scans]
        if not changed:
            return
        looked = await asyncio.to_thread(
            lambda: [look_at(target, stock, company[target.series_id]) for target in changed]
        )
        ids = [target.series_id for target in changed]
        hull = Interval(min(one.days.bounds[0] for one in changed), max(one.days.bounds[-1] for one in changed))
        async with self._repository.writing(ids) as writer:
            findings = await writer.findings(ids, hull)
            for one in looked:
                found, scored = await self._keep(writer, one, findings[one.target.series_id], now)
                report.findings, report.scores = report.findings + found, report.scores + scored
                await writer.keep_scan(scans[one.target.series_id], now, findings=found, scores=scored)
        report.examined += len(changed)

    async def _read(
        self, targets: Sequence[AssessmentTarget], company: Mapping[int, SeriesKeys], *, again: bool
    ) -> tuple[Stock, dict[int, Scan]]:
        """The values of the series that have to be looked at and of their companions, and what their scan will be."""
        hull = Interval(min(one.loaded.start for one in targets), max(one.loaded.end for one in targets))
        ids = {one.series_id for one in targets}
        everybody = ids | {number for others in company.values() for number, _ in others}
        async with self._repository.reading() as reader:
            digests = await reader.fingerprints(everybody, hull)
            last = await reader.scans(ids)
            scans = {
                one.series_id: scan
                for one in targets
                for scan in [self._scan_of(one, company[one.series_id], digests)]
                if again or _differs(scan, last)
            }
            wanted = {number for one in scans for number in (one, *(other for other, _ in company[one]))}
            values = await reader.values(wanted, hull) if wanted else {}
            changes = await reader.changes({one.line for one in targets if one.series_id in scans})
        return Stock(values, changes), scans

    def _scan_of(
        self, target: AssessmentTarget, company: SeriesKeys, digests: Mapping[int, tuple[str, datetime | None]]
    ) -> Scan:
        parts = [str(RULES_VERSION), repr(self._weights), f"{target.loaded.start:%Y-%m-%d}", *map(str, target.lacking)]
        parts += [digests.get(number, ("-", None))[0] for number in (target.series_id, *(n for n, _ in company))]
        digest = hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]
        return Scan(target.series_id, digest, target.days.interval, digests.get(target.series_id, ("", None))[1])

    async def _keep(self, writer: QualityWriter, looked: Looked, known: Sequence[Finding], now: datetime) -> Written:
        target = looked.target
        learned = {one.finding_id or 0: last_learned(looked.observed, one.interval) for one in known}
        changes = reconcile(known, looked.look, learned, now)
        written = await writer.keep_findings(changes)
        counts = count_days(
            looked.pieces,
            target.missing,
            target.days,
            expected=target.expected,
            findings=[one for one in known if not is_revised(one, learned[one.finding_id or 0])],
            beside_the_grid=looked.beside_the_grid,
            may_idle=is_storage(target.key),
        )
        scores = scores_of(counts, target.days, self._weights)
        return written, await writer.keep_scores(target.series_id, target.days.interval, scores, now)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The wanted series of one item and place, and the time to look at."""

    item: DataItem
    place: Place
    days: DeliveryDays
    loaded: Interval
    ids: frozenset[int]


def _pairs(known: SeriesKeys, wanted: ScanSelection, windows: Windows, now: datetime) -> list[_Pair]:
    numbers: dict[tuple[str, str], set[int]] = {}
    for number, key in known:
        if wanted.includes(number, key):
            numbers.setdefault((key.item, key.area), set()).add(number)
    found: list[_Pair] = []
    for (item, area), ids in numbers.items():
        place = find_place(area)
        days = days_of(windows(place), place.zone)
        loaded = Interval(_anchor(days.bounds[0]), _end_of_what_follows(days.bounds[-1], now))
        found.append(_Pair(DataItem(item), place, days, loaded, frozenset(ids)))
    return found


def _anchor(start: datetime) -> datetime:
    """Where loading begins for days from `start` on."""
    day = int((start - timedelta(days=REFERENCE_DAYS)).timestamp()) // 86_400
    return datetime.fromtimestamp(day // PHASE_DAYS * PHASE_DAYS * 86_400, UTC)


def _end_of_what_follows(end: datetime, now: datetime) -> datetime:
    """Where loading ends for days until `end`: the first weeks of a series are judged by what follows them."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return max(end, min(end + timedelta(days=FOLLOWING_DAYS[-1]), today))


def _portions(pairs: Sequence[_Pair]) -> Iterator[list[_Pair]]:
    """Pairs with about `PAIRS_AT_ONCE` series together."""
    portion: list[_Pair] = []
    for pair in pairs:
        if portion and sum(len(one.ids) for one in portion) + len(pair.ids) > PAIRS_AT_ONCE:
            yield portion
            portion = []
        portion.append(pair)
    if portion:
        yield portion


def _holes(gaps: Sequence[Gap], pair: _Pair, key: SeriesKey) -> Iterator[MissingRun]:
    """What is missing of a line within the scored days."""
    for gap in gaps:
        if (gap.item, gap.place.eic) == (pair.item, pair.place.eic) and gap.series_key == key:
            yield MissingRun(gap.interval, gap.resolution, gap.reason.value)


def _company(targets: Sequence[AssessmentTarget], known: SeriesKeys) -> dict[int, SeriesKeys]:
    """The stored series that can speak about each."""
    places: dict[tuple[str, str], list[tuple[int, SeriesKey]]] = {}
    for number, key in known:
        places.setdefault((key.item, key.area), []).append((number, key))
    return {
        target.series_id: [
            (number, key)
            for one in companions(target.key)
            for number, key in places.get((one.item.value, one.area), ())
            if one.fits(key)
        ]
        for target in targets
    }


def _differs(scan: Scan, last: Mapping[int, tuple[str, datetime]]) -> bool:
    """Whether anything has changed since the last scan, or that one began later."""
    fingerprint, start = last.get(scan.series_id, ("", scan.window.start))
    return fingerprint != scan.fingerprint or scan.window.start < start
