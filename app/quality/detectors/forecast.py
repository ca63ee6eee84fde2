"""A one-step forecast from a series' own past: ridge regression on lags and daily waves, refitted every four weeks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.timeseries.rolling import MAD, Flags, Values, all_known, before, fill_backwards

Matrix = NDArray[np.float64]
Column = tuple[Values, int]
"""Values, and how many points before a row its value lies."""

TRAINING_DAYS = 56
REFIT_DAYS = 28
SHORTEST_TRAINING_DAYS = 21
RECENT_LAGS = (1, 2, 3)
RIDGE = 1e-3
HUBER = 1.345
ROUNDS = 3
TINY = 1e-300
BLOCK_ROWS = 512
REFERENCE_DAYS = 21
"""Values so long before a row may stand in its columns: lags of two weeks, filled up by a week before."""
MOST_ROWS = 2_700
"""Of quarter-hours and shorter units weights are learned from every n-th row: more than so many teach nothing new."""
ROWS_AT_ONCE = 100_000
WAVES = ((np.ones_like, 0), (np.sin, 1), (np.cos, 1), (np.sin, 2), (np.cos, 2))


class Forecaster:
    """Forecasts one series again and again with fewer and fewer trusted values; what did not change is kept."""

    def __init__(self) -> None:
        self._trusted: Values | None = None
        self._forecasts: Values = np.zeros(0)

    def forecast(self, observed: Values, trusted: Values, per_day: int, announced: Sequence[Values] = ()) -> Values:
        """Each value's forecast from what was known before it; NaN until three weeks are known.

        Recent lags are taken as observed, so that the forecast follows the series; older ones, and all that weights
        are learned from, are trusted values. `announced` series (forecasts of others) are known for the value itself.
        """
        columns = _columns(observed, trusted, per_day, announced)
        learnable = _all_there(columns) & all_known(trusted, 1 + max(RECENT_LAGS))
        forecasts = np.full(len(observed), np.nan)
        changed = self._changed(trusted)
        for start in range(SHORTEST_TRAINING_DAYS * per_day, len(observed), REFIT_DAYS * per_day):
            end = min(start + REFIT_DAYS * per_day, len(observed))
            if changed[max(0, start - (TRAINING_DAYS + REFERENCE_DAYS) * per_day) : end].any():
                period = slice(start, end)
                forecasts[period] = _forecast_period(columns, np.where(learnable, trusted, np.nan), per_day, period)
            else:
                forecasts[start:end] = self._forecasts[start:end]
        self._trusted, self._forecasts = trusted, forecasts
        return forecasts

    def _changed(self, trusted: Values) -> Flags:
        if self._trusted is None:
            return np.ones(len(trusted), np.bool_)
        changed: Flags = np.isnan(trusted) != np.isnan(self._trusted)
        return changed


def forecast(observed: Values, trusted: Values, per_day: int, announced: Sequence[Values] = ()) -> Values:
    """The forecast of a series that is asked for once."""
    return Forecaster().forecast(observed, trusted, per_day, announced)


def _forecast_period(columns: Sequence[Column], target: Values, per_day: int, period: slice) -> Values:
    """The forecasts of one period, learned from the known targets of the weeks before it."""
    forecasts = np.full(period.stop - period.start, np.nan)
    first = max(0, period.start - TRAINING_DAYS * per_day)
    every = -(-(period.start - first) // MOST_ROWS)
    known = target[first : period.start : every]
    rows = ~np.isnan(known)
    if rows.sum() < 7 * per_day / every + 2 * (len(columns) + len(WAVES)):
        return forecasts
    weights = _fit(_features(columns, per_day, slice(first, period.start, every))[rows], known[rows])
    for begin in range(period.start, period.stop, ROWS_AT_ONCE):
        ahead = slice(begin, min(begin + ROWS_AT_ONCE, period.stop), 1)
        forecasts[begin - period.start : ahead.stop - period.start] = _times(
            _features(columns, per_day, ahead), weights
        )
    return forecasts


def _columns(observed: Values, trusted: Values, per_day: int, announced: Sequence[Values]) -> list[Column]:
    filled = fill_backwards(trusted, per_day)
    day, week = per_day, 7 * per_day
    recent = [(observed, lag) for lag in RECENT_LAGS]
    seasonal = [(filled, lag) for lag in (day - 1, day, day + 1, 2 * day, week - 1, week, week + 1, 2 * week)]
    return [*recent, *seasonal, *((peer, lag) for peer in announced for lag in (0, 1))]


def _all_there(columns: Sequence[Column]) -> Flags:
    """The rows in which every column has a value."""
    known = np.ones(len(columns[0][0]), np.bool_)
    for values, lag in columns:
        known &= ~np.isnan(before(values, lag))
    return known


def _features(columns: Sequence[Column], per_day: int, rows: slice) -> Matrix:
    """The columns of some rows only: of a year of seconds all of them would fill gigabytes."""
    places = np.arange(rows.start, rows.stop, rows.step)
    angle = 2 * np.pi * places / per_day
    table = np.ones((len(places), len(WAVES) + len(columns)))
    for number, (wave, times) in enumerate(WAVES[1:], 1):
        table[:, number] = wave(times * angle)
    for number, (values, lag) in enumerate(columns, len(WAVES)):
        unknown = int(np.searchsorted(places, lag))
        table[:unknown, number] = np.nan
        table[unknown:, number] = values[places[unknown:] - lag]
    return table


def _fit(table: Matrix, target: Values) -> Values:
    """Ridge weights under Huber's loss, by reweighted least squares."""
    scale = np.sqrt(np.mean(table**2, axis=0))
    scale[scale == 0] = 1.0
    scaled = table / scale
    penalty = RIDGE * len(target) * np.eye(table.shape[1])
    trust = np.ones(len(target))
    weights: Values = np.zeros(table.shape[1])
    for _ in range(ROUNDS):
        weighted = scaled * trust[:, None]
        solution = np.linalg.solve(_products(weighted, scaled) + penalty, _times(weighted.T, target))
        weights = solution.astype(np.float64)
        error = np.abs(target - _times(scaled, weights))
        limit = HUBER * MAD * float(np.median(error)) + TINY
        trust = limit / np.maximum(error, limit)
    unscaled: Values = weights / scale
    return unscaled


def _products(left: Matrix, right: Matrix) -> Matrix:
    """left.T @ right in blocks too small for the threads of OpenBLAS, whose waiting costs more than it saves."""
    blocks = (slice(first, first + BLOCK_ROWS) for first in range(0, len(left), BLOCK_ROWS))
    total: Matrix = np.sum([left[rows].T @ right[rows] for rows in blocks], axis=0)
    return total


def _times(table: Matrix, weights: Values) -> Values:
    """table @ weights without BLAS, for the same reason."""
    product: Values = np.einsum("ij,j->i", table, weights)
    return product
