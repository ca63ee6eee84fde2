"""Trend: whether the scores of a series fall from week to week, beyond what chance and the days of the week explain.

The last six weeks of daily scores are freed from the habit of each weekday. Mann and Kendall's test tells whether they
fall at all; its variance is widened by the memory of the scores, because a bad day is seldom alone. Theil and Sen's
slope says how fast, and the usual scores of the older half and of the last two weeks say how far; scattered
bad days count as bad, however bad they are. Only a fall that is improbable, large, and beyond what the scores scatter
is degradation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import erfc, sqrt

import numpy as np

from app.timeseries.rolling import MAD, Values

WEEKS = 6
DAYS = 7 * WEEKS
OLDER, RECENT = DAYS // 2, 14
FEWEST_OLDER, FEWEST_RECENT = 10, 7
SIGNIFICANT = 0.2
"""The test looks at the order of scores alone: of a sudden fall two weeks ago it sees little more than that."""
LEAST_DROP = 3.0
"""Points; smaller falls are reported with their slope, but nobody is alarmed."""
LEAST_ERRORS = 3.25
"""Standard errors of the difference between the two levels."""
USUAL = 0.6
"""The quantile that is compared: bad days only lower scores, and chance seldom makes most of two weeks bad."""
QUANTILE_ERROR = 1.27
"""Times the error of a mean, for normal values."""
LONGEST_MEMORY = 0.7
OUTLYING = 4.0
"""Spreads from the level around it: a scattered bad day says that it was bad, not how much scores scatter."""
LEAST_SPREAD = 0.25
"""Points, of scores that hardly vary."""
ALMOST_NOTHING = 1e-9
"""Of squared points: what rounding leaves has no memory."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The weeks up to that of the Monday `week`: median score of the last two, slope in points a week, p and the fall."""

    week: date
    weeks: int
    score: float
    slope: float
    p_value: float
    drop_points: float
    degrading: bool


def trend(days: Sequence[date], scores: Sequence[float | None], week: date) -> Trend | None:
    """The trend at the end of the week that begins on the Monday `week`; None where too few days are known."""
    if week.weekday():
        raise ValueError(f"{week} is no Monday; name the first day of the week")
    table = _window(days, scores, week)
    known = ~np.isnan(table)
    if known[:OLDER].sum() < FEWEST_OLDER or known[-RECENT:].sum() < FEWEST_RECENT:
        return None
    values = _without_outliers(_without_weekdays(table))
    older, recent = (float(np.nanquantile(part, USUAL)) for part in (values[:OLDER], values[-RECENT:]))
    drop = older - recent
    error, p_value = _error(values[known]), mann_kendall(values)
    degrading = p_value <= SIGNIFICANT and drop >= max(LEAST_DROP, LEAST_ERRORS * error)
    weeks = int(known.reshape(WEEKS, 7).any(axis=1).sum())
    score = float(np.nanmedian(table[-RECENT:]))
    return Trend(week, weeks, score, 7 * theil_sen(values), p_value, drop, degrading)


