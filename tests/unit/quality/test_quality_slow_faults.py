"""Faults that last: a factor for good or for weeks, which no value by itself shows, and those that come again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from app.quality.blame import leapt
from app.quality.detectors.detect import detect
from app.quality.models import Series, SeriesKind
from app.timeseries.rolling import Flags, Values
from tests.support.quality_series import forecast_of, load, price, solar, wind

DAYS, AT = 160, 110 * 24 + 7
LOAD, WIND = load(DAYS), wind(DAYS)
WEEKS = slice(AT, AT + 14 * 24)
FORECAST = {name: forecast_of(WIND, seed=seed, error=0.08) for seed, name in enumerate(("forecast", "forecast later"))}


def scaled(values: Values, factor: float, when: slice) -> Values:
    spoiled = values.copy()
    spoiled[when] *= factor
    return spoiled


def flags(series: Series, values: Values, peers: dict[str, Values] | None = None) -> Flags:
    return detect(replace(series, values=values, peers=peers or {})).flags


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_load_that_is_halved_or_doubled_for_good_is_doubted_for_days_and_then_usual(factor: float) -> None:
    found = flags(LOAD, scaled(LOAD.values, factor, slice(AT, None)))

    assert found[AT + 24 : AT + 7 * 24].mean() > 0.9
    assert not found[AT + 35 * 24 :].any()


@pytest.mark.parametrize(("announced", "share"), [(False, 0.4), (True, 0.95)])
def test_two_weeks_of_two_fifths_are_doubted_for_days_and_with_a_forecast_to_their_end(
    announced: bool, share: float
) -> None:
    found = flags(
        LOAD, scaled(LOAD.values, 0.4, WEEKS), {"forecast": forecast_of(LOAD, error=0.08)} if announced else None
    )

    assert found[WEEKS].mean() > share
    assert not found[WEEKS.stop + 1 :].any()


def test_a_day_of_a_quarter_more_is_found_beside_a_forecast() -> None:
    day = slice(AT + 5, AT + 29)
    announced = {"forecast": forecast_of(LOAD, error=0.03)}

    assert flags(LOAD, scaled(LOAD.values, 1.25, day), announced)[day].sum() > 10


def test_weeks_of_two_fifths_of_wind_are_told_by_two_forecasts_and_by_one_where_the_week_is_unusual() -> None:
    spoiled = scaled(WIND.values, 0.4, WEEKS)
    one = {"forecast": FORECAST["forecast"]}

    assert flags(WIND, spoiled, FORECAST)[WEEKS].mean() > 0.3
    assert not flags(WIND, WIND.values, FORECAST)[WEEKS].any()
    assert not flags(WIND, WIND.values, {"forecast": scaled(one["forecast"], 0.4, WEEKS)})[WEEKS].any()


def test_of_a_wind_and_its_forecast_the_one_is_wrong_that_began_with_a_leap() -> None:
    condemned = 0
    for seed in range(3, 9):
        series = wind(DAYS, seed=seed)
        announced = forecast_of(series, error=0.08)
        usual = flags(series, series.values, {"forecast": announced})

        assert flags(series, scaled(series.values, 0.4, WEEKS), {"forecast": announced})[WEEKS].mean() > 0.3
        wrong = flags(series, series.values, {"forecast": scaled(announced, 0.4, WEEKS)}) & ~usual
        condemned += int(wrong.sum())
    assert condemned < 24, "of two thousand hours"


def test_who_leaps_is_told_of_what_is_told_apart_only() -> None:
    announced = forecast_of(WIND)
    alarm = np.zeros(len(announced), np.bool_)
    assert not np.any(leapt(WIND, WIND.values, announced, alarm))
    alarm[WEEKS] = True
    assert not np.any(leapt(WIND, WIND.values, announced, alarm)), "neither has leapt"
    own, other = leapt(WIND, WIND.values, scaled(announced, 0.3, WEEKS), alarm)
    assert not own.any()
    assert np.array_equal(other, alarm)
    dawns = replace(WIND, kind=SeriesKind.SOLAR)
    assert not np.any(leapt(dawns, WIND.values, scaled(announced, 0.3, WEEKS), alarm))


SPOIL: dict[str, Callable[[Values, Values], Values]] = {
    "rests": lambda values, _: np.full(len(values), values[0]),
    "lies on a line": lambda values, _: np.linspace(values[0], 1.1 * values[-1] + 3, len(values)),
    "is that of yesterday": lambda _, day_before: day_before,
}


@pytest.mark.parametrize("fault", SPOIL)
@pytest.mark.parametrize("make", [load, price, wind, solar])
def test_what_comes_on_every_fifth_day_of_half_a_year_is_no_habit(make: Callable[[int], Series], fault: str) -> None:
    series = make(230)
    values = series.values.copy()
    places = [24 * day + 9 for day in range(40, 220, 5)]
    for first in places:
        hours = slice(first, first + 8)
        values[hours] = SPOIL[fault](values[hours], values[first - 24 : first - 16])

    found = flags(series, values)
    assert np.mean([bool(found[first : first + 8].any()) for first in places]) > 0.9


def test_what_comes_on_every_third_day_is_one() -> None:
    series = price(230)
    values = series.values.copy()
    for first in range(24 * 40 + 9, 24 * 220, 72):
        values[first : first + 8] = values[first]

    assert not flags(series, values)[24 * 120 :].any()


def test_a_factor_on_every_fifth_day_does_not_raise_the_gate() -> None:
    values = LOAD.values.copy()
    places = range(24 * 40 + 9, 24 * 150, 120)
    for first in places:
        values[first : first + 3] *= 1.4

    found = flags(LOAD, values)
    assert np.mean([bool(found[first : first + 3].any()) for first in places]) > 0.9
