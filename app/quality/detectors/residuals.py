"""Soft evidence: how far a value, a step or a day lies from what the weeks before suggest, in units of its usual spread.

The limits were fixed once on the tuning series of the fault benchmark and hold for every series and kind.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from app.quality.detectors.forecast import RECENT_LAGS, Forecaster
from app.quality.models import MARKETS, EvidenceRule, Limit, Series, SeriesKind, SoftScore
from app.timeseries.rolling import (
    MAD,
    Flags,
    Values,
    all_known,
    before,
    habit,
    median_before,
    moving_mean,
    slot_median,
    slot_range,
    trailing_median,
)

WEEKS = 6
SCALE_DAYS = 28
RANGE_DAYS = 56
SHORTEST_DAY = 4
"""Below four values a day there is no daily shape to speak of."""
RATIOS = frozenset({SeriesKind.LOAD, SeriesKind.GENERATION, SeriesKind.NUCLEAR, SeriesKind.RESERVOIR})
POSITIVE = frozenset({SeriesKind.LOAD, SeriesKind.GENERATION, SeriesKind.WIND, SeriesKind.RESERVOIR})
COMPRESSION = dict.fromkeys(SeriesKind, 0.1) | dict.fromkeys(MARKETS, 0.3)
"""Where the scale of steps bends, as a share of the usual size (of solar: of the peak)."""
ONE_STEP = dict.fromkeys(SeriesKind, Limit(19.2, 3.84)) | dict.fromkeys(MARKETS, Limit(16.3, 3.26))
"""Prices jump on their own, and their gate is high enough: less above it is a fault already."""
LEAST_FLOOR, SOLAR_FLOOR = 5e-4, 0.01
"""Of the peak: less is no spread, however well a series rests, lies at zero or follows its forecast."""
LEAST_STEP = dict.fromkeys(SeriesKind, 0.001) | {
    SeriesKind.GENERATION: 0.003,
    SeriesKind.SOLAR: 0.05,
    SeriesKind.NUCLEAR: 0.03,
}
"""Plants hold a level and leave it when the market calls."""
LEAST_MISFIT = 0.002
"""Of the peak: what the mean change of an hour may miss a model by, before another hour can fit better."""
ABOVE_PLATEAU = 0.03
LEAST_BEND = 0.25
"""Of the usual bend of all times of day: a plant that rests at night now and then works later."""
LASTING_RATIO = 0.5
"""As a logarithm: no holiday and no cold spell changes the load of a whole day so much, halving or doubling it does."""
HOURS_OF_A_DENT, DEPTH_OF_A_DENT = 5, 0.12
"""Tests of valves lower output by a tenth for an hour, every month."""
TINY = 1e-9


def own_evidence(series: Series, trusted: Values, doubted: Flags, forecaster: Forecaster) -> Iterator[SoftScore]:
    """What the series' own past says; references and spreads come from trusted values only.

    What is `doubted` for another reason than roughness does not make the hours after it rough.
    """
    if series.per_day < SHORTEST_DAY:
        return
    yield from plain_evidence(series, trusted)
    if series.kind is SeriesKind.NUCLEAR:
        yield above_plateau(series, trusted)
        yield dent(series, trusted)
        return
    yield roughness(series, trusted, doubted)
    yield one_step(series, trusted, forecaster)
    if series.kind in POSITIVE:
        yield beyond_range(series, trusted)
    if series.kind is SeriesKind.SOLAR:
        yield beyond_daylight_range(series, trusted)


def plain_evidence(series: Series, trusted: Values) -> Iterator[SoftScore]:
    """What is soon said: enough to tell which of two series departs from its own history."""
    if series.per_day < SHORTEST_DAY:
        return
    base = seasonal_base(trusted, series.per_day)
    yield step(series, trusted)
    if series.kind is SeriesKind.NUCLEAR:
        yield ratio(series, trusted, base)
        return
    yield seasonal_residual(series, trusted, base)
    yield shift(series, trusted, base, days=1, limit=Limit(2.1, 4.8))
    yield shift(series, trusted, base, days=2, limit=Limit(1.4, 3.2))
    if series.kind in RATIOS:
        yield ratio(series, trusted, base)
    if series.kind is SeriesKind.LOAD:
        yield lasting_ratio(series, trusted, base)


def lasting_ratio(series: Series, trusted: Values, base: Values) -> SoftScore:
    """The factor between a day and its base, as far as each value shares it: halved or doubled for good."""
    day = series.per_day
    known = np.where(np.isnan(base), np.nan, series.values)
    ratios = shared(
        log_of_positive(known, base),
        log_of_positive(moving_mean(known, day, day // 2), moving_mean(base, day, day // 2)),
    )
    return SoftScore(
        EvidenceRule.RATIO, np.abs(ratios), all_known(trusted, day), Limit(LASTING_RATIO, 3.2), lasting=True
    )


def log_of_positive(above: Values, below: Values) -> Values:
    """The logarithm of a ratio; 0 where either is not positive, NaN where either is not known."""
    positive = (above > 0) & (below > 0)
    logs = np.log(np.where(positive, above, 1.0) / np.where(positive, below, 1.0))
    return np.where(np.isnan(above + below), np.nan, logs)


def shared(one: Values, other: Values) -> Values:
    """The lesser of two departures to the same side, 0 of such to either side."""
    lesser = np.minimum(np.abs(one), np.abs(other))
    return np.where(one * other > 0, np.sign(one) * lesser, 0.0 * lesser)


def seasonal_base(trusted: Values, per_day: int) -> Values:
    """The median of the same time of the last six weeks; of the last seven days before two weeks are known."""
    weekly = median_before(trusted, [7 * per_day * week for week in range(1, WEEKS + 1)])
    daily = median_before(trusted, [per_day * day for day in range(1, 8)])
    early = np.arange(len(trusted)) < 14 * per_day
    return np.where(np.isnan(weekly) | early, daily, weekly)


def residual_spread(errors: Values, clean: Flags, per_day: int) -> Values:
    """The usual size of errors: over four weeks, or at the same time of day, whichever is greater."""
    sizes = np.where(clean, np.abs(errors), np.nan)
    overall = trailing_median(sizes, SCALE_DAYS * per_day, 7 * per_day)
    return MAD * np.fmax(overall, slot_median(sizes, per_day, SCALE_DAYS))


def floor_of(series: Series, trusted: Values) -> Values:
    """What spreads count at least, of solar a hundredth of the peak: its dawn moves every day."""
    return (SOLAR_FLOOR if series.kind is SeriesKind.SOLAR else LEAST_FLOOR) * peak_of(series, trusted) + TINY


def peak_of(series: Series, trusted: Values) -> Values:
    """What the series reached on all but the highest days of four weeks; 0 before anything is known."""
    return np.nan_to_num(habit(np.abs(trusted), series.per_day, days=SCALE_DAYS, minimum=1))


def in_spreads(errors: Values, clean: Flags, series: Series, trusted: Values) -> Values:
    """The size of errors in units of their spread."""
    scores: Values = np.abs(errors) / (residual_spread(errors, clean, series.per_day) + floor_of(series, trusted))
    return scores


def seasonal_residual(series: Series, trusted: Values, base: Values) -> SoftScore:
    """The distance to the seasonal base, less the day's own level."""
    day = series.per_day
    level = trailing_median(trusted - base, day, day // 2)
    errors = series.values - base - np.nan_to_num(level)
    clean = ~np.isnan(trusted)
    return SoftScore(EvidenceRule.SEASONAL, in_spreads(errors, clean, series, trusted), clean, Limit(22.5, 6.0))


def step(series: Series, trusted: Values) -> SoftScore:
    """The change from the value before, against the change at this time in the weeks before.

    Measured on a scale that is linear around zero and logarithmic beyond, because changes grow with the level.
    """
    knee = COMPRESSION[series.kind] * trailing_median(np.abs(trusted), SCALE_DAYS * series.per_day, series.per_day)
    if series.kind is SeriesKind.SOLAR:
        knee = COMPRESSION[series.kind] * habit(trusted, series.per_day, days=SCALE_DAYS, minimum=1)
    knee = np.where(knee > 0, knee, np.nan)
    change = np.arcsinh(series.values / knee) - np.arcsinh(before(series.values, 1) / knee)
    clean = all_known(trusted, 2)
    known = np.where(clean, change, np.nan)
    errors = change - median_before(known, [7 * series.per_day * week for week in range(1, WEEKS + 1)])
    score = np.abs(errors) / (residual_spread(errors, clean, series.per_day) + LEAST_STEP[series.kind])
    return SoftScore(EvidenceRule.STEP, score, clean, Limit(21.8, 4.36))


def roughness(series: Series, trusted: Values, doubted: Flags) -> SoftScore:
    """The mean bend of six hours against the same time of day in four weeks, without bends of doubted values."""
    bend = np.abs(series.values - 2 * before(series.values, 1) + before(series.values, 2))
    bend[~all_known(np.where(doubted, np.nan, 0.0), 3)] = np.nan
    window = max(3, 6 * series.per_hour)
    rough = moving_mean(bend, window, window // 2)
    clean = all_known(trusted, window + 2)
    known = np.where(clean, rough, np.nan)
    usual = slot_median(known, series.per_day, SCALE_DAYS)
    calm = LEAST_BEND * trailing_median(known, SCALE_DAYS * series.per_day, 7 * series.per_day)
    score = rough / (np.fmax(usual, calm) + floor_of(series, trusted))
    return SoftScore(EvidenceRule.ROUGHNESS, score, clean, Limit(6.0, 3.84))


def shift(series: Series, trusted: Values, base: Values, *, days: int, limit: Limit) -> SoftScore:
    """How much better the changes of some days fit the base when moved by an hour; 0 where they fit, or fit nowhere."""
    hour, window = series.per_hour, days * series.per_day
    smooth, model = moving_mean(series.values, hour, hour), moving_mean(base, hour, hour)
    smooth, model = smooth - before(smooth, hour), model - before(model, hour)
    misfit, moved = misfits(smooth, model, hour, window, least_misfit(series, trusted))
    clean = all_known(trusted, window + 3 * hour)
    usual = trailing_median(np.where(clean, misfit, np.nan), SCALE_DAYS * series.per_day, 7 * series.per_day)
    credible = (misfit > 2 * usual) & (moved <= 3 * usual)
    gain = log_of_ratio(misfit, moved)
    return SoftScore(EvidenceRule.SHIFT, np.where(credible | np.isnan(gain), gain, 0.0), clean, limit)


def least_misfit(series: Series, trusted: Values) -> Values:
    """What squared errors of a shift count at least."""
    return (LEAST_MISFIT * peak_of(series, trusted)) ** 2


def misfits(values: Values, model: Values, hour: int, window: int, least: Values) -> tuple[Values, Values]:
    """Mean squared errors against the model as it is, and moved by an hour to the side that fits better.

    Both are an hour late, because the model an hour ahead must be known, and both are greater by the `least` error.
    """
    late = before(values, hour)
    in_place = moving_mean((late - before(model, hour)) ** 2, window, window // 2)
    earlier = moving_mean((late - before(model, 2 * hour)) ** 2, window, window // 2)
    later = moving_mean((late - model) ** 2, window, window // 2)
    return in_place + least, np.fmin(earlier, later) + least


def log_of_ratio(above: Values, below: Values) -> Values:
    """NaN where either is not known: a score of 0 would count as a habit."""
    return np.asarray(np.log(np.maximum(above, TINY) / np.maximum(below, TINY)))


def one_step(series: Series, trusted: Values, forecaster: Forecaster) -> SoftScore:
    """The error of the one-step forecast."""
    errors = series.values - forecaster.forecast(series.values, trusted, series.per_day)
    clean = all_known(trusted, 1 + max(RECENT_LAGS))
    return SoftScore(EvidenceRule.FORECAST, in_spreads(errors, clean, series, trusted), clean, ONE_STEP[series.kind])


def ratio(series: Series, trusted: Values, base: Values) -> SoftScore:
    """The factor between a value and its base, as a logarithm; 0 where either is not positive."""
    positive = (series.values > 0) & (base > 0)
    score = np.abs(np.log(np.where(positive, series.values, 1.0) / np.where(positive, base, 1.0)))
    return SoftScore(EvidenceRule.RATIO, score, ~np.isnan(trusted), Limit(1.2, 3.84))


def above_plateau(series: Series, trusted: Values) -> SoftScore:
    """By how much output exceeds the highest of eight weeks, in shares of it."""
    highest = habit(trusted, series.per_day, quantile=1.0, days=RANGE_DAYS, minimum=14)
    score = np.maximum(series.values / np.where(highest > 0, highest, np.nan) - 1, 0.0)
    return SoftScore(EvidenceRule.RANGE, score, ~np.isnan(trusted), Limit(ABOVE_PLATEAU, 3.0))


def dent(series: Series, trusted: Values) -> SoftScore:
    """How deep output falls between equal values some hours before and after: a plant that stops is not back so soon."""
    peak = peak_of(series, trusted)
    score = np.zeros(len(series.values))
    for hours in range(1, HOURS_OF_A_DENT):
        earlier = before(series.values, hours * series.per_hour)
        later = before(series.values[::-1], (HOURS_OF_A_DENT - hours) * series.per_hour)[::-1]
        apart = np.minimum(np.abs(series.values - earlier), np.abs(series.values - later))
        depth = (apart - 2 * np.abs(earlier - later)) / np.where(peak > 0, peak, np.nan)
        score = np.fmax(score, np.maximum(depth, 0.0))
    return SoftScore(EvidenceRule.STEP, score, ~np.isnan(trusted), Limit(DEPTH_OF_A_DENT, 3.0))


def beyond_range(series: Series, trusted: Values) -> SoftScore:
    """The factor by which a positive value leaves the range of eight weeks, as a logarithm."""
    greatest = habit(trusted, series.per_day, quantile=1.0, days=RANGE_DAYS, minimum=14)
    least = -habit(-trusted, series.per_day, quantile=1.0, days=RANGE_DAYS, minimum=14)
    value = np.where(series.values > 0, series.values, np.nan)
    above = np.log(value / np.where(greatest > 0, greatest, np.nan))
    below = np.log(np.where(least > 0, least, np.nan) / value)
    score = np.fmax(np.fmax(above, below), 0.0)
    return SoftScore(EvidenceRule.RANGE, score, ~np.isnan(trusted), Limit(1.0, 3.2))


def beyond_daylight_range(series: Series, trusted: Values) -> SoftScore:
    """The factor by which output leaves the range of four weeks at this time of day, a twentieth of the peak added."""
    least, greatest = slot_range(trusted, series.per_day, SCALE_DAYS)
    offset = 0.05 * habit(trusted, series.per_day, days=SCALE_DAYS)
    offset = np.where(offset > 0, offset, np.nan)
    value = np.fmax(series.values, 0.0) + offset
    score = np.fmax(np.fmax(np.log(value / (greatest + offset)), np.log((least + offset) / value)), 0.0)
    return SoftScore(EvidenceRule.RANGE, score, ~np.isnan(trusted), Limit(0.72, 3.84))
