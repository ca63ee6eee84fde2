"""From a Period as written to curves: its grid in the right zone, its points on the grid, and a report of the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from app.market.areas import by_eic
from app.market.time import MARKET_ZONE, Interval, Resolution, iso
from app.sources.entsoe.documents import Curve, Rejection, SeriesHeader
from app.sources.entsoe.expand import Expansion, Points, expand

MAX_PERIOD_POSITIONS = 1_000_000
"""A year of minutes is half of this."""
MAX_POSITIONS = 8_000_000
"""Of one answer; the largest the platform gives has some hundred thousand."""

_OUTAGES = "Unavailability_MarketDocument"
_UTC = ZoneInfo("UTC")
_OTHER_ZONES = (ZoneInfo("Europe/Helsinki"), ZoneInfo("Europe/London"), ZoneInfo("Europe/Istanbul"))
_SEQUENTIAL = ("A01", "A02", "")
_VARIABLE = "A03"
_TEXT_SHOWN = 60


@dataclass(frozen=True, slots=True, eq=False)
class WrittenPeriod:
    """A Period before it is understood: texts as written, points as columns."""

    start: str
    end: str
    resolution: str
    points: Points


class Budget:
    """How many positions an answer may still expand to; shared by all its documents."""

    def __init__(self, positions: int = MAX_POSITIONS) -> None:
        self._left = positions

    def take(self, positions: int) -> bool:
        """Whether so many fit; if so, they are used up."""
        if positions > self._left:
            return False
        self._left -= positions
        return True


class _Refused(Exception):
    """A Period cannot be expanded; the message is its report."""


def curves_of(
    period: WrittenPeriod, header: SeriesHeader, root: str, budget: Budget
) -> tuple[list[Curve], list[Rejection]]:
    """The curves of a Period, one for each price category, and what of it could not be taken."""
    where = f"Period {period.start[:_TEXT_SHOWN]}/{period.end[:_TEXT_SHOWN]}"
    try:
        interval = _interval(period)
        resolution = _resolution(period, root)
        repeat = _repeats(header.curve_type)
        zone = _zone(resolution, interval, header)
        count = _count(resolution, interval, zone, budget)
    except _Refused as refusal:
        return [], [Rejection(header.time_series, where, period.resolution[:_TEXT_SHOWN], str(refusal))]
    grid = _Grid(interval, resolution, zone, where, header.time_series)
    expansions = expand(period.points, count, repeat=repeat)
    rejections = [*grid.unreadable(period.points), *(row for part in expansions for row in grid.misplaced(part, count))]
    starts = resolution.starts(interval, zone)
    curves = [
        Curve(
            header=replace(header, category=part.category) if part.category else header,
            period=interval,
            resolution=resolution,
            resolution_text=period.resolution,
            starts=starts[part.slots],
            values=part.values,
            filled=part.filled,
        )
        for part in expansions
        if part.slots.size
    ]
    return curves, rejections


@dataclass(frozen=True, slots=True)
class _Grid:
    """Says of a position where it lies, for reports."""

    interval: Interval
    resolution: Resolution
    zone: ZoneInfo
    period: str
    time_series: str

    def _where(self, position: int) -> str:
        try:
            instant = iso(self.resolution.step(self.interval.start, position - 1, self.zone))
        except (OverflowError, ValueError):
            return f"{self.period}, position {position}"
        return f"{self.period}, position {position} ({instant})"

    def unreadable(self, points: Points) -> Iterator[Rejection]:
        for point in points.unreadable:
            where = f"{self.period}, point {point.ordinal}" if point.position is None else self._where(point.position)
            yield Rejection(self.time_series, where, point.text[:_TEXT_SHOWN], point.reason)

    def misplaced(self, part: Expansion, count: int) -> Iterator[Rejection]:
        yield from self._report(part.outside, f"the position lies outside the Period, which has {count}")
        yield from self._report(part.repeated, "the position is written again later in the Period, which counts")

    def _report(self, points: Iterable[tuple[int, float]], reason: str) -> Iterator[Rejection]:
        for position, value in points:
            yield Rejection(self.time_series, self._where(position), repr(value), reason)


def _interval(period: WrittenPeriod) -> Interval:
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


def _resolution(period: WrittenPeriod, root: str) -> Resolution:
    try:
        resolution = Resolution.parse(period.resolution)
    except ValueError as error:
        raise _Refused(str(error)) from error
    if resolution is Resolution.PT1M and root == _OUTAGES:
        raise _Refused("an outage in minutes is reported as its Period, not expanded")
    return resolution


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
        return zone_of(interval, (header.in_domain, header.out_domain))
    except OverflowError as error:
        raise _Refused(f"the timeInterval lies beyond the calendar: {error}") from error


def _count(resolution: Resolution, interval: Interval, zone: ZoneInfo, budget: Budget) -> int:
    try:
        count = resolution.count(interval, zone)
    except (OverflowError, ValueError) as error:
        raise _Refused(f"the timeInterval cannot be divided into {resolution.code}: {error}") from error
    if count > MAX_PERIOD_POSITIONS:
        raise _Refused(f"the Period would have {count} positions; at most {MAX_PERIOD_POSITIONS} are expanded")
    if not budget.take(count):
        raise _Refused(f"the answer would have more than {MAX_POSITIONS} positions; the Period is not expanded")
    return count


def zone_of(interval: Interval, domains: Iterable[str]) -> ZoneInfo:
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
