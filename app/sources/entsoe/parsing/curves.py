"""From a Period as written to curves: its grid in the right zone, its points on the grid, and a report of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from sys import getsizeof
from zoneinfo import ZoneInfo

from app.errors import MalformedDocument
from app.market.areas import by_eic
from app.market.time import MARKET_ZONE, Interval, Resolution, iso
from app.sources.entsoe.parsing.documents import ExpandedCurve, Rejection, SeriesHeader, UnavailableInterval
from app.sources.entsoe.parsing.expand import Expansion, Points, Segment, UnreadablePoint, curve_segments, expand
from app.sources.entsoe.parsing.headers import Notice

MAX_PERIOD_POSITIONS = 1_000_000
"""A year of minutes is half of this."""
MAX_POSITIONS = 1_000_000
"""Of an answer of no size; the largest the platform gives has some hundred thousand."""
BYTES_PER_POSITION = 16
"""Of an answer, packed as it came: so many allow one position more."""
MAX_TEXTS = 16 * 1024 * 1024
"""Bytes of headers and notices of an answer of no size; the largest that were recorded have some hundred thousand."""
TEXTS_PER_BYTE = 8
"""Of an answer, packed as it came: each byte allows so many more."""
MAX_REJECTIONS = 50_000
"""Of one answer; what is refused beyond is counted."""

_TOO_MUCH = "the answer would have too many positions for its size; the Period is not expanded"
_PERIOD_COST = 64
"""What a Period takes beside its values, in positions of 17 bytes."""

OUTAGES = "Unavailability_MarketDocument"
_UTC = ZoneInfo("UTC")
_OTHER_ZONES = (ZoneInfo("Europe/Helsinki"), ZoneInfo("Europe/London"), ZoneInfo("Europe/Istanbul"))
_SEQUENTIAL = ("A01", "A02", "")
_VARIABLE = "A03"
_TEXT_SHOWN = 60


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The points of one measure (quantity, price …), in one direction where the points write one."""

    measure: str
    direction: str
    points: Points


@dataclass(frozen=True, slots=True, eq=False)
class WrittenPeriod:
    """A Period before it is understood: texts as written, points as columns; `unreadable` are those of all measures."""

    start: str
    end: str
    resolution: str
    measured: tuple[Measured, ...]
    unreadable: tuple[UnreadablePoint, ...] = ()
    problem: str = ""


class PositionLimit:
    """How much an answer may still become: positions, texts, and reports of what is refused; shared by its documents."""

    def __init__(self, size: int = 0) -> None:
        self._positions = MAX_POSITIONS + size // BYTES_PER_POSITION
        self._texts = MAX_TEXTS + size * TEXTS_PER_BYTE
        self._rejections = MAX_REJECTIONS
        self.unlisted = 0

    def take(self, positions: int) -> bool:
        """Whether a Period of so many fits; if so, they are used up."""
        if positions + _PERIOD_COST > self._positions:
            return False
        self._positions -= positions + _PERIOD_COST
        return True

    def keep(self, texts: Iterable[str]) -> None:
        """Uses up what the texts take of the memory; MalformedDocument where they do not fit."""
        self._texts -= sum(map(getsizeof, texts))
        if self._texts < 0:
            raise MalformedDocument(
                f"the answer has texts of more than {MAX_TEXTS} bytes for its size, which no answer of the platform has"
            )

    def listed(self, rejections: Sequence[Rejection]) -> Sequence[Rejection]:
        """Those that may be reported one by one."""
        kept = rejections[: self._rejections]
        self._rejections -= len(kept)
        self.unlisted += len(rejections) - len(kept)
        return kept


class _Refused(Exception):
    """A Period cannot be expanded; the message is its report."""


