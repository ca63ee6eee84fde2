"""When what is stored is asked for again: by its age in working days, what it costs and what earlier questions found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.collection.corrections import item_pace
from app.collection.gaps.question_schedule import (
    DAY,
    HOUR,
    PRICE_SLOTS,
    AskPace,
    eagerness,
    next_of_stored,
    ripe_spans,
    working_seconds,
)
from app.market.series import DataItem
from app.wiring.catalog import CATALOG

HOURLY = AskPace(3 * HOUR)


def second(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def following(end: int, last: int, pace: AskPace = HOURLY, eager: float = 1.0) -> int:
    return int(next_of_stored(np.array([end]), np.array([last]), pace, eager)[0])


def questions(end: int, days: int, pace: AskPace = HOURLY, eager: float = 1.0) -> list[int]:
    """The moments at which a value is asked for, from its end on."""
    found = [end]
    while found[-1] < end + days * DAY:
        found.append(following(end, found[-1], pace, eager))
    return found


def test_what_was_never_answered_for_is_asked_for_now() -> None:
    assert following(second("2026-03-02"), 0) == 0


@given(st.integers(0, 4_000), st.integers(0, 86_399))
def test_distances_grow_with_age_and_never_end(day: int, inside: int) -> None:
    end = second("2015-01-01") + day * DAY + inside
    moments = questions(end, 800)
    distances = [later - earlier for earlier, later in pairwise(moments)]
    assert distances == sorted(distances)
    assert distances[0] == 3 * HOUR
    assert all(
        distance <= max(3 * HOUR, (earlier - end) // 8) for distance, earlier in zip(distances, moments, strict=False)
    )


@pytest.mark.parametrize("day", range(2, 9))
def test_a_correction_of_the_next_working_days_is_found_within_hours_on_any_day_of_the_week(day: int) -> None:
    end = second(f"2026-03-0{day}") + 20 * HOUR
    moments = [
        moment for moment in questions(end, 12) if working_seconds(np.array([end]), np.array([moment]))[0] < 5 * DAY
    ]
    assert moments[-1] - end >= 5 * DAY
    assert {later - earlier for earlier, later in pairwise(moments)} == {3 * HOUR}


def test_a_weekend_does_not_age() -> None:
    friday, monday = second("2026-03-06T12:00"), second("2026-03-09T12:00")
    assert working_seconds(np.array([friday]), np.array([monday]))[0] == DAY
    assert working_seconds(np.array([monday]), np.array([friday]))[0] == -DAY


def test_what_was_corrected_often_is_asked_for_more_often() -> None:
    end = second("2026-01-01")
    counts = [len(questions(end, 400, eager=eagerness(*habit))) for habit in ((20, 0), (3, 0), (20, 1), (20, 8))]
    assert counts[0] < counts[1] == counts[2] < counts[3]


def test_prices_are_asked_for_twelve_times_a_day_and_within_the_hour_while_people_work() -> None:
    pace = item_pace(DataItem.PRICE_DAY_AHEAD, CATALOG)
    end = second("2026-03-11T23:00")
    moments = [second("2026-03-10T13:00")]
    while moments[-1] < second("2026-03-11T13:00"):
        moments.append(following(end, moments[-1], pace))
    assert len([moment for moment in moments if moment < second("2026-03-11T13:00")]) - 1 == len(PRICE_SLOTS) == 12
    # Between ten to twelve and twenty to two the search for tomorrow's prices asks for today's too.
    at_work = [one for one in moments if 8 <= datetime.fromtimestamp(one, UTC).hour + 1 < 18]
    searched = second("2026-03-11T11:45")
    distances = [
        later - earlier for earlier, later in pairwise(sorted([*at_work, searched])) if later - earlier < 8 * HOUR
    ]
    assert max(distances) <= 55 * 60


def test_slots_of_prices_follow_the_clocks_of_the_market() -> None:
    pace = item_pace(DataItem.PRICE_DAY_AHEAD, CATALOG)
    for night in ("2026-03-28T22:30", "2026-10-24T22:30"):
        found = following(second(night) + DAY, second(night), pace)
        assert datetime.fromtimestamp(found, UTC).hour == {3: 1, 10: 2}[datetime.fromtimestamp(found, UTC).month]


@pytest.mark.parametrize(
    ("item", "hours", "costs"),
    [
        (DataItem.LOAD_ACTUAL, 3, 1),
        (DataItem.GENERATION_PER_UNIT, 21, 7),
        (DataItem.LOAD_FORECAST_WEEK_AHEAD, 24 / 7, 1),
        (DataItem.RESERVOIR_FILLING, 24, 1),
        (DataItem.INSTALLED_CAPACITY, 7 * 24, 1),
    ],
)
def test_each_item_has_its_own_pace(item: DataItem, hours: float, costs: int) -> None:
    pace = item_pace(item, CATALOG)
    assert (pace.fresh, pace.costs) == (int(hours * HOUR), costs)


def spans(waits: list[int], left: list[int]) -> list[tuple[int, int]]:
    """Of cells that have waited so long since their last answer, and have so long to wait still."""
    now = 1_000_000
    return ripe_spans(np.array([now + one for one in left]), np.array([now - one for one in waits]), now)


def test_a_question_takes_neighbours_with_it_that_have_waited_for_half_of_their_time() -> None:
    assert spans([10, 10, 10, 10], [0, 10, 11, 0]) == [(0, 2), (3, 4)]
    assert spans([10, 10], [1, 5]) == []
    assert spans([], []) == []


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(-1000, 1000)), max_size=30))
def test_whatever_is_due_is_asked_for_and_no_question_is_only_for_what_is_not(cells: list[tuple[int, int]]) -> None:
    found = spans([wait for wait, _ in cells], [left for _, left in cells])
    due = {number for number, (_, left) in enumerate(cells) if left <= 0}
    asked = {number for first, last in found for number in range(first, last)}
    assert due <= asked
    assert all(due & set(range(first, last)) for first, last in found)


def test_a_week_is_one_question_again_and_again() -> None:
    """Cells that became due one after the other share their questions after the first of them."""
    start = second("2026-03-02")
    ends = start + HOUR * np.arange(1, 97)
    last = ends.copy()
    asked: list[tuple[int, int]] = []
    for moment in range(start + 5 * DAY, start + 6 * DAY, 600):
        for first, end in ripe_spans(next_of_stored(ends, last, HOURLY), last, moment):
            asked.append((first, end))
            last[first:end] = moment
    assert len(asked) == 8
    assert set(asked) == {(0, 96)}


def test_costs_of_an_item_are_requests_for_a_week() -> None:
    assert AskPace(3 * HOUR).costs == 1
    assert item_pace(DataItem.GENERATION_ACTUAL, CATALOG).costs == 1
    assert timedelta(seconds=item_pace(DataItem.GENERATION_PER_UNIT, CATALOG).fresh) < timedelta(days=1)