def trends(days: Sequence[date], scores: Sequence[float | None], until: date) -> list[Trend]:
    """The trend of each whole week that has one, up to the last that ends before `until`."""
    if not days:
        return []
    first = min(days) - timedelta(days=min(days).weekday())
    mondays = [first + timedelta(weeks=number) for number in range((until - first).days // 7)]
    return [found for monday in mondays if (found := trend(days, scores, monday)) is not None]


def _window(days: Sequence[date], scores: Sequence[float | None], week: date) -> Values:
    """The scores of the six weeks, Monday first; NaN where none is known."""
    first = week - timedelta(weeks=WEEKS - 1)
    table = np.full(DAYS, np.nan)
    for day, score in zip(days, scores, strict=True):
        if score is not None and 0 <= (place := (day - first).days) < DAYS:
            table[place] = score
    return table


def _without_weekdays(table: Values) -> Values:
    """The values less what their day of the week usually differs from its own week.

    Differences to the week's own level keep a fall, which all days of the week share, apart from the habit.
    """
    weeks = table.reshape(WEEKS, 7)
    habits = [_middle(weeks[:, day] - np.array([_middle(week) for week in weeks])) for day in range(7)]
    freed: Values = (weeks - np.array(habits)).ravel()
    return freed


def _without_outliers(values: Values) -> Values:
    """The values, none of them further than some spreads from the level of its side of the likeliest change."""
    known = ~np.isnan(values)
    levels = _two_medians(values[known])
    reach = OUTLYING * max(LEAST_SPREAD, MAD * _middle(np.abs(values[known] - levels)))
    tamed = values.copy()
    tamed[known] = np.clip(values[known], levels - reach, levels + reach)
    return tamed


def _two_medians(values: Values) -> Values:
    """The median before and after the day that divides the values best, with a week at least on both sides."""
    best, fitted = np.inf, np.full(len(values), np.median(values))
    for split in range(7, len(values) - 6):
        levels = np.repeat([np.median(values[:split]), np.median(values[split:])], [split, len(values) - split])
        if (error := float(np.abs(values - levels).sum())) < best:
            best, fitted = error, levels
    return fitted


def _middle(values: Values) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0


def mann_kendall(values: Values) -> float:
    """The probability of so strong a fall or rise by chance, two-sided; unknown values are left out, ties are allowed for."""
    known = values[~np.isnan(values)]
    size = len(known)
    signs = np.sign(known[None, :] - known[:, None])
    statistic = float(np.triu(signs, 1).sum())
    ties = np.unique(known, return_counts=True)[1].astype(np.float64)
    variance = (size * (size - 1) * (2 * size + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    variance *= _widening(known)
    if variance <= 0 or not statistic:
        return 1.0
    distance = (abs(statistic) - 1) / sqrt(variance)
    return erfc(distance / sqrt(2))


def _error(values: Values) -> float:
    """The standard error of the difference between the usual scores of the older half and of the last two weeks."""
    scatter = float(np.std(_rest(values)))
    return QUANTILE_ERROR * scatter * sqrt(_widening(values) * (1 / OLDER + 1 / RECENT))


def _widening(values: Values) -> float:
    """By how much memory widens the variance: (1 + r) / (1 - r) for values that remember a share r of the day before.

    The memory is that of what a fall leaves unexplained, so that a fall by itself does not count as memory.
    """
    rest = _rest(values)
    size = float((rest**2).sum())
    memory = float((rest[1:] * rest[:-1]).sum()) / size if size > ALMOST_NOTHING else 0.0
    # Fewer than fifty values tell too little memory; this corrects for it (Kendall 1954, to first order).
    memory = min(max(memory + (1 + 4 * memory) / len(values), 0.0), LONGEST_MEMORY)
    return (1 + memory) / (1 - memory)


def _rest(values: Values) -> Values:
    """What is left of the values without a sudden fall or a steady one, whichever explains more."""
    days = np.arange(len(values)) - (len(values) - 1) / 2
    mean = values.mean()
    steady = values - mean - days * float((days * values).sum() / (days**2).sum())
    sudden = values - _two_levels(values)
    return steady if (steady**2).sum() < (sudden**2).sum() else sudden


def _two_levels(values: Values) -> Values:
    """The mean before and after the day that divides the values best, with a week at least on both sides."""
    best, fitted = np.inf, np.full(len(values), values.mean())
    for split in range(7, len(values) - 6):
        levels = np.where(np.arange(len(values)) < split, values[:split].mean(), values[split:].mean())
        if (error := float(((values - levels) ** 2).sum())) < best:
            best, fitted = error, levels
    return fitted


def theil_sen(values: Values) -> float:
    """The median of the slopes of all pairs of known values, a day."""
    places = np.flatnonzero(~np.isnan(values))
    earlier, later = np.triu_indices(len(places), 1)
    slopes = (values[places[later]] - values[places[earlier]]) / (places[later] - places[earlier])
    return float(np.median(slopes))
