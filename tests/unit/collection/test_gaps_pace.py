"""When a value that is missing is asked for again: early and often, then at distances that grow and never end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from app.collection.gaps.classification import REASONS, Asked, GapClassification, Reason, classify_gaps
from app.collection.gaps.question_schedule import AskPolicy
from app.market.time import Resolution
from app.timeseries.grid import Units

HOUR, DAY = 3600, 86_400
DUE = 1_000 * DAY
PATIENCE = AskPolicy()
HORIZON = int(PATIENCE.horizon.total_seconds())


def verdict(asked: Sequence[int], now: int, *, usable: bool = True, due: Sequence[int] = (DUE,)) -> GapClassification:
    """Of units that are due at these moments, and asked for together at those."""
    starts = np.array(due, np.int64) - 2 * HOUR
    units = Units(starts, starts + HOUR, np.full(len(due), Resolution.PT60M.id, np.int16))
    count = len(asked)
    windows = Asked(
        np.full(count, starts.min()), np.full(count, starts.max() + HOUR), np.array(asked, np.int64),
        np.array(asked, np.int64), np.full(count, usable),
    )  # fmt: skip
    return classify_gaps(units, np.array(due, np.int64), windows, now, PATIENCE)


def unit_and_windows(asked: Sequence[int], usable: Sequence[bool]) -> tuple[Units, Asked]:
    """One unit that is due at `DUE`, and windows of exactly it."""
    starts = np.array([DUE - 2 * HOUR], np.int64)
    units = Units(starts, starts + HOUR, np.array([Resolution.PT60M.id], np.int16))
    count = len(asked)
    return units, Asked(
        np.full(count, starts[0]),
        np.full(count, starts[0] + HOUR),
        np.array(asked, np.int64),
        np.array(asked, np.int64),
        np.array(usable),
    )


def asked_by_cycles(minutes: int, *, until: int = HORIZON + DAY) -> list[int]:
    """The ages at which a value that never comes is asked for, by a job that looks each so many minutes."""
    asked = [DUE]
    while True:
        age = int(verdict(asked, asked[-1]).next_ask[0]) - DUE
        looked = -(-age // (minutes * 60)) * minutes * 60
        if looked >= until:
            break
        asked.append(DUE + looked)
    return [moment - DUE for moment in asked]


def test_a_value_that_never_comes_is_asked_for_early_and_often_and_then_daily() -> None:
    hours = [age / HOUR for age in asked_by_cycles(5)]
    assert hours == [0, 0.25, 0.5, 1, 2, 4, 8, 12, *(30 + 18 * number for number in range(9))]


@pytest.mark.parametrize("minutes", [5, 30, 240])
def test_until_the_horizon_no_value_waits_longer_than_a_day(minutes: int) -> None:
    ages = [*asked_by_cycles(minutes), HORIZON]
    assert max(np.diff(ages)) < DAY
    assert len(ages) <= 18


@pytest.mark.parametrize(("filled", "within"), [(8, 1), (20, 2), (46, 4), (120, 9), (400, 30), (1_500, 110)])
def test_what_the_source_fills_in_however_late_is_asked_for(filled: int, within: int) -> None:
    """By a job that looks every four hours, whatever the moment of the day at which it comes."""
    ages = np.array(asked_by_cycles(240, until=(filled + within + 1) * DAY))
    for hour in range(0, 24, 3):
        moment = filled * DAY + hour * HOUR
        assert ages[ages >= moment].min() - moment < within * DAY


def test_questions_for_ever_are_few() -> None:
    assert len(asked_by_cycles(240, until=400 * DAY)) < 80


def test_what_was_long_past_when_it_was_first_asked_for_has_its_ages_from_then_on() -> None:
    first = DUE + 1_000 * DAY
    asked = [first]
    while asked[-1] < first + 40 * DAY:
        asked.append(int(verdict(asked, asked[-1]).next_ask[0]))
    hours = [(moment - first) / HOUR for moment in asked]
    assert hours[:8] == [0, 1, 2, 4, 8, 12, 30, 48]
    assert len(hours) < 26
    assert max(np.diff(hours)) < 12 * 24


def test_one_empty_answer_proves_nothing_however_old_the_value_is() -> None:
    first = DUE + 1_000 * DAY
    found = verdict([first], first)
    assert (REASONS[found.reasons[0]], found.next_ask[0]) == (Reason.LATE, first + HOUR)


def test_answers_count_only_at_growing_distances() -> None:
    """A hundred questions of one bad hour are not more than four."""
    for first in (DUE, DUE + 1_000 * DAY):
        hammered = [first + 36 * number for number in range(100)]
        found = verdict(hammered, first + HOUR)
        assert (REASONS[found.reasons[0]], found.asked[0], found.answers[0]) == (Reason.LATE, 100, 3)
        apart = [first + minutes * 60 for minutes in (0, 15, 45, 105, 225, 465)]
        found = verdict(apart, apart[-1])
        assert (REASONS[found.reasons[0]], found.answers[0]) == (Reason.MISSING_AT_SOURCE, 6)


def test_a_failed_question_for_what_the_source_lacked_is_repeated_soon() -> None:
    apart = [DUE + minutes * 60 for minutes in (0, 15, 45, 105, 225, 465)]
    units, windows = unit_and_windows([*apart, DUE + 2 * DAY], [*[True] * 6, False])
    found = classify_gaps(units, np.array([DUE]), windows, DUE + 2 * DAY, PATIENCE)
    assert REASONS[found.reasons[0]] is Reason.MISSING_AT_SOURCE
    assert found.next_ask[0] == DUE + 2 * DAY + 30 * 60


def test_questions_that_others_asked_do_not_use_up_its_own() -> None:
    """A job that asks for the last hours in each cycle covers the value too."""
    asked = [DUE + minutes * 60 for minutes in range(0, 180, 5)]
    assert verdict(asked, DUE + 3 * HOUR).next_ask[0] == DUE + 4 * HOUR


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
    found = verdict([DUE + DAY], DUE + DAY, due=[DUE, DUE + DAY])
    assert found.next_ask.tolist() == [DUE + DAY + 18 * HOUR, DUE + DAY + 900]


def test_the_number_of_questions_is_the_operators_choice() -> None:
    units, asked = unit_and_windows([DUE], [True])
    reasons = [
        REASONS[classify_gaps(units, np.array([DUE]), asked, DUE, AskPolicy(asks, timedelta(days=7))).reasons[0]]
        for asks in (1, 2)
    ]
    assert reasons == [Reason.MISSING_AT_SOURCE, Reason.LATE]
