"""What is unusual about the collection, hour by hour: slow answers, few values, failures. Pure; looks back only.

Each judge compares the last hours of a series with what its own days before suggest, in medians, so that an outlier or
an earlier incident moves nothing. A score of 1 is where a person would want to know; docs/alerts.md has the figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import bottleneck as bn
import numpy as np
from numpy.typing import NDArray

from app.timeseries.rolling import MAD

DAY = 24
WEEK = 7 * DAY
HISTORY_DAYS = 15
"""Days before the first hour that is judged which a judge looks at."""
LEAST_DAYS = 5
"""Of these a series must have been watched at least so many."""

SLOWER = 1.8
"""Answers that take so many times as long as usual, for half of the last three hours …"""
FEWER_OF_DAY, FEWER_OF_SHIFT = 0.75, 0.6
"""… and values that are less than this share of the usual number within 24 or 6 hours, are unusual …"""
DEVIATIONS = 2.5
"""… where they also lie so many robust deviations off."""
LEAST_SPREAD = 0.1
"""Relative; a series that never varied varies a little tomorrow."""
LEAST_VALUES = 6
ASKED_SHARE = 0.8
"""Values that nobody asked for are not missing: there must have been so many of the usual runs."""
SHIFT = 6

USUAL_FAILURES = 0.005
CHANCE = 5e-3
"""As many failures as were met come about by chance this rarely, given the usual share …"""
LEAST_FAILURES, FAILING_SHARE = 2, 0.05
"""… and are no fewer, in number and as a share of the runs."""

HourTable = NDArray[np.float64]


class Metric(StrEnum):
    """What is looked at; `value` and `expected` are seconds a request, values, and a share of the runs."""

    LATENCY = "latency"
    VOLUME = "volume"
    FAILURES = "failures"


@dataclass(frozen=True, slots=True, eq=False)
class Hourly:
    """Sums by series and hour, each of shape (series, hours): runs that failed or not, requests, seconds, new values."""

    runs: HourTable
    failed: HourTable
    requests: HourTable
    response_seconds: HourTable
    new: HourTable

    def summed(self, groups: Sequence[Sequence[int]]) -> Hourly:
        """One series for each group of series."""
        return Hourly(
            *(
                np.array([column[list(group)].sum(axis=0) for group in groups]).reshape(len(groups), column.shape[1])
                for column in (self.runs, self.failed, self.requests, self.response_seconds, self.new)
            )
        )


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """Of each series and hour what was met, what was expected, and the score; NaN where nothing can be said."""

    value: HourTable
    expected: HourTable
    score: HourTable


@dataclass(frozen=True, slots=True)
class Unusual:
    """An hour of a series that scores 1 or more; `series` and `hour` are places in the table."""

    series: int
    hour: int
    metric: Metric
    value: float
    expected: float
    score: float


def unusual(hourly: Hourly, since: int, metrics: Sequence[Metric] = tuple(Metric)) -> Iterator[Unusual]:
    """Everything unusual from the hour `since` on."""
    for metric in metrics:
        found = JUDGES[metric](hourly)
        for series, hour in np.argwhere(found.score[:, since:] >= 1).tolist():
            place = series, hour + since
            yield Unusual(
                *place, metric, float(found.value[place]), float(found.expected[place]), float(found.score[place])
            )


def latency(hourly: Hourly) -> Judgement:
    """The median of the seconds a request within three hours, against that of the week before."""
    asked = hourly.requests > 0
    logarithms = np.log(
        np.divide(hourly.response_seconds, hourly.requests, where=asked, out=_unknown(asked)).clip(1e-6)
    )
    now = _median(logarithms, 3, 1)
    expected = _earlier(_median(logarithms, WEEK, 2 * LEAST_DAYS), 3)
    spread = np.maximum(MAD * _earlier(_median(np.abs(now - expected), WEEK, 2 * LEAST_DAYS), 3), LEAST_SPREAD)
    off = now - expected
    score = np.where(asked, np.minimum(off / np.log(SLOWER), off / (DEVIATIONS * spread)), np.nan)
    return Judgement(np.exp(now), np.exp(expected), score)


def volume(hourly: Hourly) -> Judgement:
    """The new values within a day and within six hours, against the same hours of the two weeks before."""
    new = np.where(_watched(hourly), hourly.new, np.nan)
    day = _fewer(new, hourly.runs, DAY, FEWER_OF_DAY)
    shift = _fewer(new, hourly.runs, SHIFT, FEWER_OF_SHIFT)
    sharper = np.nan_to_num(shift.score, nan=-np.inf) > np.nan_to_num(day.score, nan=-np.inf)
    return Judgement(
        *(np.where(sharper, getattr(shift, name), getattr(day, name)) for name in ("value", "expected", "score"))
    )


def _fewer(new: HourTable, runs: HourTable, hours: int, share: float) -> Judgement:
    value, asked = _sum(new, hours), _sum(runs, hours)
    same_time = _same_time(value)
    expected = bn.nanmedian(same_time, axis=0)
    spread = np.maximum(MAD * bn.nanmedian(np.abs(same_time - expected), axis=0), LEAST_SPREAD * expected)
    was_asked = asked >= ASKED_SHARE * bn.nanmedian(_same_time(asked), axis=0)
    enough = (expected >= LEAST_VALUES) & _known_days(same_time) & was_asked
    lost = np.where(enough, expected - value, np.nan)
    score = np.minimum(lost / ((1 - share) * expected.clip(1)), lost / (DEVIATIONS * spread.clip(1e-9)))
    return Judgement(value, expected, score)


def failures(hourly: Hourly) -> Judgement:
    """The share of failed runs within a day and within six hours, against the usual day's."""
    day, shift = _failing(hourly, DAY), _failing(hourly, SHIFT)
    sharper = np.nan_to_num(shift.score) > np.nan_to_num(day.score)
    return Judgement(
        *(np.where(sharper, getattr(shift, name), getattr(day, name)) for name in ("value", "expected", "score"))
    )


