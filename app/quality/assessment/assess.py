"""One look at one series: its values aligned to the grid, examined, and its publications timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.collection.gaps.classification import Asked, due
from app.market.calendar import PublicationRule
from app.market.series import SeriesKey
from app.market.time import Interval
from app.quality.assessment.alignment import NOTHING, AlignedSeries, StoredValues, align, aligned, off_grid
from app.quality.assessment.day_counts import DeliveryDays, MissingRun, Piece, missing_by_day
from app.quality.assessment.series_assessment import assess_series, detected, off_grid_event
from app.quality.detectors.related_series import Role, companions
from app.quality.findings import Reassessment
from app.quality.rules.series_kinds import Subject
from app.quality.timeliness import Publications, PublicationTiming, Punctuality, punctuality
from app.timeseries.grid import ResolutionChange, Units
from app.timeseries.rolling import Flags, Instants, Values

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Companions = Sequence[tuple[int, SeriesKey]]


@dataclass(frozen=True, slots=True, eq=False)
class AssessmentTarget:
    """A series to look at: the days that are scored, and `loaded`, which reaches further back.

    `line` is the series whose history of resolutions counts. `expected` is when values are due, None where another
    series answers for what is missing.
    """

    series_id: int
    key: SeriesKey
    zone: ZoneInfo
    days: DeliveryDays
    loaded: Interval
    line: int
    expected: Interval | None
    holes: tuple[MissingRun, ...]
    asked: Asked
    rule: PublicationRule | None

    @property
    def missing(self) -> dict[str, NDArray[np.int64]]:
        """Missing units by reason and day."""
        return missing_by_day(self.holes, self.days, self.zone)

    @property
    def lacking(self) -> list[tuple[str, int, int]]:
        """Reason, day and number of what is missing although it is due."""
        return [
            (reason, self.days.days[number].toordinal(), int(counts[number]))
            for reason, counts in self.missing.items()
            if reason != "not_due"
            for number in np.flatnonzero(counts).tolist()
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """What one snapshot holds: values by series, and the resolutions of each line."""

    values: Mapping[int, StoredValues]
    changes: Mapping[int, Sequence[ResolutionChange]]


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What a look found."""

    target: AssessmentTarget
    look: Reassessment
    pieces: tuple[Piece, ...]
    beside_the_grid: Instants
    observed: StoredValues


def look_at(target: AssessmentTarget, stock: Stock, company: Companions) -> Looked:
    """Examine the series on its grid, beside its companions."""
    observed = stock.values.get(target.series_id, NOTHING)
    aligned_pieces = align(observed, stock.changes.get(target.line, ()), target.loaded, target.zone)
    subject, pieces, events = Subject.of(target.key), [], []
    begin, end = (int(bound.timestamp()) for bound in (target.days.bounds[0], target.days.bounds[-1]))
    for one in aligned_pieces:
        inside = (one.starts >= begin) & (one.starts < end)
        if inside.any():
            others = _company(target.key, one, stock, company)
            examined = assess_series(subject, one, others, target.zone, int(np.argmax(inside)))
            events += detected(examined, inside)
            pieces.append(Piece(examined, _timed(target, one, inside)))
    beside = off_grid(observed)
    beside = beside[(beside >= begin) & (beside < end)]
    if len(beside):
        events.append(off_grid_event(beside, observed.recorded[np.isin(observed.starts, beside)]))
    return Looked(
        target, Reassessment(target.series_id, target.days.interval, tuple(events)), tuple(pieces), beside, observed
    )


def _company(
    key: SeriesKey, grid_series: AlignedSeries, stock: Stock, company: Companions
) -> dict[Role, dict[str, Values]]:
    """The companions on the grid of the piece, by role and name; those without a value there are silent."""
    found: dict[Role, dict[str, Values]] = {}
    for companion in companions(key):
        for number, other in company:
            if companion.fits(other) and _comparable(companion.role, key, other):
                values = aligned(stock.values.get(number, NOTHING), grid_series.starts, grid_series.step)
                if not np.isnan(values).all():
                    names = found.setdefault(companion.role, {})
                    names[_name(companion.name, other, names)] = values
    return found


def _comparable(role: Role, key: SeriesKey, other: SeriesKey) -> bool:
    """Prices of the same auction and currency are neighbours; schedules of the same contract mirror each other."""
    same = (key.contract, key.sequence, key.currency) == (other.contract, other.sequence, other.currency)
    return role not in {Role.NEIGHBOUR, Role.OPPOSITE} or same


def _name(name: str, key: SeriesKey, taken: Mapping[str, Values]) -> str:
    full = name if not key.psr_type or key.psr_type in name else f"{name} {key.psr_type}"
    return full if full not in taken else f"{full} ({len(taken)})"


def _timed(target: AssessmentTarget, grid_series: AlignedSeries, inside: Flags) -> Punctuality | None:
    """Which values inside were published in time; None where no deadline is known."""
    if target.rule is None:
        return None
    starts, ends = grid_series.starts[inside], grid_series.ends[inside]
    units = Units(starts, ends, np.full(len(starts), grid_series.resolution.id, np.int16))
    due_at = due(target.rule, units, target.zone, None)
    found = punctuality(Publications(starts, ends, grid_series.learned[inside], due_at), target.asked)
    timing, lags = np.full(len(inside), PublicationTiming.UNKNOWN, np.int8), np.full(len(inside), np.nan)
    timing[inside], lags[inside] = found.timing, found.lags
    return Punctuality(timing, lags)


def last_learned(observed: StoredValues, interval: Interval) -> datetime | None:
    """When the latest of the present values of an interval was learned; None where none is left."""
    begin, end = (int(instant.timestamp()) for instant in (interval.start, interval.end))
    recorded = observed.recorded[(observed.starts >= begin) & (observed.starts < end)]
    return EPOCH + timedelta(microseconds=int(recorded.max())) if len(recorded) else None
