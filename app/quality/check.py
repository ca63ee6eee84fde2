"""The check after a collection run: hard rules and structure of the window that was stored, within milliseconds.

What needs weeks of a series is left to the nightly scan, which also scores.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import structlog

from app.clock import Clock
from app.collection.models import CollectionRun
from app.errors import DatabaseUnavailable
from app.logging import OutageLog
from app.market.areas import Place
from app.market.series import SeriesKey
from app.market.time import Interval, Resolution
from app.quality.assessment.alignment import NOTHING, StoredValues, align, aligned, off_grid
from app.quality.assessment.assess import last_learned
from app.quality.assessment.series_assessment import breaches, off_grid_event
from app.quality.detectors.related_series import Role, companions
from app.quality.findings import VALIDITY, Detected, Finding, Reassessment, family, reconcile
from app.quality.models import EvidenceRule
from app.quality.repository import QualityRepository, ScanReader
from app.quality.rules.series_kinds import Subject
from app.timeseries.grid import ResolutionChange
from app.timeseries.repository import TimeSeriesRepository

REFERENCE = timedelta(days=15)
QUICK = VALIDITY - {EvidenceRule.SEASONAL_BOUNDS}
"""Rules that two weeks of a series are enough for."""
FAMILIES = frozenset(family(rule) for rule in QUICK)

Members = Sequence[tuple[int, SeriesKey]]


@dataclass(frozen=True, slots=True, eq=False)
class _Stock:
    members: Members
    values: dict[int, StoredValues]
    capacities: dict[int, StoredValues]


class RunCheck:
    """Checks the stored window of one item and place."""

    def __init__(self, timeseries: TimeSeriesRepository, repository: QualityRepository, clock: Clock) -> None:
        self._timeseries = timeseries
        self._repository = repository
        self._clock = clock

    async def check(self, item: str, place: Place, window: Interval) -> int:
        """The number of findings that the check wrote; values outside the window are references only."""
        members = await self._timeseries.series(items=[item], areas=[place.eic])
        if not members:
            return 0
        async with self._repository.reading() as reader:
            stock = await self._read(reader, members, place, window)
            kept = await reader.any_findings([number for number, _ in members], window)
        looks = await asyncio.to_thread(
            lambda: {number: _look(number, key, stock, place, window) for number, key in stock.members}
        )
        touched = [number for number, look in looks.items() if look.detected or number in kept]
        return await self._write(touched, looks, stock, window) if touched else 0

    async def _read(self, reader: ScanReader, members: Members, place: Place, window: Interval) -> _Stock:
        loaded = Interval(window.start - REFERENCE, window.end)
        values = await reader.values([number for number, _ in members], loaded)
        found = [(number, key) for number, key in members if len(values[number])]
        wanted = {number: one for number, key in found for one in companions(key) if one.role is Role.CAPACITY}
        capacities: dict[int, StoredValues] = {}
        if wanted:
            installed = await self._timeseries.series(items=["installed_capacity"], areas=[place.eic])
            years = Interval(window.start - timedelta(days=400), window.end)
            known = await reader.values([number for number, _ in installed], years) if installed else {}
            for number, one in wanted.items():
                fitting = [known[other] for other, key in installed if one.fits(key)]
                capacities[number] = fitting[0] if fitting else NOTHING
        return _Stock(found, values, capacities)

    async def _write(self, ids: Sequence[int], looks: dict[int, Reassessment], stock: _Stock, window: Interval) -> int:
        written = 0
        async with self._repository.writing(ids) as writer:
            findings = await writer.findings(ids, window)
            for number in ids:
                known = [one for one in findings[number] if one.family in FAMILIES]
                changes = reconcile(known, looks[number], _learned(known, stock.values[number]), self._clock.now())
                written += await writer.keep_findings(changes)
        return written


def _learned(known: Sequence[Finding], observed: StoredValues) -> dict[int, datetime | None]:
    return {one.finding_id or 0: last_learned(observed, one.interval) for one in known}


def _look(number: int, key: SeriesKey, stock: _Stock, place: Place, window: Interval) -> Reassessment:
    """What rules say about the values of the window; each resolution that has values there is a grid of its own."""
    observed = stock.values[number]
    begin, end = (int(instant.timestamp()) for instant in (window.start, window.end))
    within = (observed.starts >= begin) & (observed.starts < end)
    events: list[Detected] = []
    loaded = Interval(window.start - REFERENCE, window.end)
    for resolution in np.unique(observed.resolutions[within]).tolist():
        first = int(observed.starts[observed.resolutions == resolution][0])
        for grid_series in align(
            observed, [ResolutionChange(first, Resolution.from_id(resolution))], loaded, place.zone
        ):
            inside = (grid_series.starts >= begin) & (grid_series.starts < end)
            capacity = aligned(stock.capacities.get(number, NOTHING), grid_series.starts, grid_series.step)
            events += breaches(Subject.of(key), grid_series, capacity, inside, QUICK)
    beside = np.intersect1d(off_grid(observed), observed.starts[within])
    if len(beside):
        events.append(off_grid_event(beside, observed.recorded[np.isin(observed.starts, beside)]))
    return Reassessment(number, window, tuple(events))


class QueuedChecks:
    """Hears of runs and checks their windows beside the collection; what does not fit in the queue awaits the scan."""

    def __init__(self, check: RunCheck, *, room: int) -> None:
        self._check = check
        self._room = room
        self._waiting: deque[CollectionRun] = deque()
        self._arrived = asyncio.Event()
        self._log = structlog.get_logger()
        self._away = OutageLog("run_checks_failed", "run_checks_recovered")
        self.left_out = 0

    @property
    def waiting(self) -> int:
        """Windows that wait, the one under way included."""
        return len(self._waiting)

    async def observe(self, run: CollectionRun) -> None:
        if not (run.new or run.revised or run.vanished):
            return
        if len(self._waiting) >= self._room:
            self.left_out += 1
            return
        self._waiting.append(run)
        self._arrived.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Check windows until `stop` is set."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                arrived = asyncio.create_task(self._arrived.wait())
                await asyncio.wait((stopped, arrived), return_when=asyncio.FIRST_COMPLETED)
                arrived.cancel()
                self._arrived.clear()
                while self._waiting and not stop.is_set():
                    await self._one(self._waiting[0])
                    self._waiting.popleft()
        finally:
            stopped.cancel()

    async def _one(self, run: CollectionRun) -> None:
        try:
            found = await self._check.check(run.item.value, run.place, run.window)
        except DatabaseUnavailable as error:
            # An outage and no defect; the scan looks at the window, because its values have changed.
            self._away.met(f"{error}; the nightly scan looks at the windows of these runs")
            self.left_out += 1
            return
        except Exception:  # noqa: BLE001  the boundary of a job: the scan looks at the window again
            self._log.exception("run_check_failed", item=run.item, area=run.place.code, window=str(run.window))
            return
        self._away.over()
        if found:
            self._log.info("run_check_flagged", item=run.item, area=run.place.code, findings=found)
