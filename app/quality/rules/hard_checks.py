"""Hard rules on the values of a stored series, whose item, area and type are known. They flag, they never reject."""

from __future__ import annotations

import numpy as np

from app.market.series import DataItem
from app.quality.detectors.patterns import allowed_at_limit, allowed_run
from app.quality.detectors.sun import night
from app.quality.detectors.validity import above_capacity, beyond_seasonal_bounds, negative, outside_price_bounds
from app.quality.models import EvidenceRule, Series, SeriesKind
from app.quality.rules.series_kinds import STORAGE, Subject
from app.timeseries.rolling import Flags, run_lengths, slot_median, whole_runs

ABOVE_ZERO = frozenset({DataItem.LOAD_ACTUAL, DataItem.LOAD_FORECAST_DAY_AHEAD})
DIRECTED = frozenset({DataItem.FLOW_PHYSICAL, DataItem.EXCHANGE_SCHEDULED})
MEASURED = frozenset({DataItem.LOAD_ACTUAL, DataItem.GENERATION_ACTUAL, DataItem.FLOW_PHYSICAL})
NIGHT_SHARE = 0.01
"""Of the peak: what own consumption and meters show at night is no output."""
PEAK_QUANTILE = 0.98
"""Not the maximum, which may be a fault itself."""
HOURS_OF_FILL = 6


def hard_violations(subject: Subject, series: Series, filled: Flags | None = None) -> dict[EvidenceRule, Flags]:
    """Which values break which rule; rules that nothing breaks are left out.

    `filled` marks the values that the A03 rule repeated; the installed capacity is the peer `capacity`. Values that are
    not known break no rule.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            EvidenceRule.SIGN: sign_violations(subject, series),
            EvidenceRule.ABOVE_CAPACITY: above_capacity(series),
            EvidenceRule.NIGHT: output_at_night(subject, series),
            EvidenceRule.SEASONAL_BOUNDS: beyond_seasonal_bounds(series) & (subject.item is DataItem.LOAD_ACTUAL),
        }
        if subject.item in {DataItem.PRICE_DAY_AHEAD, DataItem.IMBALANCE_PRICE}:
            found[EvidenceRule.PRICE_BOUNDS] = outside_price_bounds(series, subject.country)
        if subject.psr_type not in STORAGE:
            found[EvidenceRule.NEGATIVE] = negative(series) & ~found[EvidenceRule.SIGN]
        if filled is not None:
            found[EvidenceRule.FLAT_FILL] = flat_fill(subject, series, filled)
    return {rule: flags for rule, flags in found.items() if flags.any()}


def sign_violations(subject: Subject, series: Series) -> Flags:
    """Load of zero or below, and what is published per direction below zero."""
    if subject.item in ABOVE_ZERO:
        return series.values <= 0
    if subject.item in DIRECTED or subject.direction == "consumption":
        return series.values < 0
    return np.zeros(len(series.values), np.bool_)


def output_at_night(subject: Subject, series: Series) -> Flags:
    """Solar output while it is night all over the country; thermal plants that store heat make a habit of it."""
    known = series.values[~np.isnan(series.values)]
    if series.kind is not SeriesKind.SOLAR or not len(known):
        return np.zeros(len(series.values), np.bool_)
    starts = series.start + series.step * np.arange(len(series.values), dtype=np.int64)
    peak = np.quantile(known, PEAK_QUANTILE)
    usual = np.nan_to_num(slot_median(series.values, series.per_day, 14))
    shining: Flags = (series.values > NIGHT_SHARE * peak) & (series.values > 2 * usual)
    return shining & night(starts, series.step, subject.country)


def flat_fill(subject: Subject, series: Series, filled: Flags) -> Flags:
    """Runs of repeated values longer than some hours and longer than usual, where something is measured.

    Zero may last, and a line at its limit while the prices of its ends differ.
    """
    if subject.item not in MEASURED:
        return np.zeros(len(series.values), np.bool_)
    repeated = filled & (series.values != 0) & ~np.isnan(series.values)
    lengths = np.where(repeated, run_lengths(repeated), 0.0)
    allowed = allowed_run(lengths, series, HOURS_OF_FILL * series.per_hour)
    if series.kind is SeriesKind.FLOW:
        allowed = allowed_at_limit(allowed, series)
    return whole_runs(repeated, repeated & (lengths > allowed))
