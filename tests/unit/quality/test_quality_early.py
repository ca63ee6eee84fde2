"""The first weeks, which nothing precedes, are judged by what follows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from app.quality.assessment.regular_grid import judge_rows
from app.quality.detectors.detect import detect
from app.quality.detectors.early import EARLY_DAYS, EarlyWeeks, early_weeks
from app.quality.models import EvidenceRule, Series
from app.timeseries.rolling import Values
from tests.support.quality_series import forecast_of, load, price, solar, wind

DAYS = 120
LOAD = load(DAYS)
DAY = 24
FIRST = 9 * DAY + 5


def spoiled(fault: Callable[[Values], Values], first: int = FIRST, size: int = 10) -> Series:
    values = LOAD.values.copy()
    values[first : first + size] = fault(values[first : first + size])
    return replace(LOAD, values=values)


FAULTS: dict[str, Callable[[Values], Values]] = {
    "four times as much": lambda values: values * 4,
    "a third more": lambda values: values + 18_000,
    "rests": lambda values: np.full(len(values), values[0]),
    "lies on a line": lambda values: np.linspace(values[0], values[-1] + 700, len(values)),
    "trembles": lambda values: values + 4000 * np.array([1, -1] * (len(values) // 2)),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_second_week_is_found_once_the_next_seven_are_known(fault: Callable[[Values], Values]) -> None:
    series = spoiled(fault)
    assert detect(series).flags[FIRST : FIRST + 10].mean() > 0.5
    assert not detect(series).flags[: FIRST - DAY].any()
    short = replace(series, values=series.values[: 55 * DAY])
    assert not detect(short).flags[: FIRST - DAY].any()


def test_of_two_equal_days_the_later_is_the_copy() -> None:
    first = 4 * DAY
    series = spoiled(lambda _: LOAD.values[first - DAY : first - DAY + 12], first, 12)
    rules = detect(series).rule
    assert (rules[first : first + 12] == EvidenceRule.STALE_COPY).all()
    assert not (rules[first - DAY : first - DAY + 12] == EvidenceRule.STALE_COPY).any()


@pytest.mark.parametrize("make", [load, price, wind, solar])
def test_sound_first_weeks_stay_unflagged(make: Callable[[int], Series]) -> None:
    series = make(DAYS)
    assert not detect(series).flags[: EARLY_DAYS * DAY].any()
    beside = replace(series, peers={"forecast": forecast_of(series)})
    assert not detect(beside).flags[: EARLY_DAYS * DAY].any()


def test_what_is_said_of_the_first_weeks_stays_from_the_sixteenth_week_on() -> None:
    series = spoiled(lambda values: values + 9000)
    known = detect(replace(series, values=series.values[: 112 * DAY]))
    later = detect(series)
    early = slice(0, EARLY_DAYS * DAY)
    np.testing.assert_array_equal(known.score[early], later.score[early])
    assert known.rule[early].tolist() == later.rule[early].tolist()


def test_who_asks_for_later_values_only_pays_for_no_first_weeks() -> None:
    series = spoiled(FAULTS["trembles"])
    late = detect(series, EARLY_DAYS * DAY)
    assert late.flags[EARLY_DAYS * DAY :].tolist() == detect(series).flags[EARLY_DAYS * DAY :].tolist()
    stamps = series.start + series.step * np.arange(len(series.values), dtype=np.int64)
    for first in (0, 50 * DAY, len(stamps)):
        rows = judge_rows(series.kind, stamps, series.values, {}, local=False, first=first)
        assert rows.flags[FIRST : FIRST + 10].any() == (first == 0)


def test_the_first_weeks_begin_with_the_first_known_value() -> None:
    unknown = np.full(100 * DAY, np.nan)
    values = unknown.copy()
    values[5 * DAY + 7 :] = 1.0
    assert early_weeks(unknown, DAY) is None
    assert early_weeks(values[: 60 * DAY], DAY) is None
    assert early_weeks(values[: 62 * DAY], DAY) == EarlyWeeks(5 * DAY, 33 * DAY, 61 * DAY)
    assert early_weeks(values, DAY) == EarlyWeeks(5 * DAY, 47 * DAY, 89 * DAY)
