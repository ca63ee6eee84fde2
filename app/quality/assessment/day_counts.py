"""What was found of a series, counted by delivery day."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.market.time import Interval, Resolution, local_day, midnight
from app.quality.assessment.alignment import AlignedSeries
from app.quality.assessment.series_assessment import SeriesAssessment
from app.quality.findings import Finding, State, family
from app.quality.scoring import DayScore, ScoreCounts, Weights
from app.quality.timeliness import PublicationTiming, Punctuality
from app.timeseries.rolling import Flags, Instants

REASONS = ("ours", "missing_at_source", "late", "not_due")


@dataclass(frozen=True, slots=True)
class DeliveryDays:
    """Consecutive delivery days of an area; `bounds` are their beginnings and the end of the last."""

    days: tuple[date, ...]
    bounds: tuple[datetime, ...]

    @property
    def interval(self) -> Interval:
        return Interval(self.bounds[0], self.bounds[-1])

    @property
    def seconds(self) -> Instants:
        return np.array([int(bound.timestamp()) for bound in self.bounds], np.int64)

    def count(self, starts: Instants) -> NDArray[np.int64]:
        """How many of the instants lie in each day; those outside are left out."""
        places = np.searchsorted(self.seconds, starts, side="right") - 1
        inside = (places >= 0) & (places < len(self.days))
        return np.bincount(places[inside], minlength=len(self.days)).astype(np.int64)


def days_of(interval: Interval, zone: ZoneInfo) -> DeliveryDays:
    """The local days that meet the interval."""
    day = local_day(interval.start, zone)
    bounds: list[datetime] = []
    while not bounds or bounds[-1] < interval.end:
        bounds.append(midnight(day + timedelta(days=len(bounds)), zone))
    return DeliveryDays(tuple(day + timedelta(days=number) for number in range(len(bounds) - 1)), tuple(bounds))


@dataclass(frozen=True, slots=True)
class MissingRun:
    """Adjacent missing units, and why."""

    interval: Interval
    resolution: Resolution
    reason: str


def missing_by_day(holes: Iterable[MissingRun], days: DeliveryDays, zone: ZoneInfo) -> dict[str, NDArray[np.int64]]:
    """How many units are missing for each reason, by the day in which they begin."""
    found = {reason: np.zeros(len(days.days), np.int64) for reason in REASONS}
    for hole in holes:
        found[hole.reason] += days.count(hole.resolution.starts(hole.interval, zone))
    return found


def without_accepted(examined: SeriesAssessment, findings: Collection[Finding]) -> tuple[Flags, Flags]:
    """Which values break a rule and which are implausible, less those that a person has accepted."""
    accepted = [one for one in findings if one.state is State.ACCEPTED]
    violating = np.zeros(len(examined.score), np.bool_)
    for rule, flags in examined.broken.items():
        violating |= flags & ~_within(examined.grid_series, [one for one in accepted if one.family == family(rule)])
    implausible = examined.implausible.copy()
    for one in accepted:
        same = [rule for rule in np.unique(examined.rules).tolist() if rule and family(rule) == one.family]
        implausible &= ~(_within(examined.grid_series, [one]) & np.isin(examined.rules, same))
    return violating, implausible


def _within(grid_series: AlignedSeries, findings: Iterable[Finding]) -> Flags:
    inside = np.zeros(len(grid_series.starts), np.bool_)
    for one in findings:
        begin, end = (int(instant.timestamp()) for instant in (one.interval.start, one.interval.end))
        inside |= (grid_series.starts >= begin) & (grid_series.starts < end)
    return inside


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What was found of one piece of a series; `timing` is None where publication cannot be timed."""

    examined: SeriesAssessment
    punctuality: Punctuality | None


def count_days(
    pieces: Sequence[Piece],
    missing: Mapping[str, NDArray[np.int64]],
    days: DeliveryDays,
    *,
    expected: Interval | None,
    findings: Collection[Finding],
    beside_the_grid: Instants,
    may_idle: bool = False,
) -> list[ScoreCounts]:
    """The counts of each day; `expected` is when the series is expected, None where another one answers for it.

    Of a series that `may_idle`, units that are neither there nor missing are not expected.
    """
    size = len(days.days)
    columns = {name: np.zeros(size, np.int64) for name in ScoreCounts.__dataclass_fields__}
    for piece in pieces:
        _add_piece(columns, piece, days, expected, findings, may_idle=may_idle)
    columns["checked"] += days.count(beside_the_grid)
    columns["violating"] += days.count(beside_the_grid)
    if expected is not None:
        columns |= {reason: missing[reason] for reason in REASONS}
        total = sum((missing[reason] for reason in REASONS), np.zeros(size, np.int64))
        # What came between the two looks at the store is there and missing at once; the next scan sees it.
        columns["expected"] = columns["expected"] + total if may_idle else np.maximum(columns["expected"], total)
        columns["stored"] = columns["expected"] - total
    return [ScoreCounts(**{name: int(column[number]) for name, column in columns.items()}) for number in range(size)]


def _add_piece(
    columns: dict[str, NDArray[np.int64]],
    piece: Piece,
    days: DeliveryDays,
    expected: Interval | None,
    findings: Collection[Finding],
    *,
    may_idle: bool,
) -> None:
    examined, starts = piece.examined, piece.examined.grid_series.starts
    violating, implausible = without_accepted(examined, findings)
    if expected is not None:
        begin, end = (int(instant.timestamp()) for instant in (expected.start, expected.end))
        counted = (starts >= begin) & (starts < end)
        if may_idle:
            counted &= np.isfinite(examined.grid_series.values)
        columns["expected"] += days.count(starts[counted])
    for name, flags in (
        ("checked", examined.checked),
        ("violating", violating),
        ("examined", examined.judged),
        ("flagged", implausible & examined.judged),
    ):
        columns[name] += days.count(starts[flags])
    if piece.punctuality is not None:
        timing = piece.punctuality.timing
        columns["timed"] += days.count(starts[timing != PublicationTiming.UNKNOWN])
        columns["on_time"] += days.count(starts[timing == PublicationTiming.ON_TIME])


def scores_of(counts: Sequence[ScoreCounts], days: DeliveryDays, weights: Weights) -> list[DayScore]:
    """One score a day, where there is anything to say."""
    return [
        DayScore(day, start.astimezone(UTC), one, weights)
        for day, (start, _), one in zip(days.days, pairwise(days.bounds), counts, strict=True)
        if not one.empty
    ]
