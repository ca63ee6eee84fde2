"""Trend: a fall of five points is seen within three weeks, chance and weekdays are not; shown by simulation."""

from __future__ import annotations

from datetime import date, timedelta
from math import erfc, sqrt

import numpy as np
import pytest

from app.quality.trend import Trend, mann_kendall, theil_sen, trend, trends
from app.timeseries.rolling import Values

MONDAY = date(2024, 1, 1)
SEED = 7
Noise = tuple[float, float, float, float]
NOISES: list[Noise] = [
    (0.5, 0.0, 0.0, 0.0),
    (1.0, 0.5, 3.0, 0.0),
    (1.5, 0.5, 3.0, 0.0),
    (2.0, 0.0, 3.0, 0.0),
    (1.0, 0.0, 0.0, 0.1),
    (1.0, 0.5, 3.0, 0.1),
    (1.0, 0.8, 0.0, 0.0),
    (1.0, 0.8, 0.0, 0.1),
]
"""Standard deviation in points, share that is remembered from day to day, loss at weekends, share of bad days."""


def scores(rng: np.random.Generator, days: int, noise: Noise) -> Values:
    deviation, memory, weekend, bad = noise
    shocks = rng.normal(0, deviation * np.sqrt(1 - memory**2), days + 50)
    state, errors = 0.0, []
    for shock in shocks.tolist():
        state = memory * state + shock
        errors.append(state)
    values: Values = 92 + np.array(errors[50:]) - weekend * (np.arange(days) % 7 >= 5)
    if bad:
        values -= (rng.random(days) < bad) * rng.uniform(10, 40, days)
    return np.clip(values, 0, 100)


def calendar(count: int) -> list[date]:
    return [MONDAY + timedelta(days=number) for number in range(count)]


def at_week(values: Values, week: int) -> Trend | None:
    return trend(calendar(len(values)), values.tolist(), MONDAY + timedelta(weeks=week))


@pytest.mark.parametrize("noise", NOISES)
def test_a_fall_of_five_points_is_seen_within_three_weeks(noise: Noise) -> None:
    rng, seen, tries = np.random.default_rng(SEED), 0, 40
    for _ in range(tries):
        values, change = scores(rng, 112, noise), 56 + int(rng.integers(0, 7))
        values[change:] -= 5
        ends = [week for week in range(6, 14) if change < 7 * week + 7 <= change + 21]
        seen += any(found is not None and found.degrading for found in (at_week(values, week) for week in ends))

    assert seen >= 0.9 * tries


@pytest.mark.long
@pytest.mark.parametrize("noise", [*NOISES, (2.0, 0.7, 3.0, 0.0), (3.0, 0.5, 3.0, 0.0), (1.0, 0.3, 0.0, 0.2)])
def test_chance_alarms_at_most_once_a_series_year(noise: Noise) -> None:
    rng, years, alarms = np.random.default_rng(SEED), 6, 0
    for _ in range(years):
        values = scores(rng, 365 + 42, noise)
        found = trends(calendar(len(values)), values.tolist(), MONDAY + timedelta(days=len(values)))
        states = [one.degrading for one in found]
        alarms += sum(now and not before for before, now in zip([False, *states], states, strict=False))

    assert alarms <= years


def test_a_slow_fall_has_a_slope_and_is_degradation() -> None:
    found = at_week(98 - np.arange(42.0) * 0.2, 5)

    assert found is not None
    assert found.slope == pytest.approx(-1.4, rel=0.05)
    assert found.degrading
    assert found.weeks == 6
    assert found.p_value < 0.001


def test_scores_that_rise_do_not_degrade() -> None:
    found = at_week(80 + np.arange(42.0) * 0.4, 5)

    assert found is not None
    assert not found.degrading
    assert found.drop_points < 0


@pytest.mark.parametrize("level", [0.0, 100.0])
def test_a_constant_score_has_no_trend(level: float) -> None:
    found = at_week(np.full(42, level), 5)

    assert found is not None
    assert (found.p_value, found.slope, found.drop_points, found.degrading) == (1.0, 0.0, 0.0, False)


def test_the_habit_of_weekdays_is_no_fall() -> None:
    found = at_week(np.where(np.arange(42) % 7 >= 5, 60.0, 95.0), 5)

    assert found is not None
    assert found.p_value == 1.0
    assert not found.degrading


def test_too_few_days_have_no_trend() -> None:
    assert at_week(np.full(20, 90.0), 5) is None
    assert trend(calendar(42), [None] * 42, MONDAY + timedelta(weeks=5)) is None
    assert trends([], [], MONDAY) == []


def test_days_without_a_score_are_left_out() -> None:
    values: list[float | None] = [98 - number * 0.2 for number in range(42)]
    values[3::5] = [None] * len(values[3::5])
    values[14:21] = [None] * 7

    found = trend(calendar(42), values, MONDAY + timedelta(weeks=5))

    assert found is not None
    assert found.weeks == 5
    assert found.degrading


def test_the_week_of_a_trend_begins_on_a_monday() -> None:
    with pytest.raises(ValueError, match="is no Monday"):
        trend(calendar(42), [90.0] * 42, MONDAY + timedelta(days=1))


def test_whole_weeks_are_compared_up_to_the_day_named() -> None:
    found = trends(calendar(60), [90.0] * 60, MONDAY + timedelta(days=55))

    assert [one.week for one in found] == [MONDAY + timedelta(weeks=number) for number in (4, 5, 6)]


def test_the_test_of_mann_and_kendall_gives_the_known_probability() -> None:
    # S = 45 of 10 values without ties: variance 125, widened for the memory of a tenth that ten values cannot exclude.
    assert mann_kendall(np.arange(10.0)) == pytest.approx(erfc(44 / sqrt(125 * 1.1 / 0.9) / sqrt(2)))
    assert theil_sen(np.array([0.0, 1.0, np.nan, 3.0, 4.0, 100.0])) == pytest.approx(1.0)