def curves_of(
    period: WrittenPeriod, header: SeriesHeader, root: str, budget: PositionLimit
) -> tuple[list[ExpandedCurve], list[UnavailableInterval], list[Rejection]]:
    """The curves of a Period, one for each measure and price category, its outages, and what could not be taken."""
    where = f"Period {period.start[:_TEXT_SHOWN]}/{period.end[:_TEXT_SHOWN]}"
    try:
        interval = _interval(period)
        resolution = _resolution(period)
        repeat = _repeats(header.curve_type)
        zone = _zone(resolution, interval, header)
        expanded = root != OUTAGES or resolution is not Resolution.PT1M
        wanted = sum(len(one.points.category_names) for one in period.measured) if expanded else 0
        count = _count(resolution, interval, zone, wanted, budget)
    except _Refused as refusal:
        return [], [], [Rejection(header.time_series, where, period.resolution[:_TEXT_SHOWN], str(refusal))]
    grid = _Grid(interval, resolution, zone, where, header.time_series)
    rejections = list(grid.unreadable(period.unreadable))
    curves: list[ExpandedCurve] = []
    outages: list[UnavailableInterval] = []
    for one in period.measured:
        labelled = _labelled(header, one)
        if expanded:
            found, misplaced = _curves(period, one, labelled, grid, count, repeat=repeat)
            curves += found
            rejections += misplaced
        if root == OUTAGES:
            intervals = curve_segments(one.points, count, repeat=repeat)
            if budget.take(_PERIOD_COST * len(intervals)):
                outages += [
                    grid.outage(labelled, part, period.resolution, count, expanded=expanded) for part in intervals
                ]
            else:
                rejections.append(Rejection(header.time_series, where, period.resolution, _TOO_MUCH))
        if not expanded:
            rejections += grid.outside(one.points, count)
    return curves, outages, rejections


def _labelled(header: SeriesHeader, one: Measured) -> SeriesHeader:
    """The header of one measure; beside a quantity a price has a unit of its own."""
    unit = header.price_unit if "price" in one.measure and header.price_unit else header.unit
    return replace(header, measure=one.measure, unit=unit, flow_direction=one.direction or header.flow_direction)


def _curves(
    period: WrittenPeriod, one: Measured, header: SeriesHeader, grid: _Grid, count: int, *, repeat: bool
) -> tuple[list[ExpandedCurve], list[Rejection]]:
    expansions = expand(one.points, count, repeat=repeat)
    starts = grid.resolution.starts(grid.interval, grid.zone)
    curves = [
        ExpandedCurve(
            header=replace(header, category=part.category) if part.category else header,
            period=grid.interval,
            resolution=grid.resolution,
            resolution_text=period.resolution,
            starts=starts[part.slots],
            values=part.values,
            filled=part.filled,
        )
        for part in expansions
        if part.slots.size
    ]
    return curves, [row for part in expansions for row in grid.misplaced(part, count)]


@dataclass(frozen=True, slots=True)
class _Grid:
    """Says of a position where it lies, for reports."""

    interval: Interval
    resolution: Resolution
    zone: ZoneInfo
    period: str
    time_series: str

    def instant(self, slot: int) -> datetime:
        return self.resolution.step(self.interval.start, slot, self.zone)

    def outage(
        self, header: SeriesHeader, part: Segment, resolution: str, count: int, *, expanded: bool
    ) -> UnavailableInterval:
        end = self.interval.end if part.end == count else self.instant(part.end)
        return UnavailableInterval(
            header, self.instant(part.first), end, part.value, resolution_text=resolution, expanded=expanded
        )

    def outside(self, points: Points, count: int) -> Iterator[Rejection]:
        beyond = (points.positions < 1) | (points.positions > count)
        rows = zip(points.positions[beyond].tolist(), points.values[beyond].tolist(), strict=True)
        yield from self._report(rows, f"the position lies outside the Period, which has {count}")

    def _where(self, position: int) -> str:
        try:
            instant = iso(self.instant(position - 1))
        except (OverflowError, ValueError):
            return f"{self.period}, position {position}"
        return f"{self.period}, position {position} ({instant})"

    def unreadable(self, points: Sequence[UnreadablePoint]) -> Iterator[Rejection]:
        for point in points:
            where = f"{self.period}, point {point.ordinal}" if point.position is None else self._where(point.position)
            yield Rejection(self.time_series, where, point.text[:_TEXT_SHOWN], point.reason)

    def misplaced(self, part: Expansion, count: int) -> Iterator[Rejection]:
        yield from self._report(part.outside, f"the position lies outside the Period, which has {count}")
        yield from self._report(part.repeated, "the position is written again later in the Period, which counts")

    def _report(self, points: Iterable[tuple[int, float]], reason: str) -> Iterator[Rejection]:
        for position, value in points:
            yield Rejection(self.time_series, self._where(position), repr(value), reason)


