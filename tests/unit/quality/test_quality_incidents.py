"""One incident is one alarm: its own values are alarmed, the right ones after it are not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from app.quality.detectors.detect import detect
from app.quality.detectors.incidents import one_alarm_each
from app.quality.models import EvidenceRule, Series, SeriesKind
from app.timeseries.rolling import Flags, Values
from tests.support.quality_series import START, inject, load, price, solar, wind

SOURCES = {"load": load, "price": price, "wind": wind, "solar": solar}
SIZE = 240
FLAT = Series(SeriesKind.LOAD, START, 3600, np.full(SIZE, 10.0))


@cache
def year(name: str) -> Series:
    return SOURCES[name](365)


def verdicts(values: Values, leaps: dict[int, float], certain: Flags | None = None) -> dict[EvidenceRule, list[int]]:
    """Where which evidence alarms; the usual value is 10."""
    score = np.zeros(SIZE)
    score[list(leaps)] = list(leaps.values())
    found = one_alarm_each(
        replace(FLAT, values=values),
        FLAT.values,
        [(EvidenceRule.STEP, score), (EvidenceRule.FORECAST, score)],
        np.zeros(SIZE, np.bool_) if certain is None else certain,
    )
    alarms: dict[EvidenceRule, list[int]] = {}
    for rule, scored in found:
        alarms[rule] = sorted({*alarms.get(rule, []), *np.flatnonzero(scored >= 1.0).tolist()})
    return alarms


def lifted(first: int, end: int, by: float = 5.0) -> Values:
    values = FLAT.values.copy()
    values[first:end] += by
    return values


@pytest.mark.parametrize(
    "fault", ["sign_flip", "scale_1000", "scale_4", "zero_run", "stuck", "linear_fill", "stale_copy"]
)
@pytest.mark.parametrize("name", SOURCES)
def test_right_values_after_a_fault_are_hardly_ever_flagged(name: str, fault: str) -> None:
    series, events = inject(year(name), fault, seed=5)
    wrong = detect(series).flags & ~detect(year(name)).flags
    for first, last in events:
        wrong[first : last + 1] = False

    assert wrong.sum() <= 2


@pytest.mark.parametrize("fault", ["sign_flip", "zero_run", "scale_4"])
def test_the_way_back_of_a_load_is_no_second_finding(fault: str) -> None:
    series, events = inject(year("load"), fault, seed=5)
    flags = detect(series).flags

    assert all(flags[first] and not flags[last + 1 : last + 6].any() for first, last in events)


def test_all_values_from_a_leap_to_the_way_back_are_wrong_and_the_next_is_right() -> None:
    assert verdicts(lifted(100, 110), {100: 2.0, 110: 3.0})[EvidenceRule.STEP] == list(range(100, 110))


def test_lesser_alarms_just_after_a_leap_do_not_hide_the_way_back() -> None:
    values = lifted(100, 110)
    values[101:110] += 0.5

    assert verdicts(values, {100: 2.0, 101: 1.2, 110: 3.0})[EvidenceRule.STEP] == list(range(100, 110))


@pytest.mark.parametrize(
    ("values", "leaps"),
    [
        (lifted(100, SIZE), {100: 2.0}),
        (lifted(100, 180), {100: 2.0, 180: 2.0}),
        (lifted(100, 110) + lifted(110, 120, 1.0), {100: 2.0, 120: 2.0}),
        (lifted(0, 100) + lifted(110, SIZE) - 10.0, {100: 2.0, 110: 2.0}),
    ],
    ids=["for ever", "for days", "another size", "back to the usual level"],
)
def test_leaps_that_do_not_lead_away_and_back_keep_their_own_alarms_only(
    values: Values, leaps: dict[int, float]
) -> None:
    assert verdicts(values, leaps)[EvidenceRule.STEP] == sorted(leaps)


def test_a_value_is_not_held_against_a_wrong_one_before_it() -> None:
    certain = np.zeros(SIZE, np.bool_)
    certain[90:100] = True
    alarms = verdicts(lifted(90, 100), {100: 2.0, 102: 2.0}, certain)

    assert alarms[EvidenceRule.STEP] == [102]
    assert alarms[EvidenceRule.FORECAST] == []
