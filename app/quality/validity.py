"""Validity: what a value cannot be, whatever the series did before. Rules flag, they never reject."""

from __future__ import annotations

import numpy as np

from app.quality.hard_rules import IMBALANCE_BOUNDS, bounds_for
from app.quality.models import Flags, Kind, Rule, Series
from app.timeseries.rolling import habit, slot_median

CAPACITY_MARGIN = 1.05
"""Tables of installed capacity lag behind what is built."""
PRODUCTION = frozenset({Kind.GENERATION, Kind.WIND, Kind.SOLAR, Kind.NUCLEAR, Kind.RESERVOIR})
NEVER_NEGATIVE = PRODUCTION | {Kind.LOAD, Kind.FLOW}
DARK, GLOW = 0.001, 0.03
"""Shares of the peak: what counts as dark, and what output in the dark is worth a finding."""


def violations(series: Series) -> dict[Rule, Flags]:
    """Which values break which rule."""
    found = {
        Rule.MISSING: np.isnan(series.values),
        Rule.PRICE_BOUNDS: outside_price_bounds(series),
        Rule.ABOVE_CAPACITY: above_capacity(series),
        Rule.NEGATIVE: negative(series),
        Rule.NIGHT: solar_at_night(series),
    }
    return {rule: flags for rule, flags in found.items() if flags.any()}


def outside_price_bounds(series: Series, country: str = "") -> Flags:
    """Prices beyond the bounds in force when their delivery starts; the bounds themselves are allowed."""
    outside = np.zeros(len(series.values), dtype=bool)
    if series.kind not in {Kind.PRICE, Kind.IMBALANCE}:
        return outside
    starts = series.start + series.step * np.arange(len(series.values), dtype=np.int64)
    for bounds in IMBALANCE_BOUNDS if series.kind is Kind.IMBALANCE else bounds_for(country):
        in_force = starts >= bounds.since.timestamp()
        beyond = (series.values < bounds.least) | (series.values > bounds.greatest)
        outside = np.where(in_force, beyond, outside)
    return outside


def above_capacity(series: Series) -> Flags:
    """Production above what is installed, where the peer `capacity` tells it."""
    capacity = series.peers.get("capacity")
    if capacity is None or series.kind not in PRODUCTION:
        return np.zeros(len(series.values), dtype=bool)
    return series.values > CAPACITY_MARGIN * capacity


def negative(series: Series) -> Flags:
    """A negative value of what has been positive for weeks; storage and own consumption are negative by habit."""
    if series.kind not in NEVER_NEGATIVE:
        return np.zeros(len(series.values), dtype=bool)
    usual = habit(np.fmax(-series.values, 0.0), series.per_day)
    if series.kind is Kind.FLOW:  # net flows and stores are negative from the first day on
        never: Flags = usual == 0
    else:
        never = ~(usual > 0)
    return (series.values < 0) & never


def solar_at_night(series: Series) -> Flags:
    """Output at a time of day that was dark for two weeks, an hour around it included."""
    if series.kind is not Kind.SOLAR or series.per_day == 1:
        return np.zeros(len(series.values), dtype=bool)
    usual = np.nan_to_num(slot_median(series.values, series.per_day, 14), nan=np.inf)
    around = np.maximum.reduce([np.roll(usual, hours * series.per_hour) for hours in (-1, 0, 1)])
    peak = habit(series.values, series.per_day, days=28)
    dark: Flags = (around <= DARK * peak) & (series.values > GLOW * peak)
    return dark
