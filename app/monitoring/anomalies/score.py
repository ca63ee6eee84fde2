"""How surprising each value of any metric is, by what came before it alone. Pure.

No single detector wins on every kind of metric, so seven signs of trouble vote, each by its rank among its own past
(a conformal p-value), which needs no distribution and no threshold. A score of 2 is as rare as one value in a hundred
for all signs together; what goes far beyond the usual extremes of a sign weighs up to 1 more.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from math import inf, log10

import bottleneck as bn
import numpy as np

from app.timeseries.rolling import MAD, Values, before, trailing_median

PAST = 5_000
"""So many values of a sign are remembered."""
LEAST_PAST = 50
EXTREME = 0.99
"""The quantile of its own past beyond which the size of a sign counts as well."""
RECORD_WEIGHT = 3.0
"""How much a sign beyond everything seen adds, for each power of ten."""
STRIKING = 1.5
"""From here on a value is one that people are notified of; what follows it within half a day weighs less."""
ECHO = 0.3
DAYS = 7
HUGE = 1e9
LARGEST = 1e150
"""Beyond it a square is no number; what is as large is as unusual as can be."""


def surprise(values: Values, per_day: int) -> Values:
    """A score from 0 on for each of the values, which stand in the order of time, `per_day` of them a day.

    An unknown value counts as the one before. The first days know little and score low.
    """
    if not len(values):
        return np.zeros(0)
    signs = _signs(_filled(values), max(per_day, 1))
    votes: Values = np.mean([_ranked(sign) for sign in signs.values()], axis=0)
    beyond = np.maximum(_beyond(signs["jump"]), _beyond(signs["shift"]))
    return _without_echo(votes + beyond, max(1, per_day // 2))


def _filled(values: Values) -> Values:
    places = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
    filled: Values = np.clip(np.nan_to_num(values[places], nan=0.0), -LARGEST, LARGEST)
    return filled


def _signs(values: Values, per_day: int) -> dict[str, Values]:
    hour, week = max(1, round(per_day / 24)), DAYS * per_day
    usual = trailing_median(values, week, 5)
    least = 1e-9 + 1e-3 * np.abs(np.nan_to_num(usual))
    scale = np.maximum(MAD * trailing_median(np.abs(values - usual), week, 5), least)
    step = np.abs(values - before(values, 1))
    smooth = _moving(bn.move_mean, values, hour)
    spread = _moving(bn.move_std, values, max(3, 6 * hour), 3)
    level = _moving(bn.move_median, values, max(5, 2 * hour))
    signs = {
        "jump": step / np.maximum(MAD * trailing_median(step, week, 5), least),
        "hour": _off_course(values, 2 / (2 * hour + 2), 2 / (8 * hour + 6)),
        "day": _off_course(values, 2 / (per_day + 1), 2 / (4 * per_day + 1)),
        "roughness": spread / np.maximum(trailing_median(spread, week, 5), least),
        "level": np.abs(_moving(bn.move_mean, values, 3 * hour) - trailing_median(values, max(5, 2 * per_day), 5))
        / scale,
        "yesterday": np.abs(smooth - before(smooth, per_day)),
        "shift": np.abs(level - _same_time(level, per_day)),
    }
    return {name: np.where(np.isposinf(sign), HUGE, sign) for name, sign in signs.items()}


def _moving(statistic: object, values: Values, window: int, minimum: int = 1) -> Values:
    if len(values) < minimum:
        return np.full(len(values), np.nan)
    moved: Values = statistic(values, max(min(window, len(values)), minimum), min_count=minimum)  # type: ignore[operator]
    return moved


def _same_time(values: Values, per_day: int) -> Values:
    """The median of the values at the same time of the days before."""
    days = np.array([before(values, day * per_day) for day in range(1, DAYS + 1)])
    medians: Values = bn.nanmedian(days, axis=0)
    return medians


def _off_course(values: Values, pace: float, slow_pace: float) -> Values:
    """How many standard deviations each value is off an exponentially weighted mean of those before it."""
    return np.fromiter(_deviations(values.tolist(), pace, slow_pace), np.float64)


def _deviations(values: list[float], pace: float, slow_pace: float) -> Iterator[float]:
    mean = slow = values[0]
    variance = 0.0
    for value in values:
        off = abs(value - mean)
        yield off / variance**0.5 if variance > 0 else (inf if off else 0.0)
        mean += pace * (value - mean)
        variance = (1 - slow_pace) * (variance + slow_pace * (value - slow) ** 2)
        slow += slow_pace * (value - slow)


class _Past:
    """The last values of a sign, sorted."""

    def __init__(self) -> None:
        self.sorted: list[float] = []
        self._order: deque[float] = deque()

    def add(self, value: float) -> None:
        insort(self.sorted, value)
        self._order.append(value)
        if len(self._order) > PAST:
            del self.sorted[bisect_left(self.sorted, self._order.popleft())]


def _ranked(sign: Values) -> Values:
    """-log10 of the share of the past that is as large; a new record counts by how far it goes."""
    past = _Past()
    scores = np.zeros(len(sign))
    for place, value in _known(sign):
        seen = past.sorted
        as_large = len(seen) - bisect_left(seen, value)
        scores[place] = -log10((1 + as_large) / (1 + len(seen)))
        if seen and value > seen[-1] > 0:
            scores[place] += RECORD_WEIGHT * (log10(value) - log10(seen[-1]))
        past.add(value)
    return scores


def _beyond(sign: Values) -> Values:
    """log10 of how far a sign goes beyond its usual extremes; from 0 to 1."""
    past = _Past()
    scores = np.zeros(len(sign))
    for place, value in _known(sign):
        seen = past.sorted
        if len(seen) >= LEAST_PAST:
            extreme = seen[int(EXTREME * len(seen))]
            if value > extreme:
                scores[place] = min(1.0, log10(value / extreme)) if extreme > 0 else 1.0
        past.add(value)
    return scores


def _known(sign: Values) -> Iterator[tuple[int, float]]:
    return ((place, value) for place, value in enumerate(sign.tolist()) if value == value)  # noqa: PLR0124  NaN differs from itself


def _without_echo(scores: Values, count: int) -> Values:
    """What follows a striking score within so many values, and is no higher, is part of the same event."""
    damped = scores.copy()
    last_place, last_score = -count - 1, 0.0
    for place, score in enumerate(scores.tolist()):
        if place - last_place <= count and score <= last_score:
            damped[place] = score * ECHO
        elif score >= STRIKING:
            last_place, last_score = place, score
    return damped
