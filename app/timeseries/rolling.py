"""Trailing statistics: what is said about a value uses only values before it."""

from __future__ import annotations

from collections.abc import Sequence

import bottleneck as bn
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
Instants = NDArray[np.int64]
"""Seconds since 1970."""

BLOCK = 65_536
MAD = 1.4826
"""Makes the median of absolute deviations an estimate of the standard deviation of normal errors."""


def before(values: Values, count: int) -> Values:
    """The values `count` points earlier; NaN where there are none."""
    shifted = np.full(len(values), np.nan)
    if count < len(values):
        shifted[count:] = values[: len(values) - count]
    return shifted


def trailing_median(values: Values, window: int, minimum: int) -> Values:
    """The median of the `window` values before each one; NaN with fewer than `minimum` known."""
    if len(values) <= minimum:
        return np.full(len(values), np.nan)
    medians: Values = bn.move_median(values, min(window, len(values)), min_count=minimum)
    return before(medians, 1)


def moving_mean(values: Values, window: int, minimum: int = 1) -> Values:
    """The mean of each value and the `window - 1` before it; NaN with fewer than `minimum` known."""
    if len(values) < minimum:
        return np.full(len(values), np.nan)
    means: Values = bn.move_mean(values, min(window, len(values)), min_count=minimum)
    return means


def all_known(values: Values, window: int) -> Flags:
    """Whether a value and the `window - 1` before it are known; the first ones count from the start."""
    unknown = np.cumsum(np.isnan(values))
    earlier = np.concatenate([np.zeros(min(window, len(values)), unknown.dtype), unknown[:-window]])
    known: Flags = unknown == earlier
    return known


def by_day(values: Values, per_day: int) -> Values:
    """One row a day, counted from the first value; the last is filled up with NaN."""
    days = -(-len(values) // per_day)
    padded = np.full(days * per_day, np.nan)
    padded[: len(values)] = values
    return padded.reshape(days, per_day)


def slot_median(values: Values, per_day: int, days: int, minimum: int = 7) -> Values:
    """The median of the values at the same time of the `days` days before."""
    table = by_day(values, per_day)
    result = np.full(table.shape, np.nan)
    if len(table) > minimum:
        result[1:] = bn.move_median(table, min(days, len(table)), min_count=minimum, axis=0)[:-1]
    return result.ravel()[: len(values)]


def slot_range(values: Values, per_day: int, days: int, minimum: int = 7) -> tuple[Values, Values]:
    """The least and the greatest value at the same time of the `days` days before."""
    table = by_day(values, per_day)
    least, greatest = np.full(table.shape, np.nan), np.full(table.shape, np.nan)
    if len(table) > minimum:
        window = min(days, len(table))
        least[1:] = bn.move_min(table, window, min_count=minimum, axis=0)[:-1]
        greatest[1:] = bn.move_max(table, window, min_count=minimum, axis=0)[:-1]
    return least.ravel()[: len(values)], greatest.ravel()[: len(values)]


def median_before(values: Values, counts: Sequence[int]) -> Values:
    """The median of the known values that lie `counts` points before each, block by block to bear long series."""
    medians = np.empty(len(values))
    for first in range(0, len(values), BLOCK):
        end = min(first + BLOCK, len(values))
        earlier = np.full((len(counts), end - first), np.nan)
        for row, count in zip(earlier, counts, strict=True):
            known = max(first, min(count, end))
            row[known - first :] = values[known - count : end - count] if known < end else np.nan
        medians[first:end] = bn.nanmedian(earlier, axis=0)
    return medians


def daily_maxima(values: Values, per_day: int) -> Values:
    """The greatest known value of each day; NaN for a day without any."""
    table = by_day(values, per_day)
    known = ~np.isnan(table)
    maxima = np.where(known, table, -np.inf).max(axis=1)
    return np.where(known.any(axis=1), maxima, np.nan)


def habit(values: Values, per_day: int, *, quantile: float = 0.9, days: int = 56, minimum: int = 7) -> Values:
    """For each value the quantile of the greatest values of the `days` days before its own; NaN below `minimum` days."""
    daily = daily_maxima(values, per_day)
    windows = np.sort(sliding_window_view(np.concatenate([np.full(days, np.nan), daily[:-1]]), days), axis=1)
    known = (~np.isnan(windows)).sum(axis=1)
    position = np.maximum(np.ceil(quantile * (known - 1)), 0).astype(np.intp)
    chosen = windows[np.arange(len(windows)), position]
    return np.repeat(np.where(known >= minimum, chosen, np.nan), per_day)[: len(values)]


def run_lengths(condition: Flags) -> Values:
    """How many values in a row, up to each one, meet the condition."""
    index = np.arange(1, len(condition) + 1)
    last_break = np.maximum.accumulate(np.where(condition, 0, index))
    return (index - last_break).astype(np.float64)


def whole_runs(condition: Flags, alarmed: Flags) -> Flags:
    """All values of those runs of the condition in which at least one is alarmed."""
    starts = condition & ~np.concatenate([[False], condition[:-1]])
    number = np.cumsum(starts)
    hit = np.zeros(len(condition) + 1, dtype=bool)
    hit[number[alarmed & condition]] = True
    members: Flags = condition & hit[number]
    return members


def fill_backwards(values: Values, per_day: int) -> Values:
    """Unknown values replaced by those of a week, a day or a point before, where these are known."""
    filled = values.copy()
    for lag in (7 * per_day, per_day, 1):
        missing = np.isnan(filled)
        filled[missing] = before(filled, lag)[missing]
    return filled
