"""Builds the whole answer to a request: a market document, a zip of one, or an acknowledgement. Pure in its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.entsoe.items import ItemSpec
from app.entsoe.market_document import (
    DocumentPeriod,
    Identity,
    TimeSeries,
    file_stamp,
    write_acknowledgement,
    write_document,
    zipped,
)
from app.entsoe.request import Refused, Request, no_matching_data, read_request
from app.market.areas import Border, borders
from app.market.series import DataItem
from app.market.time import Interval, Resolution, local_day, midnight
from app.sandbox.items import identities, values
from app.sandbox.noise import key_of
from app.sandbox.profiles import resolution_segments
from app.sandbox.publication import corrected, missing, published_count, within
from app.sandbox.settings import Hole, SandboxSettings
from app.sandbox.values import Grid, SyntheticValues, Times, ValueRequest

_WHOLE_DAYS = {DataItem.PRICE_DAY_AHEAD}
_SEQUENTIAL = {DataItem.EXCHANGE_SCHEDULED}
"""Written as A01: each position stands for itself, and one that is not written is a gap."""
_ZIPPED = {DataItem.IMBALANCE_PRICE, DataItem.IMBALANCE_VOLUME}


@dataclass(frozen=True, slots=True)
class SandboxResponse:
    """An answer before it meets the wire."""

    status: int
    content_type: str
    body: bytes
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """What the synthetic values depend on."""

    seed: int
    hole_share: float
    correction_share: float
    holes: tuple[Hole, ...] = ()

    @classmethod
    def of(cls, settings: SandboxSettings) -> World:
        return cls(settings.seed, settings.hole_share, settings.correction_share, settings.holes)


def answer(parameters: Mapping[str, str], world: World, now: datetime) -> SandboxResponse:
    """The platform's answer to these query parameters at this instant."""
    try:
        request = read_request(parameters)
        series = paged(request.spec, time_series(request, world, now), request.offset)
        if not series:
            raise no_matching_data(request)
    except Refused as refused:
        return acknowledgement(refused.status, refused.text, now)
    mrid = f"{key_of(sorted(parameters.items()), now):016x}{key_of(now, world.seed):016x}"
    return _data_answer(request, write_document(request.spec, request.place, series, mrid, now))


def acknowledgement(status: int, text: str, now: datetime) -> SandboxResponse:
    """An answer without data."""
    mrid = f"{key_of(text, now):016x}"
    body = write_acknowledgement(text, f"{mrid[:8]}-{mrid[8:12]}-4", now)
    return SandboxResponse(status, "text/xml", body, "acknowledgement.xml")


def _data_answer(request: Request, document: bytes) -> SandboxResponse:
    stamp = file_stamp(request.interval)
    name = request.spec.name.partition(" ")[0]
    if request.spec.item in _ZIPPED:
        content = zipped(f"001-{name}_{stamp}.xml", document)
        return SandboxResponse(200, "application/zip", content, f"{name}_{stamp}.zip")
    title = name.removesuffix("_R3").replace("_", " ").title()
    return SandboxResponse(200, "text/xml", document, f"{title} {stamp}.xml")


def paged(spec: ItemSpec, series: list[TimeSeries], offset: int) -> list[TimeSeries]:
    """The part of the series that one document may hold; an item that does not page refuses more than its limit."""
    if spec.max_series is None:
        return series
    if spec.pages:
        return series[offset : offset + spec.max_series]
    if len(series) > spec.max_series:
        text = f"The number of instances ({len(series)}) exceeds the allowed maximum ({spec.max_series})"
        raise Refused(400, f"{text} for data item {spec.name.partition(' ')[0]}.")
    return series


def time_series(request: Request, world: World, now: datetime) -> list[TimeSeries]:
    """Every TimeSeries that the platform has for the request at this instant, in document order."""
    interval = request.place.exists_during(request.interval)
    if interval is None or (isinstance(request.place, Border) and request.place not in borders()):
        return []
    wanted = [one for one in identities(request.spec.item, request.place) if _passes(one, request.filters)]
    grids = list(_grids(request, interval))
    found: list[TimeSeries] = []
    for identity in wanted:
        periods = [period for grid in grids for period in _periods(request, identity, grid, world, now)]
        groups = _grouped(request.spec.item, periods, request.place.zone)
        found.extend(TimeSeries(identity, _curve(request), tuple(group)) for group in groups)
    if request.spec.item in {DataItem.PRICE_DAY_AHEAD, DataItem.IMBALANCE_VOLUME}:
        found.sort(key=lambda one: one.start)
    return found


def _passes(identity: Identity, filters: Mapping[str, str]) -> bool:
    """Whether the filters let the series through; one on a component that the item does not have is ignored."""
    return all(getattr(identity, component) in {"", wanted} for component, wanted in filters.items())


def _curve(request: Request) -> str:
    if request.curve_type in {"A01", "A03"}:
        return request.curve_type
    return "A01" if request.spec.item in _SEQUENTIAL else "A03"


