"""Evidence from a forecast of the same quantity: it knows holidays, weather and clock changes that the past does not."""

from __future__ import annotations

import numpy as np

from app.quality.detectors.residuals import (
    SHORTEST_DAY,
    floor_of,
    least_misfit,
    log_of_positive,
    log_of_ratio,
    misfits,
    residual_spread,
    shared,
)
from app.quality.detectors.validity import PRODUCTION
from app.quality.models import EvidenceRule, Limit, Series, SeriesKind, SoftScore
from app.timeseries.rolling import Flags, Values, all_known, before, moving_mean, trailing_median

BIAS_DAYS = 14
LASTING_HOURS = 12
LEAST_ERROR = 0.005
"""Of the usual size: a forecast that was nearer than this was filled in afterwards, and says nothing of its usual error."""
HAVE_FACTORS = PRODUCTION | {SeriesKind.LOAD}
DAYS_OF_A_DRIFT = 7
LEAST_OF_A_DAY = 0.2
"""Of the usual mean of a day: a calm or a dark day makes no factor."""


def peer_evidence(series: Series, trusted: Values, peer: Values, bias: Values) -> list[SoftScore]:
    """What a forecast of the series says; `bias` is what it usually lacks."""
    if series.per_day < SHORTEST_DAY:
        return []
    found = [
        level(series, trusted, peer + bias),
        lasting_level(series, trusted, peer + bias),
        moved_level(series, trusted, peer + bias),
        moved_changes(series, trusted, peer),
    ]
    if series.kind is SeriesKind.LOAD:
        found.append(lasting_factor(series, trusted, peer, days=1, limit=Limit(0.15, 3.6)))
    return found


def drift(series: Series, trusted: Values, peer: Values) -> SoftScore:
    """What a forecast says about a week: a factor that each day by itself may be an error of."""
    return lasting_factor(series, trusted, peer, days=DAYS_OF_A_DRIFT, limit=Limit(0.25, 3.2))


def unusual_week(series: Series) -> SoftScore:
    """By how much a week departs from the four before it, as a logarithm."""
    day, weeks = series.per_day, 28 * series.per_day
    daily = moving_mean(series.values, day, day // 2)
    least = _least_of_days(series.values, day)
    week = moving_mean(series.values, DAYS_OF_A_DRIFT * day, DAYS_OF_A_DRIFT * day // 2)
    usual = before(trailing_median(daily, weeks, 7 * day), DAYS_OF_A_DRIFT * day)
    factor = log_of_positive(np.fmax(week, 0.0) + least, np.fmax(usual, 0.0) + least)
    return SoftScore(EvidenceRule.RATIO, np.abs(factor), ~np.isnan(series.values), Limit(0.1, 1.6))


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


def lasting_factor(series: Series, trusted: Values, peer: Values, *, days: int, limit: Limit) -> SoftScore:
    """The factor between some days and their forecast, as far as the last day and each value share it."""
    day, weeks = series.per_day, 28 * series.per_day
    together = ~np.isnan(trusted + peer)
    means = (moving_mean(np.where(together, column, np.nan), weeks, 14 * day) for column in (trusted, peer))
    usual = before(np.divide(*means), 1)
    model = peer * np.where(usual > 0, usual, np.nan)
    least = _least_of_days(trusted, day)
    factors = _log_factor(series.values, model, least, series.per_hour)
    for window in sorted({1, days}):
        factors = shared(factors, _log_factor(series.values, model, least, window * day))
    return SoftScore(EvidenceRule.PEER_LEVEL, np.abs(factors), all_known(trusted, days * day), limit)


def logarithms(series: Series, trusted: Values, peer: Values) -> tuple[Values, Values]:
    """The levels of a series and its forecast by the hour, small ones a little greater."""
    least = _least_of_days(trusted, series.per_day)
    least = np.where(least > 0, least, np.nan)
    own, other = (np.fmax(moving_mean(column, series.per_hour), 0.0) for column in (series.values, peer))
    return np.log(own + least), np.log(other + least)


def _least_of_days(values: Values, day: int) -> Values:
    """What means of a day count more than they are."""
    usual: Values = LEAST_OF_A_DAY * trailing_median(moving_mean(np.abs(values), day, day // 2), 28 * day, 7 * day)
    return usual


def _log_factor(values: Values, model: Values, least: Values, window: int) -> Values:
    """By how much the mean of a window exceeds that of the model, as a logarithm; small means count a little more."""
    known = np.where(np.isnan(model), np.nan, values)
    means = (
        moving_mean(column, window, window // 2 + 1) for column in (known, np.where(np.isnan(values), np.nan, model))
    )
    above, below = (np.fmax(mean, 0.0) + least for mean in means)
    return log_of_positive(above, below)


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