def bare_outage(notice: Notice, header: SeriesHeader) -> UnavailableInterval | Rejection:
    """A notice without a Period, as withdrawn ones may be, as the interval that it names."""
    written = f"{notice.start[:_TEXT_SHOWN]}/{notice.end[:_TEXT_SHOWN]}"
    try:
        interval = Interval(datetime.fromisoformat(notice.start), datetime.fromisoformat(notice.end))
    except (ValueError, OverflowError):
        return Rejection(header.time_series, "the notice", written, "it has neither a Period nor a start and an end")
    return UnavailableInterval(header, interval.start, interval.end, None)


def _interval(period: WrittenPeriod) -> Interval:
    if period.problem:
        raise _Refused(period.problem)
    if not (period.start and period.end):
        raise _Refused("the Period has no timeInterval with start and end")
    try:
        start, end = (datetime.fromisoformat(text) for text in (period.start, period.end))
        interval = Interval(start, end)
    except (ValueError, OverflowError) as error:
        raise _Refused(f"the timeInterval cannot be used: {error}") from error
    if interval.empty:
        raise _Refused("the Period ends where it starts")
    if interval.start.microsecond or interval.end.microsecond:
        raise _Refused("the timeInterval has fractions of a second")
    return interval


def _resolution(period: WrittenPeriod) -> Resolution:
    try:
        return Resolution.parse(period.resolution)
    except ValueError as error:
        raise _Refused(str(error)) from error


def _repeats(curve_type: str) -> bool:
    if curve_type == _VARIABLE:
        return True
    if curve_type in _SEQUENTIAL:
        return False
    raise _Refused(f"curves of type {curve_type} are not expanded; known are A01, A02 and A03")


def _zone(resolution: Resolution, interval: Interval, header: SeriesHeader) -> ZoneInfo:
    if not resolution.is_calendar:
        return _UTC
    try:
        return counting_zone(interval, (header.in_domain, header.out_domain))
    except OverflowError as error:
        raise _Refused(f"the timeInterval lies beyond the calendar: {error}") from error


def _count(resolution: Resolution, interval: Interval, zone: ZoneInfo, wanted: int, budget: PositionLimit) -> int:
    """The number of positions; so many are taken from the budget for each wanted curve."""
    try:
        count = resolution.count(interval, zone)
    except (OverflowError, ValueError) as error:
        raise _Refused(f"the timeInterval cannot be divided into {resolution.code}: {error}") from error
    if wanted and count > MAX_PERIOD_POSITIONS:
        raise _Refused(f"the Period would have {count} positions; at most {MAX_PERIOD_POSITIONS} are expanded")
    if not budget.take(count * wanted):
        raise _Refused(_TOO_MUCH)
    return count


def counting_zone(interval: Interval, domains: Iterable[str]) -> ZoneInfo:
    """The zone whose days the interval counts: the first in which it starts at midnight.

    Areas' own zones, then the market's; then any other European zone, rather one in which it ends at midnight too.
    """
    areas = [area for area in map(by_eic, domains) if area]
    for zone in (*(area.zone for area in areas), MARKET_ZONE):
        if _is_midnight(interval.start, zone):
            return zone
    others = [zone for zone in (*_OTHER_ZONES, _UTC) if _is_midnight(interval.start, zone)]
    whole = [zone for zone in others if _is_midnight(interval.end, zone)]
    return (*whole, *others, _UTC)[0]


def _is_midnight(instant: datetime, zone: ZoneInfo) -> bool:
    local = instant.astimezone(zone)
    return not (local.hour or local.minute or local.second)