def _failing(hourly: Hourly, hours: int) -> Judgement:
    watched = _watched(hourly)
    runs, failed = (_sum(np.where(watched, column, np.nan), hours) for column in (hourly.runs, hourly.failed))
    days, failed_days = (_sum(np.where(watched, column, np.nan), DAY) for column in (hourly.runs, hourly.failed))
    same_time = _same_time(np.divide(failed_days, days, where=days > 0, out=_unknown(days > 0)))
    expected = np.where(_known_days(same_time), np.maximum(bn.nanmedian(same_time, axis=0), USUAL_FAILURES), np.nan)
    share = np.divide(failed, runs, where=runs > 0, out=_unknown(runs > 0))
    rarity = -_chance_of(failed, runs * expected) / -np.log10(CHANCE)
    score = np.minimum(np.minimum(rarity, failed / LEAST_FAILURES), share / FAILING_SHARE)
    # The hour itself must have its part in it: what was reported is not reported again for as long as it stays in the sum.
    return Judgement(share, expected, np.where((hourly.failed > 0) & (share > expected), score, np.nan))


def _chance_of(count: HourTable, mean: HourTable) -> HourTable:
    """log10 of the chance of so many rare events or more: the tail of a Poisson distribution above its mean."""
    known = np.where(np.isnan(count) | np.isnan(mean), 0, count).astype(np.intp)
    logarithms = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, known.max(initial=0) + 1)))])
    above = (known > mean) & (mean > 0)
    rate = np.where(above, mean, 1.0)
    first = -rate + known * np.log(rate) - logarithms[known]
    tail = first - np.log1p(-np.where(above, rate / (known + 1), 0.0))
    chance: HourTable = np.where(np.isnan(mean), np.nan, np.where(above, tail / np.log(10), 0.0))
    return chance


JUDGES = {Metric.LATENCY: latency, Metric.VOLUME: volume, Metric.FAILURES: failures}


def _unknown(like: NDArray[np.bool_]) -> HourTable:
    return np.full(like.shape, np.nan)


def _watched(hourly: Hourly) -> NDArray[np.bool_]:
    """From the hour of the first run of each series on."""
    watched: NDArray[np.bool_] = np.maximum.accumulate(hourly.runs > 0, axis=1)
    return watched


def _median(values: HourTable, hours: int, minimum: int) -> HourTable:
    window = min(hours, values.shape[1])
    medians: HourTable = bn.move_median(values, window, min_count=min(minimum, window), axis=1)
    return medians


def _sum(values: HourTable, hours: int) -> HourTable:
    """Over so many hours up to each; NaN where one of them was not watched."""
    if values.shape[1] < hours:
        return np.full(values.shape, np.nan)
    sums: HourTable = bn.move_sum(values, hours, axis=1)
    return sums


def _earlier(values: HourTable, hours: int) -> HourTable:
    moved = np.full(values.shape, np.nan)
    moved[:, hours:] = values[:, :-hours]
    return moved


def _same_time(values: HourTable) -> HourTable:
    """Of the days before, one layer a day."""
    return np.array([_earlier(values, day * DAY) for day in range(1, HISTORY_DAYS)])


def _known_days(layers: HourTable) -> NDArray[np.bool_]:
    enough: NDArray[np.bool_] = (~np.isnan(layers)).sum(axis=0) >= LEAST_DAYS
    return enough
