"""Everything that is said about the values of one piece of a series: hard rules, detectors, other series."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.market.time import Interval
from app.quality.assessment.alignment import AlignedSeries, informed
from app.quality.detectors.consistency import ConsistencyResult, RelatedValues, excused, heard
from app.quality.detectors.detect import detect
from app.quality.detectors.dst import resolve_clock_changes
from app.quality.detectors.related_series import Role
from app.quality.detectors.residuals import SHORTEST_DAY, seasonal_base
from app.quality.findings import VALIDITY, Detected, family
from app.quality.gate import CERTAIN, any_of
from app.quality.models import DAY, NEIGHBOUR, DetectionResult, EvidenceRule, Series, SeriesKind
from app.quality.rules.hard_checks import hard_violations
from app.quality.rules.series_kinds import Subject
from app.timeseries.rolling import Flags, Instants, Values

KNOWN_DAYS = 28
"""Before so many days of a series are known its habits are not, and silence of the detectors means nothing."""
JOINED = 3 * 3600
"""Flagged values no further apart than this, in seconds, are one event."""
RESTING = frozenset({SeriesKind.GENERATION, SeriesKind.NUCLEAR, SeriesKind.RESERVOIR, SeriesKind.FLOW})
MOSTLY = 0.3
"""A plant, a store or a line that rests for so much of the time runs when the market calls, not by habit."""
DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class SeriesAssessment:
    """What is said about each unit of a piece.

    `broken`: hard rules and the values that break them. `score` and `rules`: the strongest evidence of implausibility.
    `checked` and `judged`: values that hard rules, and detectors that knew enough, looked at.
    """

    grid_series: AlignedSeries
    broken: Mapping[EvidenceRule, Flags]
    score: Values
    rules: NDArray[np.str_]
    checked: Flags
    judged: Flags
    expected: Values
    peers: Mapping[str, Values]
    said: Sequence[ConsistencyResult]

    @property
    def violating(self) -> Flags:
        found: Flags = np.logical_or.reduce([np.zeros(len(self.score), np.bool_), *self.broken.values()])
        return found

    @property
    def implausible(self) -> Flags:
        return self.score >= 1.0


def assess_series(
    subject: Subject, grid_series: AlignedSeries, company: RelatedValues, zone: ZoneInfo, first: int = 0
) -> SeriesAssessment:
    """What rules, detectors and other series say from place `first` on; `company` lies on the grid of the piece."""
    series = _series(subject, grid_series, company)
    broken = hard_violations(subject, series, grid_series.filled)
    violating = np.logical_or.reduce([np.zeros(len(grid_series.values), np.bool_), *broken.values()])
    score, rules, said = _judge(subject, grid_series, company, violating, zone, first=first)
    known = ~np.isnan(grid_series.values)
    checked = known & (subject.kind is not None)
    for flags in broken.values():
        checked |= flags
    return SeriesAssessment(
        grid_series,
        broken,
        score,
        rules,
        checked,
        (informed(grid_series, KNOWN_DAYS) & _has_habits(subject, grid_series, company)) | (score >= 1.0),
        _expected(series, score >= 1.0) if broken or (score >= 1.0).any() else np.full(len(known), np.nan),
        {name.removeprefix(NEIGHBOUR): values for name, values in series.peers.items()},
        said,
    )


def _series(subject: Subject, grid_series: AlignedSeries, company: RelatedValues) -> Series:
    forecasts = {f"forecast {name}": values for name, values in company.get(Role.FORECAST, {}).items()}
    measurements = {f"measurement {name}": values for name, values in company.get(Role.MEASUREMENT, {}).items()}
    capacities = list(company.get(Role.CAPACITY, {}).values())
    capacity = {"capacity": capacities[0]} if capacities else {}
    opposites = {f"opposite {name}": values for name, values in company.get(Role.OPPOSITE, {}).items()}
    neighbours = {NEIGHBOUR + name: values for name, values in company.get(Role.NEIGHBOUR, {}).items()}
    peers = {**forecasts, **measurements, **capacity, **opposites, **neighbours}
    return Series(
        subject.kind or SeriesKind.IMBALANCE, int(grid_series.starts[0]), grid_series.step, grid_series.values, peers
    )


def _has_habits(subject: Subject, grid_series: AlignedSeries, company: RelatedValues) -> bool:
    """Whether detectors apply: not to what follows no clock or mostly rests, nor to units of a day and longer."""
    if subject.kind is None or not grid_series.resolution.seconds or grid_series.step * SHORTEST_DAY > DAY:
        return False
    known = ~np.isnan(grid_series.values)
    at_rest = (grid_series.values == 0) & ~_flows_back(grid_series.values, company)
    resting = float(at_rest[known].mean()) if known.any() else 0.0
    return subject.kind not in RESTING or resting < MOSTLY


def _flows_back(values: Values, company: RelatedValues) -> Flags:
    """Where energy flows in the opposite direction."""
    return any_of((other > 0 for other in company.get(Role.OPPOSITE, {}).values()), len(values))


def _judge(
    subject: Subject,
    grid_series: AlignedSeries,
    company: RelatedValues,
    violating: Flags,
    zone: ZoneInfo,
    *,
    first: int,
) -> tuple[Values, NDArray[np.str_], list[ConsistencyResult]]:
    """The strongest evidence of detectors and other series, 0 where there is no alarm, and what other series say.

    What breaks a hard rule is not said twice. After a change of the clocks people live by the new ones and machines may
    not: what only one of both explains is no fault. Sun and wind know no clocks.
    """
    if not _has_habits(subject, grid_series, company):
        return np.zeros(len(grid_series.values)), np.zeros(len(grid_series.values), dtype="U20"), []
    series = _series(subject, grid_series, company)
    verdict = resolve_clock_changes(series, detect(series, first), zone)
    soft = ~np.isin(verdict.rule, [*VALIDITY, EvidenceRule.MISSING]) & verdict.flags & ~excused(series, company)
    plausibility = DetectionResult(np.where(soft, verdict.score, 0.0), np.where(soft, verdict.rule, ""))
    found, said = heard(series, plausibility, verdict.flags | violating, company)
    return found.score, found.rule, said


def _expected(series: Series, distrusted: Flags) -> Values:
    """The usual value of the time of the week, from values that nothing speaks against."""
    if series.per_day < SHORTEST_DAY:
        return np.full(len(series.values), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return seasonal_base(np.where(distrusted, np.nan, series.values), series.per_day)


def detected(found: SeriesAssessment, inside: Flags) -> list[Detected]:
    """The events of a piece: runs of flagged values of one family, as far as they lie inside."""
    events = [
        _event(found, places, np.full(len(found.score), rule), np.full(len(found.score), CERTAIN))
        for rule, flags in found.broken.items()
        for places in _runs(flags & inside, found.grid_series)
    ]
    families = np.array([family(str(rule)) if rule else "" for rule in found.rules], dtype="U24")
    for name in np.unique(families[found.implausible & inside]).tolist():
        flags = found.implausible & inside & (families == name)
        events += [_event(found, places, found.rules, found.score) for places in _runs(flags, found.grid_series)]
    return sorted(events, key=lambda event: (event.interval, event.rule))


def breaches(
    subject: Subject, grid_series: AlignedSeries, capacity: Values, inside: Flags, rules: Collection[EvidenceRule]
) -> list[Detected]:
    """The events inside that break one of some hard rules; nothing else is looked at."""
    series = _series(subject, grid_series, {Role.CAPACITY: {"capacity": capacity}})
    broken = {
        rule: flags for rule, flags in hard_violations(subject, series, grid_series.filled).items() if rule in rules
    }
    size = len(grid_series.values)
    nothing = np.zeros(size, np.bool_)
    found = SeriesAssessment(
        grid_series,
        broken,
        np.zeros(size),
        np.zeros(size, dtype="U20"),
        nothing,
        nothing,
        np.full(size, np.nan),
        {},
        (),
    )
    return detected(found, inside)


def _runs(flags: Flags, grid_series: AlignedSeries) -> Iterator[NDArray[np.intp]]:
    """Flagged places, those within three hours of each other together."""
    places = np.flatnonzero(flags)
    if len(places):
        apart = grid_series.starts[places[1:]] - grid_series.ends[places[:-1]] > JOINED
        yield from np.split(places, np.flatnonzero(apart) + 1)


def _event(found: SeriesAssessment, places: NDArray[np.intp], rules: NDArray[np.str_], score: Values) -> Detected:
    grid_series, strongest = found.grid_series, places[np.argmax(score[places])]
    interval = Interval(_instant(grid_series.starts[places[0]]), _instant(grid_series.ends[places[-1]]))
    latest = int(grid_series.recorded[places[0] : places[-1] + 1].max())
    return Detected(
        EvidenceRule(str(rules[strongest])),
        interval,
        len(places),
        round(float(score[strongest]), DIGITS),
        datetime.fromtimestamp(0, UTC) + timedelta(microseconds=latest) if latest else None,
        _evidence(found, places, rules, int(strongest)),
    )


def _evidence(found: SeriesAssessment, places: NDArray[np.intp], rules: NDArray[np.str_], at: int) -> dict[str, Any]:
    """Which rules spoke and for how many values; the strongest value beside what was expected, also by other series."""
    names, counts = np.unique(rules[places], return_counts=True)
    suggested = {name: _number(values[at]) for name, values in found.peers.items()}
    for one in found.said:
        if one.flags[places].any():
            suggested[one.relation] = _number(one.suggested[at])
    evidence: dict[str, Any] = {
        "rules": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "at": f"{_instant(found.grid_series.starts[at]):%Y-%m-%dT%H:%M:%SZ}",
        "value": _number(found.grid_series.values[at]),
        "expected": _number(found.expected[at]),
    }
    peers = {name: value for name, value in suggested.items() if value is not None}
    witnesses = sorted({name for one in found.said if one.flags[places].any() for name in one.witnesses})
    return evidence | ({"peers": peers} if peers else {}) | ({"witnesses": witnesses} if witnesses else {})


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else round(float(value), DIGITS)


def _instant(second: np.int64) -> datetime:
    return datetime.fromtimestamp(int(second), UTC)


def off_grid_event(stamps: Instants, recorded: Instants) -> Detected:
    """Values between the units of the grid, as one event."""
    interval = Interval(_instant(stamps.min()), _instant(stamps.max() + 1))
    return Detected(
        EvidenceRule.OFF_GRID,
        interval,
        len(stamps),
        CERTAIN,
        datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(recorded.max())),
        {"rules": {EvidenceRule.OFF_GRID.value: len(stamps)}, "at": f"{_instant(stamps.min()):%Y-%m-%dT%H:%M:%SZ}"},
    )
