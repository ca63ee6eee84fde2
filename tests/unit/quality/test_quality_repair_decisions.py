"""Repairs: when doubtful values are asked for again, and what the answer makes of the finding."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.market.areas import areas
from app.market.time import Interval
from app.quality.findings import State
from app.quality.repair.decisions import (
    MOST_ATTEMPTS,
    SPACING,
    Compared,
    Doubt,
    RepairOutcome,
    decide_repairs,
    next_attempt,
    requests_for,
)

T0 = datetime(2024, 3, 1, tzinfo=UTC)
FR, DE_LU = areas()["FR"].eic, areas()["DE_LU"].eic


def doubt(first: float, last: float, *, area: str = FR, attempts: int = 0) -> Doubt:
    interval = Interval(T0 + timedelta(hours=first), T0 + timedelta(hours=last))
    return Doubt(1, 1, "load_actual", area, interval, attempts, T0)


@pytest.mark.parametrize(("attempts", "pause"), list(enumerate(SPACING)))
def test_each_attempt_waits_longer_than_the_one_before(attempts: int, pause: timedelta) -> None:
    one = doubt(0, 1, attempts=attempts)

    assert not one.is_ripe(T0 + pause - timedelta(seconds=1))
    assert one.is_ripe(T0 + pause)


def test_after_the_last_attempt_nobody_asks_again() -> None:
    assert next_attempt(len(SPACING), T0) is None
    assert not doubt(0, 1, attempts=len(SPACING)).is_ripe(T0 + timedelta(days=999))


def test_intervals_of_one_area_that_lie_close_are_one_question_in_whole_hours() -> None:
    found = requests_for([doubt(30.25, 31), doubt(0, 1.5), doubt(20, 21), doubt(200, 201), doubt(0, 1, area=DE_LU)])

    told = [(one.place.code, one.interval.start - T0, one.interval.duration) for one in found]
    hour = timedelta(hours=1)
    assert told == [("FR", 0 * hour, 31 * hour), ("FR", 200 * hour, hour), ("DE_LU", 0 * hour, hour)]


@pytest.mark.parametrize(
    ("compared", "attempts", "answered_before", "outcome", "state"),
    [
        (Compared(True, 24, 3), 1, False, RepairOutcome.CORRECTED, State.REPAIRED),
        (Compared(False, 24, 3), 3, False, RepairOutcome.CORRECTED, State.REPAIRED),
        (Compared(True, 24, 0), 1, False, RepairOutcome.REPEATED, State.OPEN),
        (Compared(False, 24, 0), 2, True, RepairOutcome.UNANSWERED, State.OPEN),
        (Compared(True, 24, 0), 3, False, RepairOutcome.REPEATED, State.CONFIRMED),
        (Compared(False, 24, 0), 3, True, RepairOutcome.UNANSWERED, State.CONFIRMED),
        (Compared(False, 24, 0), 3, False, RepairOutcome.UNANSWERED, State.UNREPAIRABLE),
    ],
)
def test_an_answer_means(
    compared: Compared, attempts: int, outcome: RepairOutcome, state: State, *, answered_before: bool
) -> None:
    found = decide_repairs(compared, attempts, attempts, answered_before=answered_before, now=T0)

    assert (found.outcome, found.state) == (outcome, state)
    assert (found.next_attempt_at is not None) == (state is State.OPEN)


def test_the_last_attempt_of_all_settles_a_finding_that_opened_again_and_again() -> None:
    one_before, last = (
        decide_repairs(Compared(True, 24, 0), 1, total, answered_before=False, now=T0)
        for total in (MOST_ATTEMPTS - 1, MOST_ATTEMPTS)
    )

    assert (one_before.state, last.state, last.next_attempt_at) == (State.OPEN, State.CONFIRMED, None)


@given(answers=st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=3, max_size=3))
def test_three_attempts_always_come_to_an_end(answers: list[tuple[bool, int]]) -> None:
    answered_before, asked_at = False, T0
    for attempt, (answered, changed) in enumerate(answers, 1):
        found = decide_repairs(
            Compared(answered, 2, changed), attempt, attempt, answered_before=answered_before, now=asked_at
        )
        if found.state is not State.OPEN:
            break
        answered_before |= answered
        assert found.next_attempt_at is not None
        assert found.next_attempt_at > asked_at
        asked_at = found.next_attempt_at

    assert found.state in {State.REPAIRED, State.CONFIRMED, State.UNREPAIRABLE}
    assert (found.state is State.UNREPAIRABLE) == (not any(answered or changed for answered, changed in answers))
