"""A one-step forecast from a series' own past: ridge regression on lags and daily waves, refitted every four weeks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.quality.models import Values
from app.timeseries.rolling import MAD, all_known, before, fill_backwards

Matrix = NDArray[np.float64]

TRAINING_DAYS = 56
REFIT_DAYS = 28
SHORTEST_TRAINING_DAYS = 21
RECENT_LAGS = (1, 2, 3)
RIDGE = 1e-3
HUBER = 1.345
ROUNDS = 3
TINY = 1e-300
BLOCK_ROWS = 512


def forecast(observed: Values, trusted: Values, per_day: int, announced: Sequence[Values] = ()) -> Values:
    """Each value's forecast from what was known before it; NaN until three weeks are known.

    Recent lags are taken as observed, so that the forecast follows the series; older ones, and all that weights are
    learned from, are trusted values. `announced` series (forecasts of others) are known for the value itself.
    """
    table = _features(observed, trusted, per_day, announced)
    usable = ~np.isnan(table).any(axis=1)
    learnable = usable & all_known(trusted, 1 + max(RECENT_LAGS))
    forecasts = np.full(len(observed), np.nan)
    for start in range(SHORTEST_TRAINING_DAYS * per_day, len(observed), REFIT_DAYS * per_day):
        first = max(0, start - TRAINING_DAYS * per_day)
        rows = first + np.flatnonzero(learnable[first:start])
        if len(rows) < 7 * per_day + 2 * table.shape[1]:
            continue
        ahead = slice(start, start + REFIT_DAYS * per_day)
        forecasts[ahead] = _times(table[ahead], _fit(table[rows], trusted[rows]))
    return forecasts


def _features(observed: Values, trusted: Values, per_day: int, announced: Sequence[Values]) -> Matrix:
    filled = fill_backwards(trusted, per_day)
    day, week = per_day, 7 * per_day
    recent = [before(observed, lag) for lag in RECENT_LAGS]
    seasonal = [before(filled, lag) for lag in (day - 1, day, day + 1, 2 * day, week - 1, week, week + 1, 2 * week)]
    angle = 2 * np.pi * np.arange(len(observed)) / per_day
    waves = [wave(times * angle) for times in (1, 2) for wave in (np.sin, np.cos)]
    known = [column for peer in announced for column in (peer, before(peer, 1))]
    return np.column_stack([np.ones(len(observed)), *waves, *recent, *seasonal, *known])


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
