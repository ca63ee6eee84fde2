"""When a value that is missing is asked for again: early and often, then once a day until its horizon has passed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from app.collection.gap_reasons import NEVER, REASONS, Asked, Patience, Reason, Verdict, judge
from app.market.time import Resolution
from app.timeseries.gaps import Units

HOUR, DAY = 3600, 86_400
DUE = 1_000 * DAY
PATIENCE = Patience()
HORIZON = int(PATIENCE.horizon.total_seconds())


def verdict(asked: Sequence[int], now: int, *, usable: bool = True, due: Sequence[int] = (DUE,)) -> Verdict:
    """Of units that are due at these moments, and asked for together at those."""
    starts = np.array(due, np.int64) - 2 * HOUR
    units = Units(starts, starts + HOUR, np.full(len(due), Resolution.PT60M.id, np.int16))
    count = len(asked)
    windows = Asked(
        np.full(count, starts.min()), np.full(count, starts.max() + HOUR), np.array(asked, np.int64),
        np.full(count, usable),
    )  # fmt: skip
    return judge(units, np.array(due, np.int64), windows, now, PATIENCE)


def asked_by_cycles(minutes: int, *, until: int = HORIZON + DAY) -> list[int]:
    """The ages at which a value that never comes is asked for, by a job that looks each so many minutes."""
    asked: list[int] = []
    for age in range(0, until, minutes * 60):
        if verdict(asked, DUE + age).next_ask[0] <= DUE + age:
            asked.append(DUE + age)
    return [moment - DUE for moment in asked]


def test_a_value_that_never_comes_is_asked_for_early_and_often_and_then_once_a_day() -> None:
    hours = [age / HOUR for age in asked_by_cycles(5)]
    assert hours == [0, 0.25, 0.5, 1, 2, 4, 8, 12, 24, 48, 72, 96, 120, 144, 168]


@pytest.mark.parametrize("minutes", [5, 30, 120])
def test_until_the_horizon_no_value_waits_longer_than_a_day_and_a_cycle(minutes: int) -> None:
    ages = [*asked_by_cycles(minutes), HORIZON]
    assert max(np.diff(ages)) <= DAY + minutes * 60
    assert len(ages) <= 16


def test_what_was_published_hours_after_the_sixth_question_is_asked_for_within_the_horizon() -> None:
    six = [DUE + minutes * 60 for minutes in (0, 15, 45, 105, 225, 465)]
    found = verdict(six, DUE + 9 * HOUR)
    assert REASONS[found.reasons[0]] is Reason.MISSING_AT_SOURCE
    assert found.next_ask[0] == DUE + 8 * HOUR


def test_questions_that_others_asked_do_not_use_up_its_own() -> None:
    """A job that asks for the last hours in each cycle covers the value too."""
    asked = [DUE + minutes * 60 for minutes in range(0, 180, 5)]
    assert verdict(asked, DUE + 3 * HOUR).next_ask[0] == DUE + 4 * HOUR


def test_after_the_horizon_what_the_source_lacks_is_not_asked_for() -> None:
    found = verdict([DUE + HORIZON + 1], DUE + HORIZON + DAY)
    assert (REASONS[found.reasons[0]], found.next_ask[0]) == (Reason.MISSING_AT_SOURCE, NEVER)


@pytest.mark.parametrize(("failures", "minutes"), [(1, 15), (2, 30), (9, 30)])
def test_what_is_missing_through_us_is_asked_for_within_half_an_hour(failures: int, minutes: int) -> None:
    asked = [DUE + DAY + number for number in range(failures)]
    found = verdict(asked, DUE + 2 * DAY, usable=False)
    assert REASONS[found.reasons[0]] is Reason.OURS
    assert found.next_ask[0] == asked[-1] + minutes * 60


@pytest.mark.parametrize("asked", [[], [DUE - HOUR]])
def test_what_was_not_asked_for_since_it_was_due_does_not_wait(asked: list[int]) -> None:
    assert verdict(asked, DUE).next_ask[0] == DUE


def test_of_two_units_each_has_its_own_pace() -> None:
    found = verdict([DUE + 2 * DAY], DUE + 2 * DAY, due=[DUE, DUE + 2 * DAY])
    assert found.next_ask.tolist() == [DUE + 3 * DAY, DUE + 2 * DAY + 900]


def test_the_number_of_questions_is_the_operators_choice() -> None:
    starts = np.array([DUE - 2 * HOUR], np.int64)
    units = Units(starts, starts + HOUR, np.array([Resolution.PT60M.id], np.int16))
    asked = Asked(starts, starts + HOUR, np.array([DUE]), np.array([True]))
    reasons = [
        REASONS[judge(units, np.array([DUE]), asked, DUE, Patience(asks, timedelta(days=7))).reasons[0]]
        for asks in (1, 2)
    ]
    assert reasons == [Reason.MISSING_AT_SOURCE, Reason.LATE]
