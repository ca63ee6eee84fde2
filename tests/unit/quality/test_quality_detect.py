"""Detection: each fault is found by the evidence meant for it, and what is usual is left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from app.quality.detectors.detect import detect
from app.quality.models import DAY, EvidenceRule, Series, SeriesKind
from tests.support.quality_series import START, f1, forecast_of, inject, load, pieces, price, score, solar, wind

SOURCES = {"load": load, "price": price, "wind": wind, "solar": solar}
QUARTER = 900


@cache
def year(name: str) -> Series:
    return SOURCES[name](365)


def rules_in(series: Series, first: int, end: int) -> set[str]:
    return set(detect(series).rule[first:end].tolist()) - {""}


def with_part(series: Series, first: int, part: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Series:
    values = series.values.copy()
    values[first : first + len(part)] = part
    return replace(series, values=values)


@pytest.mark.parametrize("name", SOURCES)
def test_a_clean_year_has_at_most_two_alarms(name: str) -> None:
    series = year(name)

    assert len(pieces(detect(series).flags, series.per_day)) <= 2


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        ("spike", 0.9),
        ("stuck", 0.9),
        ("sign_flip", 0.9),
        ("scale_1000", 0.9),
        ("scale_4", 0.9),
        ("zero_run", 0.9),
        ("noise", 0.7),
        ("linear_fill", 0.9),
        ("stale_copy", 0.9),
    ],
)
def test_faults_in_a_load_series_are_found(fault: str, least: float) -> None:
    series, events = inject(year("load"), fault, seed=5)

    assert f1(*score(detect(series).flags, events, series.per_day)) >= least


@pytest.mark.parametrize("fault", ["level_shift", "time_shift_1h"])
def test_a_forecast_finds_what_the_series_alone_hides(fault: str) -> None:
    series, events = inject(year("load"), fault, seed=6)
    helped = replace(series, peers={"forecast": forecast_of(year("load"), error=0.01)})

    assert f1(*score(detect(helped).flags, events, series.per_day)) >= 0.9


def test_a_leap_of_a_price_well_beyond_its_range_is_found_in_most_hours() -> None:
    series = year("price")
    low, high = np.percentile(series.values, (5, 95))
    spoiled = [with_part(series, at, series.values[at : at + 1] + 1.4 * (high - low)) for at in range(3000, 8500, 500)]

    found = [detect(each).flags[at] for each, at in zip(spoiled, range(3000, 8500, 500), strict=True)]
    assert np.mean(found) >= 0.5


def test_a_shift_that_lasts_is_found_where_each_value_by_itself_could_be_an_error_of_the_forecast() -> None:
    first, last = 4000, 4048
    errors = np.random.default_rng(3).normal(0, 0.02, 365 * 24)
    shifted = with_part(year("load"), first, year("load").values[first:last] - 6000)
    helped = replace(shifted, peers={"forecast": year("load").values * (1 + errors)})

    assert (detect(helped).rule[first + 6 : last] == EvidenceRule.PEER_LEVEL).mean() > 0.5
    assert not detect(replace(helped, values=year("load").values)).flags.any()


@pytest.mark.parametrize("days", [1, 5, 9, 14, 20])
@pytest.mark.parametrize("step", [900, 3600])
@pytest.mark.parametrize("make", [load, wind, solar])
def test_a_forecast_without_enough_common_history_judges_nothing(
    make: Callable[..., Series], step: int, days: int
) -> None:
    series = make(84, step)
    announced = forecast_of(series)
    announced[: -days * series.per_day] = np.nan

    assert not detect(replace(series, peers={"forecast": announced})).flags.any()


@pytest.mark.parametrize("fault", ["scale_1000", "spike"])
def test_the_hours_after_a_fault_are_not_rough_because_of_it(fault: str) -> None:
    series, events = inject(year("load"), fault, seed=5)
    bad = sum(last - first + 1 for first, last in events)

    # The values after each fault: the step back, and the one-step forecasts made from bad values.
    assert detect(series).flags.sum() <= bad + 3 * len(events)


def test_a_neighbours_values_in_this_place_are_found() -> None:
    neighbour = load(365, seed=8).values
    series = replace(
        with_part(year("load"), 4000, neighbour[4000:4012]),
        peers={"zone2": neighbour},
    )

    assert EvidenceRule.PEER_COPY in rules_in(series, 4000, 4012)


def test_a_copy_of_a_coupled_neighbour_is_found_where_it_lasts_far_longer_than_they_agree() -> None:
    hours = np.arange(365 * 24) % 24
    neighbour = year("price").values + np.where(hours < 2, 0.0, 5.0)
    series = with_part(year("price"), 4000, neighbour[4000:4024])

    assert EvidenceRule.PEER_COPY in rules_in(replace(series, peers={"zone": neighbour}), 4000, 4024)
    assert EvidenceRule.PEER_COPY not in rules_in(
        replace(year("price"), peers={"zone": neighbour}), 56 * 24, len(neighbour)
    )


@pytest.mark.parametrize("first", [30 * 24, 4000])
def test_markets_that_agree_on_some_days_may_do_so_for_ten_hours_also_in_the_first_weeks(first: int) -> None:
    own = year("price").values
    zone = own + 5.0
    for day in range(3, 365, 12):
        zone[24 * day : 24 * day + 2] = own[24 * day : 24 * day + 2]
    rarely = own + 5.0
    for others in (zone, rarely):
        others[first : first + 8] = own[first : first + 8]
    copied = with_part(year("price"), 6000, zone[6000:6024])

    assert EvidenceRule.PEER_COPY not in rules_in(replace(year("price"), peers={"zone": zone}), first, first + 8)
    assert EvidenceRule.PEER_COPY in rules_in(replace(copied, peers={"zone": zone}), 6000, 6024)
    assert EvidenceRule.PEER_COPY in rules_in(replace(year("price"), peers={"zone": rarely}), first, first + 8)


def test_one_of_many_neighbours_may_agree_for_some_hours_but_not_all_day() -> None:
    own = year("price").values
    others = {f"zone{number}": own + 5.0 + number for number in range(9)}
    others["zone0"][3000:3008] = own[3000:3008]
    others["zone1"][4000:4024] = own[4000:4024]
    many, one = replace(year("price"), peers=others), replace(year("price"), peers={"zone0": others["zone0"]})

    assert EvidenceRule.PEER_COPY in rules_in(one, 3000, 3008)
    assert EvidenceRule.PEER_COPY not in rules_in(many, 3000, 3008)
    assert EvidenceRule.PEER_COPY in rules_in(many, 4000, 4024)


def test_coupled_neighbours_may_agree() -> None:
    coupled = np.random.default_rng(3).random(365) < 0.3
    neighbour = year("price").values + np.where(np.repeat(coupled, 24), 0.0, 5.0)
    series = replace(year("price"), peers={"zone2": neighbour})

    assert EvidenceRule.PEER_COPY not in rules_in(series, 56 * 24, len(neighbour))


def test_a_value_that_stands_still_is_stuck_from_its_first_repetition() -> None:
    series = with_part(year("load"), 3000, np.full(8, year("load").values[3000]))

    assert detect(series).rule[3001:3008].tolist() == [EvidenceRule.STUCK] * 7


def test_a_price_may_rest_for_five_hours() -> None:
    series = with_part(year("price"), 3000, np.full(5, 42.17))

    assert EvidenceRule.STUCK not in rules_in(series, 3000, 3005)


def test_a_straight_line_of_five_values_is_found() -> None:
    series = with_part(year("load"), 3000, np.linspace(50_000, 51_000, 5))

    assert EvidenceRule.STRAIGHT_LINE in rules_in(series, 3000, 3005)


def test_a_straight_line_is_found_behind_the_decimals_that_are_published() -> None:
    whole = replace(year("load"), values=np.round(year("load").values))
    series = with_part(whole, 3000, np.round(np.linspace(50_000, 51_000, 8)))

    assert EvidenceRule.STRAIGHT_LINE in rules_in(series, 3000, 3008)


def test_what_rounding_alone_makes_straight_is_no_line() -> None:
    small = replace(year("load"), values=np.round(year("load").values / 1000))

    assert EvidenceRule.STRAIGHT_LINE not in rules_in(small, 0, len(small.values))


def test_a_small_series_in_whole_megawatts_rests_by_chance_and_a_day_and_more_is_stuck() -> None:
    biomass = 20 + 4 * np.sin(np.arange(24 * 120) / 40) + np.random.default_rng(5).normal(0, 0.8, 24 * 120)
    values = np.round(biomass)
    values[2000:2010], values[2500:2510] = 17.0, np.arange(15, 25)
    small = Series(SeriesKind.GENERATION, START, 3600, values)
    signs = {EvidenceRule.STUCK, EvidenceRule.STRAIGHT_LINE, EvidenceRule.STALE_COPY}
    assert not rules_in(small, 0, len(values)) & signs

    assert EvidenceRule.STUCK in rules_in(with_part(small, 2200, np.full(30, 17.0)), 2200, 2230)
    biomass[2000:2010], biomass[2500:2510] = 17.0, np.arange(15, 25)
    finer = replace(small, values=biomass)
    assert {EvidenceRule.STUCK, EvidenceRule.STRAIGHT_LINE} <= rules_in(finer, 2000, 2510)


def test_yesterdays_values_sent_again_are_found() -> None:
    series = with_part(year("load"), 3000, year("load").values[3000 - 24 : 3012 - 24])

    assert EvidenceRule.STALE_COPY in rules_in(series, 3000, 3012)


def test_unknown_values_are_missing_and_nothing_else() -> None:
    series = with_part(year("load"), 3000, np.full(5, np.nan))

    assert rules_in(series, 2990, 3010) == {EvidenceRule.MISSING}


def test_an_outage_of_more_than_a_week_becomes_a_state() -> None:
    series = with_part(year("wind"), 3000, np.zeros(24 * 10))
    rules = detect(series).rule[3000 : 3000 + 240]

    assert (rules[:160] == EvidenceRule.ZERO_RUN).all()
    assert EvidenceRule.ZERO_RUN not in rules[168:]


def test_zero_at_noon_is_no_night() -> None:
    noon = 200 * 24 + 12
    series = with_part(year("solar"), noon, np.zeros(1))

    assert rules_in(series, noon, noon + 1) == {EvidenceRule.ZERO_RUN}


def test_winter_nights_are_no_fault() -> None:
    values = year("solar").values

    assert EvidenceRule.ZERO_RUN not in detect(year("solar")).rule[values == 0]


def test_a_lasting_new_level_is_reported_and_then_usual() -> None:
    series = replace(year("load"), values=year("load").values + np.where(np.arange(8760) >= 4000, 30_000.0, 0.0))
    verdict = detect(series)

    assert verdict.flags[4000]
    late = verdict.rule[4000 + 8 * 24 :]
    assert (late != "").sum() - (late == EvidenceRule.SEASONAL_BOUNDS).sum() <= 2
    assert not verdict.flags[4000 + 22 * 24 :].any()


@pytest.mark.parametrize("kind", SeriesKind)
@pytest.mark.parametrize("size", [0, 1, 2, 10, 24 * 8, 24 * 30])
def test_short_series_have_no_history_to_leave(kind: SeriesKind, size: int) -> None:
    values = np.fromiter((20 + place % 7 + np.sin(place) for place in range(size)), np.float64)
    series = Series(kind, START, 3600, values)

    assert not detect(series).flags.any()


@pytest.mark.parametrize("kind", SeriesKind)
def test_nothing_known_is_all_missing(kind: SeriesKind) -> None:
    verdict = detect(Series(kind, START, 3600, np.full(24 * 100, np.nan)))

    assert set(verdict.rule.tolist()) == {EvidenceRule.MISSING}


@pytest.mark.parametrize("kind", SeriesKind)
def test_a_constant_year_is_stuck(kind: SeriesKind) -> None:
    verdict = detect(Series(kind, START, 3600, np.full(8760, 5.0)))

    assert (verdict.rule[1:] == EvidenceRule.STUCK).all()


@pytest.mark.parametrize("step", [1, 60, QUARTER, 7200, 6 * 3600, DAY, 7 * DAY])
def test_any_resolution_is_judged(step: int) -> None:
    rng = np.random.default_rng(1)
    series = Series(SeriesKind.LOAD, START, step, 100 + np.cumsum(rng.normal(0, 1, 5000)))

    assert len(detect(series).score) == 5000


def test_quarter_hours_are_judged_like_hours() -> None:
    series, events = inject(load(200, QUARTER), "spike", seed=7)

    assert f1(*score(detect(series).flags, events, series.per_day)) >= 0.9


def test_real_extremes_of_prices_are_suspicious_but_within_bounds() -> None:
    series = with_part(with_part(year("price"), 4000, np.array([-500.0])), 6000, np.array([4000.0]))
    verdict = detect(series)

    assert verdict.flags[[4000, 6000]].all()
    assert EvidenceRule.PRICE_BOUNDS not in verdict.rule


def test_an_unknown_forecast_does_not_disturb() -> None:
    series, events = inject(year("load"), "spike", seed=8)
    unknown = np.full(len(series.values), np.nan)

    verdict = detect(replace(series, peers={"forecast": unknown}))

    assert f1(*score(verdict.flags, events, series.per_day)) >= 0.9
