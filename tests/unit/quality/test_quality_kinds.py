"""What is no fault for one kind of series, and what another place of the same kind tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.quality.detectors.detect import detect
from app.quality.detectors.residuals import roughness
from app.quality.gate import gated
from app.quality.models import EvidenceRule, Series, SeriesKind
from app.timeseries.rolling import Flags, Values
from tests.support.quality_series import START, forecast_of, inject, load, price

DAYS = 150
AT = 100 * 24
LOAD, PRICE = load(DAYS), price(DAYS)


def rules(series: Series, first: int = 0, end: int | None = None) -> set[str]:
    return set(detect(series).rule[first:end].tolist()) - {""}


def changed(series: Series, first: int, part: Values) -> Series:
    values = series.values.copy()
    values[first : first + len(part)] = part
    return replace(series, values=values)


def flags(series: Series) -> Flags:
    return detect(series).flags


def test_a_forecast_that_was_filled_in_afterwards_makes_no_later_error_unusual() -> None:
    announced = forecast_of(LOAD, error=0.02)
    announced[60 * 24 : 95 * 24] = LOAD.values[60 * 24 : 95 * 24] + 1.0

    assert not flags(replace(LOAD, peers={"forecast": announced})).any()


def test_values_equal_to_such_a_forecast_are_no_copy_of_it() -> None:
    announced = forecast_of(LOAD)
    announced[AT - 48 : AT + 48] = LOAD.values[AT - 48 : AT + 48] + 1.0
    announced[AT : AT + 8] = LOAD.values[AT : AT + 8]
    far = forecast_of(LOAD)
    far[AT : AT + 8] = LOAD.values[AT : AT + 8]

    assert EvidenceRule.PEER_COPY not in rules(replace(LOAD, peers={"forecast": announced}))
    assert EvidenceRule.PEER_COPY in rules(replace(LOAD, peers={"forecast": far}))


def test_a_price_that_sinks_to_zero_or_rises_from_it_is_a_market_and_one_that_leaps_there_and_back_is_not() -> None:
    zeros = np.zeros(9)
    leaps = changed(PRICE, AT, zeros)
    gently = changed(PRICE, AT - 2, np.concatenate([[15.0, 4.0], zeros]))
    back = changed(PRICE, AT, np.concatenate([zeros, [3.0, 12.0]]))

    assert EvidenceRule.ZERO_RUN in rules(leaps)
    assert EvidenceRule.ZERO_RUN not in rules(gently)
    assert EvidenceRule.ZERO_RUN not in rules(back)


@pytest.mark.parametrize(("level", "stuck"), [(3.0, False), (80.0, True)])
def test_a_price_may_rest_near_zero_alone(level: float, stuck: bool) -> None:
    assert (EvidenceRule.STUCK in rules(changed(PRICE, AT, np.full(8, level)))) == stuck


def test_prices_near_zero_are_no_copy_of_those_of_yesterday() -> None:
    cents = np.array([-0.01, -0.02, 0.01, -0.05, 0.02, -0.01, 0.03])
    low = changed(changed(PRICE, AT - 24, cents), AT, cents)
    usual = changed(PRICE, AT, PRICE.values[AT - 24 : AT - 17])

    assert EvidenceRule.STALE_COPY not in rules(low)
    assert EvidenceRule.STALE_COPY in rules(usual)


def workshop() -> Series:
    """A consumer that works from six to four and rests at a handful of levels."""
    hours, rng = np.arange(100 * 96) / 4, np.random.default_rng(17)
    works = (hours % 24 >= 6) & (hours % 24 < 16)
    at_work = 60 + 15 * np.sin(hours / 5) + rng.normal(0, 6, len(hours))
    values = np.where(works, at_work, 4 + rng.normal(0, 0.02, len(hours)))
    return Series(SeriesKind.GENERATION, START, 900, np.round(values, 2).astype(np.float64))


def test_levels_of_rest_that_meet_those_of_yesterday_are_no_copy() -> None:
    night, noon = 80 * 96 + 4, 80 * 96 + 48
    resting = changed(workshop(), night, workshop().values[night - 96 : night - 86])
    working = changed(workshop(), noon, workshop().values[noon - 96 : noon - 86])

    assert EvidenceRule.STALE_COPY not in rules(resting)
    assert EvidenceRule.STALE_COPY in rules(working, noon, noon + 10)


def test_a_restless_night_is_not_rough_beside_the_work_of_the_day() -> None:
    night = 80 * 96 + 4
    restless = changed(workshop(), night, 4 + np.random.default_rng(8).normal(0, 2.5, 16))
    at_work = changed(workshop(), night, 4 + np.random.default_rng(8).normal(0, 15.0, 16))

    def rough(series: Series) -> bool:
        found = roughness(series, series.values, np.zeros(len(series.values), np.bool_))
        return bool((gated(found, series.per_day)[night : night + 16] >= 1.0).any())

    assert not rough(restless)
    assert rough(at_work)


def plateau() -> Series:
    rng = np.random.default_rng(5)
    return Series(SeriesKind.NUCLEAR, START, 3600, rng.integers(2749, 2752, DAYS * 24).astype(np.float64))


def test_the_test_of_a_valve_is_no_fault_and_a_deeper_dent_is() -> None:
    shape = np.array([0.0, 0.5, 1.0, 0.4])
    assert not flags(changed(plateau(), AT, 2750.0 - 260 * shape)).any()
    assert flags(changed(plateau(), AT, 2750.0 - 900 * shape)).any()


def test_a_line_with_more_decimals_than_a_plateau_ever_has_is_a_filled_gap() -> None:
    whole = np.round(np.linspace(2751, 2749, 12))
    assert EvidenceRule.STRAIGHT_LINE in rules(changed(plateau(), AT, np.linspace(2751, 2749, 12)))
    assert not rules(changed(plateau(), AT, whole))


def test_a_series_of_another_place_tells_a_shift_of_level_and_is_no_judge_of_its_own_faults() -> None:
    rng = np.random.default_rng(3)
    elsewhere = 0.6 * LOAD.values + rng.normal(0, 150, len(LOAD.values))
    lifted = changed(LOAD, AT, LOAD.values[AT : AT + 48] + 9_000)
    wrong, events = inject(replace(LOAD, values=elsewhere), "level_shift", seed=4, events=3)

    assert EvidenceRule.PEER_LEVEL in rules(replace(lifted, peers={"zone": elsewhere}), AT, AT + 48)
    assert events
    assert not flags(replace(LOAD, peers={"zone": wrong.values})).any()


def test_a_price_that_parts_from_another_zone_is_a_market() -> None:
    elsewhere = PRICE.values + np.random.default_rng(2).normal(0, 5, len(PRICE.values))
    elsewhere[AT : AT + 30] -= 60.0
    alone = flags(PRICE)

    assert np.array_equal(flags(replace(PRICE, peers={"zone": elsewhere})), alone)


def test_neighbours_that_are_heard_together_do_not_speak_one_by_one() -> None:
    series = replace(LOAD, peers={"neighbour a": LOAD.values, "forecast b": LOAD.values, "c": LOAD.values})

    assert len(series.places) == 1
    assert len(series.neighbours) == 3
