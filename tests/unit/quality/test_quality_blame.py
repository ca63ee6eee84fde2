"""Companions: a wrong one condemns nobody, a right one adds, and collapsed spreads make nothing an anomaly."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from app.quality.detectors.detect import detect
from app.quality.detectors.peers import peer_evidence, place_evidence
from app.quality.detectors.residuals import plain_evidence
from app.quality.models import EvidenceRule, Series, SeriesKind
from tests.support.quality_series import FAULTS, START, f1, forecast_of, inject, load, score, solar, wind

SOURCES = {"load": load, "wind": wind, "solar": solar}
DAYS = 200


@cache
def sound(name: str) -> Series:
    series = SOURCES[name](DAYS)
    return replace(series, peers={"forecast": forecast_of(series)})


@pytest.mark.parametrize("name", SOURCES)
def test_faults_of_a_forecast_condemn_no_value_of_the_series(name: str) -> None:
    series = sound(name)
    condemned = {}
    for fault in FAULTS:
        wrong, events = inject(replace(series, values=series.peers["forecast"], peers={}), fault, seed=3)
        flags = detect(replace(series, peers={"forecast": wrong.values})).flags
        condemned[fault] = sum(bool(flags[first : last + 2].any()) for first, last in events)
    assert sum(condemned.values()) <= 2, condemned


def test_a_forecast_of_zero_for_a_day_says_nothing_about_that_day() -> None:
    series = sound("load")
    wrong = series.peers["forecast"].copy()
    wrong[24 * 150 : 24 * 151] = 0.0
    assert not detect(replace(series, peers={"forecast": wrong})).flags.any()


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("fault", ["spike", "level_shift", "scale_4", "time_shift_1h", "noise"])
def test_a_companion_never_lowers_f1(name: str, fault: str) -> None:
    spoiled, events = inject(sound(name), fault, seed=4)
    beside, alone = (
        f1(*score(detect(one).flags, events, one.per_day)) for one in (spoiled, replace(spoiled, peers={}))
    )
    assert beside >= alone


def test_a_forecast_that_nearly_equals_the_series_makes_half_a_percent_no_fault() -> None:
    series = load(DAYS)
    values = series.values.copy()
    values[24 * 150 : 24 * 151] *= 1.005
    helped = replace(series, values=values, peers={"forecast": series.values + 0.01 * np.sin(np.arange(len(values)))})
    assert not detect(helped).flags.any()


@pytest.mark.parametrize("kind", [SeriesKind.GENERATION, SeriesKind.NUCLEAR, SeriesKind.FLOW])
def test_half_a_percent_of_a_plateau_is_no_fault(kind: SeriesKind) -> None:
    values = 2800 + np.round(np.random.default_rng(2).normal(0, 1, 24 * DAYS), 1)
    values[24 * 150 : 24 * 150 + 30] -= 14.0
    assert not detect(Series(kind, START, 3600, values)).flags.any()


def test_a_plant_at_its_plateau_may_lose_a_unit_and_cannot_be_back_within_the_hour() -> None:
    values = 2800 + np.round(np.random.default_rng(2).normal(0, 1, 24 * DAYS), 1)
    stopped, dented, above = values.copy(), values.copy(), values.copy()
    stopped[24 * 150 :] -= 900.0
    dented[24 * 150] -= 900.0
    above[24 * 150 : 24 * 151] *= 4
    assert not detect(Series(SeriesKind.NUCLEAR, START, 3600, stopped)).flags.any()
    assert detect(Series(SeriesKind.NUCLEAR, START, 3600, dented)).flags[24 * 150]
    assert detect(Series(SeriesKind.NUCLEAR, START, 3600, above)).flags[24 * 150 : 24 * 151].all()


def border() -> tuple[Series, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """A line that carries energy one way, then the other, at its limit now and then."""
    net = np.clip(np.round(0.02 * (wind(DAYS).values - 18_000)), -300, 300)
    opposite = np.fmax(-net, 0.0)
    return Series(SeriesKind.FLOW, START, 3600, np.fmax(net, 0.0), {"opposite": opposite}), opposite


def test_zeros_of_a_flow_and_rests_at_its_limit_are_no_fault_and_both_directions_at_zero_are() -> None:
    series, opposite = border()
    assert not detect(series).flags.any()

    first = int(np.flatnonzero((series.values > 50) & (np.arange(len(series.values)) > 24 * 100))[0])
    values = series.values.copy()
    values[first : first + 8], opposite[first : first + 8] = 0.0, 0.0
    verdict = detect(replace(series, values=values, peers={"opposite": opposite}))
    assert EvidenceRule.ZERO_RUN in verdict.rule[first : first + 8]


def test_faults_on_every_fifth_day_do_not_hide_each_other() -> None:
    series = load(DAYS)
    values, places = series.values.copy(), range(24 * 80 + 7, 24 * 190, 24 * 5)
    for place in places:
        values[place : place + 2] *= 0.6
    flags = detect(replace(series, values=values)).flags
    assert np.mean([bool(flags[place : place + 3].any()) for place in places]) == 1.0


def test_a_price_may_fall_to_zero_for_hours_and_not_leap_there() -> None:
    hours = np.arange(24 * DAYS)
    values = 60 + 30 * np.sin(2 * np.pi * hours / 24) + np.random.default_rng(3).normal(0, 3, len(hours))
    fallen, leapt = values.copy(), values.copy()
    noon = 24 * 150 + 14
    fallen[noon : noon + 9] = 0.0
    fallen[noon - 1], fallen[noon + 9] = 4.0, 5.0
    leapt[noon - 12 : noon - 3] = 0.0
    assert EvidenceRule.ZERO_RUN not in detect(Series(SeriesKind.PRICE, START, 3600, fallen)).rule
    assert EvidenceRule.ZERO_RUN in detect(Series(SeriesKind.PRICE, START, 3600, leapt)).rule


def test_a_series_with_few_values_a_day_has_no_evidence_of_its_day() -> None:
    values = np.arange(60, dtype=np.float64)
    weekly = Series(SeriesKind.LOAD, START, 7 * 86_400, values)
    assert list(plain_evidence(weekly, values)) == []
    assert peer_evidence(weekly, values, values, np.zeros(60)) == []
    assert place_evidence(weekly, values, values, np.zeros(60)) == []
