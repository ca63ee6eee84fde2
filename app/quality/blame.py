"""Who is at fault where a series and its companion disagree: the one that departs from its own history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.quality.detectors.patterns import signatures
from app.quality.detectors.peers import HAVE_FACTORS, LEAST_ERROR, logarithms, unusual_week
from app.quality.detectors.residuals import SHORTEST_DAY, plain_evidence
from app.quality.detectors.validity import violations
from app.quality.gate import CERTAIN, any_of, gated
from app.quality.models import Series, SeriesKind
from app.timeseries.rolling import MAD, Flags, Values, all_known, before, habit, trailing_median

HOURS_BEFORE, HOURS_AFTER = 12, 6
"""A disagreement shows later than the change that caused it."""
LEAST_DEPARTURE = 0.25
"""Of an alarm: less is an ordinary day."""
UNUSUAL_WEEK = 0.625
"""Of an alarm: a week in ten departs so far. Who does not cannot be blamed for a factor that lasts."""
CLEARLY = 1.25
"""Who departs by so many times what the other does is at fault."""
CONFIRMED_SPREADS = 1.5
HOURS_OF_AGREEMENT = 2
JOINED_HOURS = 3
DAYS_BEFORE, DAYS_APART = 8, 3
"""A factor of a week shows some days after the leap that began it, and not on calm days."""
LEAST_LEAP, MOST_OF_FACTOR, UNUSUAL_LEAP = 0.25, 0.5, 1.5
"""As a logarithm; as a share of the factor; of the leap that one day in ten has."""
ALONE = 2.0
"""Who leaps by so many times what the other does leapt alone."""


@dataclass(frozen=True, slots=True, eq=False)
class CompanionSeries:
    """A series beside the one that is judged: its values, unknown where they cannot be, and how far they depart.

    `drift` is how far each week departs from those before it.
    """

    values: Values
    departure: Values
    drift: Values


def companion(series: Series) -> CompanionSeries:
    """What a companion's own history says about it, each value by the strongest evidence."""
    broken = any_of([*violations(series).values(), *signatures(series).values()], len(series.values))
    trusted = np.where(broken, np.nan, series.values)
    scores = [gated(found, series.per_day) for found in plain_evidence(series, trusted)]
    departure = departure_of(scores, len(series.values))
    departure = np.where(broken & ~np.isnan(series.values), CERTAIN, departure)
    return CompanionSeries(trusted, departure, drift_of(series))


def drift_of(series: Series) -> Values:
    """How far each week departs from those before it, in units of what is unusual; 0 of kinds that have no factors."""
    if series.kind not in HAVE_FACTORS or series.per_day < SHORTEST_DAY:
        return np.zeros(len(series.values))
    return gated(unusual_week(series), series.per_day)


def departure_of(scores: Iterable[Values], size: int) -> Values:
    """The strongest of some scores."""
    found: Values = np.maximum.reduce([np.zeros(size), *scores])
    return found


def upheld(alarm: Flags, own: Values, other: Values, per_hour: int, *, least: float = LEAST_DEPARTURE) -> Flags:
    """The alarms that the series itself is to blame for, decided for each disagreement as a whole."""
    kept = np.zeros(len(alarm), np.bool_)
    places = np.flatnonzero(alarm)
    if not len(places):
        return kept
    for first, last in _episodes(places, JOINED_HOURS * per_hour + 1):
        around = slice(max(0, first - HOURS_BEFORE * per_hour), last + 1 + HOURS_AFTER * per_hour)
        mine, theirs = own[around].max(), other[around].max()
        kept[first : last + 1] = mine >= max(least, CLEARLY * theirs)
    return kept & alarm


def leapt(series: Series, trusted: Values, peer: Values, alarm: Flags) -> tuple[Flags, Flags]:
    """The alarms of weeks by a factor that the series, and those that its companion, began with a leap.

    Weather moves both; who alone leaves the other within an hour, by most of the factor, has changed its unit.
    """
    own, other = np.zeros(len(alarm), np.bool_), np.zeros(len(alarm), np.bool_)
    places = np.flatnonzero(alarm)
    if not len(places) or series.kind is SeriesKind.SOLAR:  # every dawn is a leap
        return own, other
    levels = logarithms(series, trusted, peer)
    changes = [level - before(level, series.per_hour) for level in levels]
    apart, leap = levels[0] - levels[1], np.nan_to_num(changes[0] - changes[1])
    usual = np.nan_to_num(habit(np.abs(leap), series.per_day), nan=np.inf)
    for first, last in _episodes(places, DAYS_APART * series.per_day):
        around = slice(max(0, first - DAYS_BEFORE * series.per_day), first + 1)
        factor = float(np.nanmedian(apart[first : last + 1]))
        at = around.start + int(np.argmax(np.sign(factor) * leap[around]))
        if np.sign(factor) * leap[at] < max(LEAST_LEAP, MOST_OF_FACTOR * abs(factor), UNUSUAL_LEAP * usual[at]):
            continue
        mine, theirs = (abs(float(change[at])) for change in changes)
        episode = slice(first, last + 1)
        own[episode], other[episode] = mine > ALONE * theirs, theirs > ALONE * mine
    return own & alarm, other & alarm


def _episodes(places: NDArray[np.intp], apart: int) -> Iterator[tuple[int, int]]:
    breaks = np.flatnonzero(np.diff(places) > apart)
    firsts, lasts = places[np.r_[0, breaks + 1]], places[np.r_[breaks, len(places) - 1]]
    yield from zip(firsts.tolist(), lasts.tolist(), strict=True)


def confirmed(series: Series, trusted: Values, peer: CompanionSeries, bias: Values) -> Flags:
    """Where a companion that usually differs says the same: what the series alone would doubt is right."""
    errors = series.values - peer.values - bias
    usual = MAD * trailing_median(
        np.where(np.isnan(trusted), np.nan, np.abs(errors)), 28 * series.per_day, 7 * series.per_day
    )
    size = trailing_median(np.abs(trusted), 28 * series.per_day, 7 * series.per_day)
    near: Flags = (np.abs(errors) <= CONFIRMED_SPREADS * usual) & (usual >= LEAST_ERROR * size)
    calm: Flags = near & all_known(np.where(near, 0.0, np.nan), HOURS_OF_AGREEMENT * series.per_hour + 1)
    return calm
