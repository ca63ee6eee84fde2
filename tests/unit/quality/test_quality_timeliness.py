"""Timeliness: which values were late, which say nothing, and what is unusual for a series."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.collection.gaps.classification import NEVER_ASKED, Asked
from app.quality.timeliness import (
    NEVER,
    Publications,
    PublicationTiming,
    beyond_habit,
    distribution,
    last_missing,
    punctuality,
)

HOUR, DAY = 3600, 86_400


def hours(learned: Sequence[float | None], *, due: float = 1.0, step: int = HOUR) -> Publications:
    """Units from 1970 on that are due `due` hours after their end, learned so many hours after it."""
    starts = step * np.arange(len(learned), dtype=np.int64)
    ends = starts + step
    known = [NEVER if lag is None else int(end + lag * HOUR) for end, lag in zip(ends.tolist(), learned, strict=True)]
    return Publications(starts, ends, np.array(known, np.int64), ends + int(due * HOUR))


def asks(*rows: tuple[float, float, float, bool]) -> Asked:
    """Questions for hours from, to, answered at an hour."""
    columns = list(zip(*rows, strict=True))
    begins, ends, finished = ((np.array(column) * HOUR).astype(np.int64) for column in columns[:3])
    return Asked(begins, ends, finished, finished, np.array(columns[3], np.bool_))


def told(values: Publications, asked: Asked) -> list[PublicationTiming]:
    return [PublicationTiming(number) for number in punctuality(values, asked).timing.tolist()]


def test_a_value_that_was_learned_before_its_deadline_is_on_time() -> None:
    assert told(hours([0.5]), NEVER_ASKED) == [PublicationTiming.ON_TIME]


def test_a_value_that_a_question_after_its_deadline_lacked_is_late() -> None:
    assert told(hours([5.0]), asks((0, 1, 3, True))) == [PublicationTiming.LATE]


def test_a_value_that_nobody_asked_for_around_its_deadline_says_nothing() -> None:
    assert told(hours([500.0]), NEVER_ASKED) == [PublicationTiming.UNKNOWN]
    assert told(hours([500.0]), asks((0, 1, 1.5, True))) == [PublicationTiming.UNKNOWN]


def test_the_moment_between_two_polls_is_given_the_benefit_of_the_doubt() -> None:
    assert told(hours([1.5]), asks((0, 1, 1.6, True))) == [PublicationTiming.ON_TIME]


def test_a_question_that_failed_proves_nothing() -> None:
    assert told(hours([5.0]), asks((0, 1, 3, False))) == [PublicationTiming.UNKNOWN]


def test_the_question_that_brought_the_value_did_not_lack_it() -> None:
    assert told(hours([5.0]), asks((0, 1, 6, True))) == [PublicationTiming.UNKNOWN]


def test_a_value_that_is_still_missing_is_late_once_it_was_asked_for() -> None:
    values, asked = hours([None, None]), asks((0, 1, 4, True))
    found = punctuality(values, asked)

    assert found.timing.tolist() == [PublicationTiming.LATE, PublicationTiming.UNKNOWN]
    assert np.isnan(found.lags).all()
    assert (found.on_time, found.late, found.examined) == (0, 1, 1)


def test_a_window_answers_for_hours_that_lie_wholly_in_it_and_for_days_that_it_meets() -> None:
    half = asks((0.5, 30, 40, True))

    assert last_missing(hours([None] * 3), half).tolist() == [0, 40 * HOUR, 40 * HOUR]
    assert last_missing(hours([None] * 3, step=DAY), half).tolist() == [40 * HOUR, 40 * HOUR, 0]


def test_the_last_answer_counts_in_whatever_order_they_come() -> None:
    assert last_missing(hours([None]), asks((0, 1, 9, True), (0, 1, 4, True))).tolist() == [9 * HOUR]


def test_the_distribution_tells_how_late_examined_values_were() -> None:
    values = hours([0.0, 0.5, 1.0, 9.0, None])
    found = distribution(values, punctuality(values, asks((0, 5, 7, True))))

    assert found is not None
    assert (found.examined, found.greatest) == (4, 8 * HOUR)
    assert dict(found.within)[0] == 3
    assert dict(found.within)[24 * HOUR] == 4


def test_without_examined_values_there_is_no_distribution() -> None:
    values = hours([500.0])

    assert distribution(values, punctuality(values, NEVER_ASKED)) is None


@pytest.mark.parametrize(("last_day", "unusual"), [(0.5, False), (3.0, True)])
def test_a_day_far_later_than_the_weeks_before_is_unusual_though_legal(last_day: float, *, unusual: bool) -> None:
    values = hours([0.5] * 24 * 20 + [last_day] * 24, due=120.0)

    found = beyond_habit(values, punctuality(values, NEVER_ASKED))

    assert found[-24:].all() == unusual
    assert not found[:-24].any()


def test_a_habit_takes_a_week_and_days_without_values_teach_nothing() -> None:
    gap = hours([0.5] * 48 + [None] * 24 * 9 + [9.0] * 24, due=120.0)

    assert not beyond_habit(gap, punctuality(gap, NEVER_ASKED)).any()
    assert len(beyond_habit(hours([]), punctuality(hours([]), NEVER_ASKED))) == 0


@given(
    learned=st.lists(st.one_of(st.none(), st.floats(-5, 400)), min_size=1, max_size=20),
    questions=st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 20), st.integers(0, 500), st.booleans()), max_size=8
    ),
    grace=st.integers(0, 10),
)
def test_no_value_is_both_and_more_patience_makes_none_late(
    learned: list[float | None], questions: list[tuple[int, int, int, bool]], grace: int
) -> None:
    values = hours(learned)
    rows = sorted((first, first + size, at, usable) for first, size, at, usable in questions)
    asked = asks(*rows) if rows else NEVER_ASKED
    strict, patient = (punctuality(values, asked, grace=timedelta(hours=number)) for number in (0, grace))

    assert strict.on_time + strict.late <= len(values)
    assert patient.late == strict.late
    assert patient.on_time >= strict.on_time
    assert (~np.isnan(strict.lags)).sum() <= strict.examined
