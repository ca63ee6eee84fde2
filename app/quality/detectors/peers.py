"""Evidence from a forecast of the same quantity: it knows holidays, weather and clock changes that the past does not."""

from __future__ import annotations

import numpy as np

from app.quality.detectors.residuals import (
    SHORTEST_DAY,
    floor_of,
    least_misfit,
    log_of_ratio,
    misfits,
    residual_spread,
)
from app.quality.models import EvidenceRule, Limit, Series, SoftScore
from app.timeseries.rolling import Flags, Values, all_known, before, moving_mean, trailing_median

BIAS_DAYS = 14
LASTING_HOURS = 12
LEAST_ERROR = 0.005
"""Of the usual size: a forecast that was nearer than this was filled in afterwards, and says nothing of its usual error."""


def peer_evidence(series: Series, trusted: Values, peer: Values, bias: Values) -> list[SoftScore]:
    """What a forecast of the series says; `bias` is what it usually lacks."""
    if series.per_day < SHORTEST_DAY:
        return []
    return [
        level(series, trusted, peer + bias),
        lasting_level(series, trusted, peer + bias),
        moved_level(series, trusted, peer + bias),
        moved_changes(series, trusted, peer),
    ]


def place_evidence(series: Series, trusted: Values, peer: Values, bias: Values) -> list[SoftScore]:
    """What a series of the same kind from another place says: it shares weather, habits and markets, not every hour."""
    if series.per_day < SHORTEST_DAY:
        return []
    return [level(series, trusted, peer + bias), lasting_level(series, trusted, peer + bias)]


def usual_distance(trusted: Values, peer: Values, per_day: int) -> Values:
    """What the forecast usually lacks."""
    return np.nan_to_num(trailing_median(trusted - peer, BIAS_DAYS * per_day, 3 * per_day))


def level(series: Series, trusted: Values, peer: Values) -> SoftScore:
    """The distance to the forecast over an hour."""
    hour = series.per_hour
    errors = moving_mean(series.values - peer, hour, hour // 2 + 1)
    clean = all_known(trusted, hour)
    return SoftScore(EvidenceRule.PEER_LEVEL, _in_errors(errors, clean, series, trusted), clean, Limit(12.0, 3.84))


def lasting_level(series: Series, trusted: Values, peer: Values) -> SoftScore:
    """The distance to the forecast that a value shares with half of the twelve hours before it."""
    hours = LASTING_HOURS * series.per_hour
    errors = series.values - peer
    usual = trailing_median(errors, hours, hours // 2)
    shared = np.where(usual * errors > 0, np.minimum(np.abs(usual), np.abs(errors)), 0.0)
    lasting = np.where(np.isnan(usual * errors), np.nan, shared)
    clean = all_known(trusted, hours + 1)
    return SoftScore(EvidenceRule.PEER_LEVEL, _in_errors(lasting, clean, series, trusted), clean, Limit(9.0, 4.4))


def _in_errors(errors: Values, clean: Flags, series: Series, trusted: Values) -> Values:
    """The size of errors in units of the forecast's usual one."""
    size = trailing_median(np.abs(trusted), 28 * series.per_day, 7 * series.per_day)
    usual = np.fmax(residual_spread(errors, clean, series.per_day), LEAST_ERROR * size)
    scores: Values = np.abs(errors) / (usual + floor_of(series, trusted))
    return scores


def moved_level(series: Series, trusted: Values, peer: Values) -> SoftScore:
    """How much better a day fits the forecast when moved by an hour."""
    hour, day = series.per_hour, series.per_day
    values = moving_mean(series.values, hour, hour)
    model = moving_mean(peer, hour, hour)
    return _moved(
        trusted, misfits(values, model, hour, day, least_misfit(series, trusted)), day + 2 * hour, Limit(0.9, 4.8)
    )


def moved_changes(series: Series, trusted: Values, peer: Values) -> SoftScore:
    """How much better a day's hourly changes fit the forecast's when moved by an hour."""
    hour, day = series.per_hour, series.per_day
    values, model = moving_mean(series.values, hour, hour), moving_mean(peer, hour, hour)
    values, model = values - before(values, hour), model - before(model, hour)
    return _moved(
        trusted, misfits(values, model, hour, day, least_misfit(series, trusted)), day + 3 * hour, Limit(1.125, 6.0)
    )


def _moved(trusted: Values, misfit: tuple[Values, Values], window: int, limit: Limit) -> SoftScore:
    return SoftScore(EvidenceRule.PEER_SHIFT, np.maximum(log_of_ratio(*misfit), 0.0), all_known(trusted, window), limit)
