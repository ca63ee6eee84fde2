"""Soft evidence: how far a value, a step or a day lies from what the weeks before suggest, in units of its usual spread.

The limits were fixed once on the tuning series of the fault benchmark and hold for every series and kind.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from app.quality.forecast import RECENT_LAGS, forecast
from app.quality.models import Evidence, Flags, Kind, Limit, Rule, Series, Values
from app.timeseries.rolling import (
    MAD,
    all_known,
    before,
    fill_backwards,
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
RATIOS = frozenset({Kind.LOAD, Kind.GENERATION})
POSITIVE = frozenset({Kind.LOAD, Kind.GENERATION, Kind.WIND})
COMPRESSION = dict.fromkeys(Kind, 0.1) | {Kind.PRICE: 0.3}
"""Where the scale of steps bends, as a share of the usual size (of solar: of the peak)."""
ONE_STEP = dict.fromkeys(Kind, Limit(19.2, 3.84)) | {Kind.PRICE: Limit(16.3, 3.26)}
"""Prices jump on their own, and their gate is high enough: less above it is a fault already."""
LEAST_FLOOR, SOLAR_FLOOR, SOLAR_STEP = 1e-6, 0.01, 0.05
TINY = 1e-9


def own_evidence(series: Series, trusted: Values, doubted: Flags) -> Iterator[Evidence]:
    """What the series' own past says; references and spreads come from trusted values only.

    What is `doubted` for another reason than roughness does not make the hours after it rough.
    """
    if series.per_day < SHORTEST_DAY:
        return
    base = seasonal_base(trusted, series.per_day)
    yield seasonal_residual(series, trusted, base)
    yield step(series, trusted)
    yield roughness(series, trusted, doubted)
    yield shift(series, trusted, base, days=1, limit=Limit(2.1, 4.8))
    yield shift(series, trusted, base, days=2, limit=Limit(1.4, 3.2))
    yield one_step(series, trusted)
    if series.kind in RATIOS:
        yield ratio(series, trusted, base)
    if series.kind in POSITIVE:
        yield beyond_range(series, trusted)
    if series.kind is Kind.SOLAR:
        yield beyond_daylight_range(series, trusted)


def seasonal_base(trusted: Values, per_day: int) -> Values:
    """The median of the same time of the last six weeks; of the last seven days before two weeks are known."""
    weekly = median_before(trusted, [7 * per_day * week for week in range(1, WEEKS + 1)])
    daily = median_before(trusted, [per_day * day for day in range(1, 8)])
    early = np.arange(len(trusted)) < 14 * per_day
    return np.where(np.isnan(weekly) | early, daily, weekly)


def spread(errors: Values, clean: Flags, per_day: int) -> Values:
    """The usual size of errors: over four weeks, or at the same time of day, whichever is greater."""
    sizes = np.where(clean, np.abs(errors), np.nan)
    overall = trailing_median(sizes, SCALE_DAYS * per_day, 7 * per_day)
    return MAD * np.fmax(overall, slot_median(sizes, per_day, SCALE_DAYS))


def floor_of(series: Series, trusted: Values) -> Values:
    """What spreads count at least: next to nothing, but a hundredth of the peak of solar, whose dawn moves every day."""
    peak = np.nan_to_num(habit(np.abs(trusted), series.per_day, days=SCALE_DAYS, minimum=1))
    return (SOLAR_FLOOR if series.kind is Kind.SOLAR else LEAST_FLOOR) * peak + TINY


def in_spreads(errors: Values, clean: Flags, series: Series, trusted: Values) -> Values:
    """The size of errors in units of their spread."""
    scores: Values = np.abs(errors) / (spread(errors, clean, series.per_day) + floor_of(series, trusted))
    return scores


def seasonal_residual(series: Series, trusted: Values, base: Values) -> Evidence:
    """The distance to the seasonal base, less the day's own level."""
    day = series.per_day
    level = trailing_median(trusted - base, day, day // 2)
    errors = series.values - base - np.nan_to_num(level)
    clean = ~np.isnan(trusted)
    return Evidence(Rule.SEASONAL, in_spreads(errors, clean, series, trusted), clean, Limit(22.5, 6.0))


def step(series: Series, trusted: Values) -> Evidence:
    """The change from the value before, against the change at this time in the weeks before.

    Measured on a scale that is linear around zero and logarithmic beyond, because changes grow with the level.
    """
    knee = COMPRESSION[series.kind] * trailing_median(np.abs(trusted), SCALE_DAYS * series.per_day, series.per_day)
    if series.kind is Kind.SOLAR:
        knee = COMPRESSION[series.kind] * habit(trusted, series.per_day, days=SCALE_DAYS, minimum=1)
    knee = np.where(knee > 0, knee, np.nan)
    change = np.arcsinh(series.values / knee) - np.arcsinh(before(series.values, 1) / knee)
    clean = all_known(trusted, 2)
    known = np.where(clean, change, np.nan)
    errors = change - median_before(known, [7 * series.per_day * week for week in range(1, WEEKS + 1)])
    floor = SOLAR_STEP if series.kind is Kind.SOLAR else LEAST_FLOOR
    score = np.abs(errors) / (spread(errors, clean, series.per_day) + floor)
    return Evidence(Rule.STEP, score, clean, Limit(21.8, 4.36))


def roughness(series: Series, trusted: Values, doubted: Flags) -> Evidence:
    """The mean bend of six hours against the same time of day in four weeks, without bends of doubted values."""
    bend = np.abs(series.values - 2 * before(series.values, 1) + before(series.values, 2))
    bend[~all_known(np.where(doubted, np.nan, 0.0), 3)] = np.nan
    window = max(3, 6 * series.per_hour)
    rough = moving_mean(bend, window, window // 2)
    clean = all_known(trusted, window + 2)
    known = np.where(clean, rough, np.nan)
    usual = slot_median(known, series.per_day, SCALE_DAYS)
    calm = 0.05 * trailing_median(known, SCALE_DAYS * series.per_day, 7 * series.per_day)
    score = rough / (np.fmax(usual, calm) + floor_of(series, trusted))
    return Evidence(Rule.ROUGHNESS, score, clean, Limit(6.0, 3.84))


def shift(series: Series, trusted: Values, base: Values, *, days: int, limit: Limit) -> Evidence:
    """How much better the changes of some days fit the base when moved by an hour; 0 where they fit, or fit nowhere."""
    hour, window = series.per_hour, days * series.per_day
    smooth, model = moving_mean(series.values, hour, hour), moving_mean(base, hour, hour)
    smooth, model = smooth - before(smooth, hour), model - before(model, hour)
    misfit, moved = misfits(smooth, model, hour, window)
    clean = all_known(trusted, window + 3 * hour)
    usual = trailing_median(np.where(clean, misfit, np.nan), SCALE_DAYS * series.per_day, 7 * series.per_day)
    credible = (misfit > 2 * usual) & (moved <= 3 * usual)
    gain = log_of_ratio(misfit, moved)
    return Evidence(Rule.SHIFT, np.where(credible | np.isnan(gain), gain, 0.0), clean, limit)


def misfits(values: Values, model: Values, hour: int, window: int) -> tuple[Values, Values]:
    """Mean squared errors against the model as it is, and moved by an hour to the side that fits better.

    Both are an hour late, because the model an hour ahead must be known.
    """
    late = before(values, hour)
    in_place = moving_mean((late - before(model, hour)) ** 2, window, window // 2)
    earlier = moving_mean((late - before(model, 2 * hour)) ** 2, window, window // 2)
    later = moving_mean((late - model) ** 2, window, window // 2)
    return in_place, np.fmin(earlier, later)


def log_of_ratio(above: Values, below: Values) -> Values:
    """NaN where either is not known: a score of 0 would count as a habit."""
    return np.asarray(np.log(np.maximum(above, TINY) / np.maximum(below, TINY)))


def one_step(series: Series, trusted: Values) -> Evidence:
    """The error of the one-step forecast."""
    announced = [fill_backwards(peer, series.per_day) for peer in series.forecasts if np.isnan(peer).mean() <= 0.5]
    errors = series.values - forecast(series.values, trusted, series.per_day, announced)
    clean = all_known(trusted, 1 + max(RECENT_LAGS))
    return Evidence(Rule.FORECAST, in_spreads(errors, clean, series, trusted), clean, ONE_STEP[series.kind])


def ratio(series: Series, trusted: Values, base: Values) -> Evidence:
    """The factor between a value and its base, as a logarithm; 0 where either is not positive."""
    positive = (series.values > 0) & (base > 0)
    score = np.abs(np.log(np.where(positive, series.values, 1.0) / np.where(positive, base, 1.0)))
    return Evidence(Rule.RATIO, score, ~np.isnan(trusted), Limit(1.2, 3.84))


def beyond_range(series: Series, trusted: Values) -> Evidence:
    """The factor by which a positive value leaves the range of eight weeks, as a logarithm."""
    greatest = habit(trusted, series.per_day, quantile=1.0, days=RANGE_DAYS, minimum=14)
    least = -habit(-trusted, series.per_day, quantile=1.0, days=RANGE_DAYS, minimum=14)
    value = np.where(series.values > 0, series.values, np.nan)
    above = np.log(value / np.where(greatest > 0, greatest, np.nan))
    below = np.log(np.where(least > 0, least, np.nan) / value)
    score = np.fmax(np.fmax(above, below), 0.0)
    return Evidence(Rule.RANGE, score, ~np.isnan(trusted), Limit(1.0, 3.2))


def beyond_daylight_range(series: Series, trusted: Values) -> Evidence:
    """The factor by which output leaves the range of four weeks at this time of day, a twentieth of the peak added."""
    least, greatest = slot_range(trusted, series.per_day, SCALE_DAYS)
    offset = 0.05 * habit(trusted, series.per_day, days=SCALE_DAYS)
    offset = np.where(offset > 0, offset, np.nan)
    value = np.fmax(series.values, 0.0) + offset
    score = np.fmax(np.fmax(np.log(value / (greatest + offset)), np.log((least + offset) / value)), 0.0)
    return Evidence(Rule.RANGE, score, ~np.isnan(trusted), Limit(0.72, 3.84))
