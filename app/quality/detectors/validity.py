"""Validity: what a value cannot be, whatever the series did before. Rules flag, they never reject."""

from __future__ import annotations

import numpy as np

from app.quality.detectors.residuals import SHORTEST_DAY, seasonal_base
from app.quality.models import EvidenceRule, Series, SeriesKind
from app.quality.rules.hard_rules import IMBALANCE_BOUNDS, bounds_for
from app.timeseries.rolling import Flags, habit, slot_median

CAPACITY_MARGIN = 1.05
"""Tables of installed capacity lag behind what is built."""
LEAST_OF_BASE, MOST_OF_BASE = 0.4, 1.8
PRODUCTION = frozenset(
    {SeriesKind.GENERATION, SeriesKind.WIND, SeriesKind.SOLAR, SeriesKind.NUCLEAR, SeriesKind.RESERVOIR}
)
NEVER_NEGATIVE = PRODUCTION | {SeriesKind.LOAD, SeriesKind.FLOW}
DARK, GLOW = 0.001, 0.03
"""Shares of the peak: what counts as dark, and what output in the dark is worth a finding."""


def violations(series: Series) -> dict[EvidenceRule, Flags]:
    """Which values break which rule."""
    found = {
        EvidenceRule.MISSING: np.isnan(series.values),
        EvidenceRule.SIGN: impossible_sign(series),
        EvidenceRule.PRICE_BOUNDS: outside_price_bounds(series),
        EvidenceRule.ABOVE_CAPACITY: above_capacity(series),
        EvidenceRule.NEGATIVE: negative(series),
        EvidenceRule.NIGHT: solar_at_night(series),
        EvidenceRule.SEASONAL_BOUNDS: beyond_usual_bounds(series),
    }
    return {rule: flags for rule, flags in found.items() if flags.any()}


def impossible_sign(series: Series) -> Flags:
    """Load of zero or below, and a flow of one direction below zero."""
    directed = series.kind is SeriesKind.FLOW and bool(series.opposites)
    impossible: Flags = ((series.values < 0) & directed) | ((series.values <= 0) & (series.kind is SeriesKind.LOAD))
    return impossible


def beyond_seasonal_bounds(series: Series) -> Flags:
    """Load far from the median of the same time of the weeks before, whatever its spread."""
    if series.kind is not SeriesKind.LOAD or series.per_day < SHORTEST_DAY:
        return np.zeros(len(series.values), np.bool_)
    base = seasonal_base(np.where(series.values > 0, series.values, np.nan), series.per_day)
    beyond: Flags = (series.values < LEAST_OF_BASE * base) | (series.values > MOST_OF_BASE * base)
    return beyond & (series.values > 0)


def beyond_usual_bounds(series: Series) -> Flags:
    """As `beyond_seasonal_bounds`, of a load that is used to them: a file may hold that of a single plant."""
    beyond = beyond_seasonal_bounds(series)
    if beyond.any():
        beyond &= habit(beyond.astype(np.float64), series.per_day) == 0
    return beyond


def outside_price_bounds(series: Series, country: str = "") -> Flags:
    """Prices beyond the bounds in force when their delivery starts; the bounds themselves are allowed."""
    outside = np.zeros(len(series.values), dtype=bool)
    if series.kind not in {SeriesKind.PRICE, SeriesKind.IMBALANCE}:
        return outside
    starts = series.start + series.step * np.arange(len(series.values), dtype=np.int64)
    for bounds in IMBALANCE_BOUNDS if series.kind is SeriesKind.IMBALANCE else bounds_for(country):
        in_force = starts >= bounds.since.timestamp()
        beyond = (series.values < bounds.least) | (series.values > bounds.greatest)
        outside = np.where(in_force, beyond, outside)
    return outside


def above_capacity(series: Series) -> Flags:
    """Production above what is installed, where the peer `capacity…` tells it."""
    capacity = series.capacity
    if capacity is None or series.kind not in PRODUCTION:
        return np.zeros(len(series.values), dtype=bool)
    return series.values > CAPACITY_MARGIN * capacity


def negative(series: Series) -> Flags:
    """A negative value of what has been positive for weeks; storage and own consumption are negative by habit."""
    if series.kind not in NEVER_NEGATIVE:
        return np.zeros(len(series.values), dtype=bool)
    usual = habit(np.fmax(-series.values, 0.0), series.per_day)
    if series.kind is SeriesKind.FLOW:  # net flows and stores are negative from the first day on
        never: Flags = usual == 0
    else:
        never = ~(usual > 0)
    return (series.values < 0) & never


def solar_at_night(series: Series) -> Flags:
    """Output at a time of day that was dark for two weeks, an hour around it included."""
    if series.kind is not SeriesKind.SOLAR or series.per_day == 1:
        return np.zeros(len(series.values), dtype=bool)
    usual = np.nan_to_num(slot_median(series.values, series.per_day, 14), nan=np.inf)
    around = np.maximum.reduce([np.roll(usual, hours * series.per_hour) for hours in (-1, 0, 1)])
    peak = habit(series.values, series.per_day, days=28)
    dark: Flags = (around <= DARK * peak) & (series.values > GLOW * peak)
    return dark