def _grids(request: Request, interval: Interval) -> Iterator[Grid]:
    """The units of the answer: snapped outwards to whole units, and to whole days where the platform does so."""
    spec, zone = request.spec, request.place.zone
    for part, resolution in resolution_segments(spec.item, request.place, spec.resolutions, interval):
        step = Resolution.P1D if spec.item in _WHOLE_DAYS else resolution
        snapped = _snapped(part, step, request)
        starts = resolution.starts(snapped, zone)
        yield Grid(resolution, zone, np.append(starts, int(snapped.end.timestamp())))


def _snapped(interval: Interval, step: Resolution, request: Request) -> Interval:
    zone = request.place.zone
    if step.seconds:
        start, end = int(interval.start.timestamp()), int(interval.end.timestamp())
        first, last = start // step.seconds * step.seconds, -(-end // step.seconds) * step.seconds
        return Interval(*(datetime.fromtimestamp(second, interval.start.tzinfo) for second in (first, last)))
    first_day = _unit_day(local_day(interval.start, zone), step)
    start_instant = midnight(first_day, zone)
    count = step.count(Interval(start_instant, interval.end), zone)
    return Interval(start_instant, step.step(start_instant, count, zone))


def _unit_day(day: date, step: Resolution) -> date:
    """The first day of the calendar unit: weeks begin on Monday."""
    if step is Resolution.P7D:
        return day - timedelta(days=day.weekday())
    return day.replace(month=1, day=1) if step is Resolution.P1Y else day


def _grouped(item: DataItem, periods: list[DocumentPeriod], zone: ZoneInfo) -> list[list[DocumentPeriod]]:
    """The Periods of a series as the platform spreads them over TimeSeries: a day each, a run each, or all in one."""
    if item is DataItem.IMBALANCE_VOLUME:
        return [[period] for period in periods]
    if item not in _WHOLE_DAYS:
        return [periods] if periods else []
    days = groupby(periods, key=lambda period: datetime.fromtimestamp(period.start, zone).date())
    return [list(group) for _, group in days]


def _periods(request: Request, identity: Identity, grid: Grid, world: World, now: datetime) -> Iterator[DocumentPeriod]:
    """What is public of a series on one grid, as Periods without holes (A03) or with positions left out (A01)."""
    spec, instant = request.spec, int(now.timestamp())
    key = key_of(world.seed, spec.item, request.place.eic, identity)
    public = published_count(spec, key, grid, now)
    if not public:
        return
    grid = Grid(grid.resolution, grid.zone, grid.bounds[: public + 1])
    numbers = values(ValueRequest(world.seed, spec.item, request.place, identity, grid, instant))
    numbers = corrected(key, grid, numbers, instant, world.correction_share)
    holes = [one for one in world.holes if _meets(one, request, identity) and one.lasts(now)]
    absent = missing(key, grid, instant, world.hole_share) | within(grid, [one for one in holes if not one.garbled])
    present = ~(np.isnan(numbers) | absent)
    numbers = np.where(within(grid, [one for one in holes if one.garbled]), np.nan, numbers)
    whole = spec.document_type == "A65"
    for first, last in _runs(present, grid, request):
        if _curve(request) == "A01":
            positions = np.flatnonzero(present[first:last])
        else:
            positions = _written(numbers[first:last], whole=whole)
        yield _period(grid, numbers, first, last, positions)


def _meets(hole: Hole, request: Request, identity: Identity) -> bool:
    """Whether the hole is one of this series."""
    asked = (request.spec.item, request.place.code)
    return asked == (hole.item, hole.place) and hole.psr_type in {"", identity.psr_type}


def _period(grid: Grid, numbers: SyntheticValues, first: int, last: int, positions: NDArray[np.intp]) -> DocumentPeriod:
    start, end = int(grid.bounds[first]), int(grid.bounds[last])
    return DocumentPeriod(start, end, grid.resolution, positions + 1, numbers[first:last][positions])


def _written(numbers: SyntheticValues, *, whole: bool) -> NDArray[np.intp]:
    """The positions that A03 writes: where the value changes. Loads are written in full all the same."""
    if whole:
        return np.arange(len(numbers))
    changed = np.ones(len(numbers), dtype=np.bool_)
    changed[1:] = numbers[1:] != numbers[:-1]
    return np.flatnonzero(changed)


def _runs(present: NDArray[np.bool_], grid: Grid, request: Request) -> list[tuple[int, int]]:
    """Index ranges that become a Period each: cut at midnight where a day is a TimeSeries, and at holes but in A01."""
    edges = {0, len(present)}
    if request.spec.item in _WHOLE_DAYS:
        edges.update(_midnights(grid))
    if _curve(request) == "A03" or request.spec.item is DataItem.IMBALANCE_VOLUME:
        edges.update((np.flatnonzero(present[1:] != present[:-1]) + 1).tolist())
    return [(first, last) for first, last in pairwise(sorted(edges)) if present[first:last].any()]


def _midnights(grid: Grid) -> list[int]:
    """Indices of the units at which a local day begins, but the first."""
    first, last = (datetime.fromtimestamp(int(second), grid.zone) for second in grid.bounds[[0, -1]])
    days = [midnight(first.date() + timedelta(days=number), grid.zone) for number in range(1, (last - first).days + 2)]
    stamps = np.array([int(day.timestamp()) for day in days], dtype=np.int64)
    found: Times = np.searchsorted(grid.starts, stamps)
    return [int(index) for index in found if 0 < index < len(grid.starts)]
