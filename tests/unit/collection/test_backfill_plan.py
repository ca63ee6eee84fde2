from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.collection.backfill.models import MissingInterval
from app.collection.backfill.plan import BackfillPlan, beyond_life, in_order, plan_backfill
from app.collection.gaps.classification import Reason
from app.collection.models import CollectionRequest, Work
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from tests.support.backfill_factory import FR, LOAD, T0, days, window_of

NL = find_place("NL")
WINDOWS = [Work(LOAD, FR, days(day, day + 1)) for day in range(10)]


def lack(first: float, last: float, item: str = LOAD, area: str = FR.eic) -> MissingInterval:
    return MissingInterval(item, area, T0 + timedelta(days=first), T0 + timedelta(days=last))


def planned(lacks: list[MissingInterval] | None, queued: tuple[MissingInterval, ...] = ()) -> BackfillPlan:
    return plan_backfill(WINDOWS, lacks, queued, newest_first=False, requests_per_second=5.0, share=0.2)


def test_without_a_judgement_of_lacks_every_window_is_asked_for() -> None:
    plan = planned(None)
    assert list(plan.work) == WINDOWS
    assert (plan.requests, plan.complete, plan.queued) == (10, 0, 0)
    assert (plan.seconds, plan.seconds_at_share) == (2.0, 10.0)


def test_only_windows_that_meet_a_lack_are_asked_for() -> None:
    plan = planned([lack(2.5, 2.6), lack(5, 7), lack(6.5, 6.9)])
    assert [window_of(one) for one in plan.work] == [2, 5, 6]
    assert plan.complete == 7


def test_lacks_of_other_items_and_areas_do_not_count() -> None:
    assert planned([lack(0, 10, area=NL.eic), lack(0, 10, item="price_day_ahead")]).work == ()


def test_what_waits_in_another_backfill_is_left_out() -> None:
    plan = planned([lack(0, 4)], (lack(1, 2), lack(8, 9)))
    assert [window_of(one) for one in plan.work] == [0, 2, 3]
    assert (plan.complete, plan.queued) == (6, 1)


@given(st.lists(st.tuples(st.floats(-1, 11), st.floats(0.01, 3)), max_size=6))
def test_a_window_is_asked_for_exactly_if_some_lack_overlaps_it(lacks: list[tuple[float, float]]) -> None:
    made = [lack(start, start + length) for start, length in lacks]
    expected = [one for one in WINDOWS if any(a.start < one.window.end and one.window.start < a.end for a in made)]
    assert list(planned(made).work) == expected


def test_all_items_and_areas_advance_together_newest_or_oldest_first() -> None:
    work = [Work(item, FR, days(day, day + 1)) for item in (LOAD, DataItem.PRICE_DAY_AHEAD) for day in range(3)]
    newest = in_order(work, newest_first=True)
    assert [(window_of(one), one.item) for one in newest[:3]] == [(2, LOAD), (2, DataItem.PRICE_DAY_AHEAD), (1, LOAD)]
    assert [window_of(one) for one in in_order(work, newest_first=False)] == [0, 0, 1, 1, 2, 2]


def test_what_is_not_asked_for_is_told_apart() -> None:
    absent = replace(lack(1, 2), reason=Reason.MISSING_AT_SOURCE)
    later = replace(lack(1.5, 4), reason=Reason.NOT_DUE, since=T0 + timedelta(days=9))
    plan = planned([lack(0, 1), absent, later])
    assert [window_of(one) for one in plan.work] == [0]
    assert (plan.absent, plan.not_due, plan.complete, plan.due) == (1, 2, 6, T0 + timedelta(days=9))


@pytest.mark.parametrize(
    ("place", "first", "told"),
    [
        (
            "DE_LU",
            "2018-01-01",
            "DE_LU begins on 2018-10-01 (before 2018-10-01 the values of DE_LU are those of DE_AT_LU)",
        ),
        ("DE_AT_LU", "2019-01-01", "DE_AT_LU ended on 2018-10-01"),
        (
            "FR>DE_LU",
            "2018-01-01",
            "DE_LU begins on 2018-10-01 (before 2018-10-01 the values of DE_LU are those of DE_AT_LU)",
        ),
        ("FR", "2018-01-01", ""),
        (
            "DE_AT_LU>DE_LU",
            "2018-09-15",
            "its areas never met (before 2018-10-01 the values of DE_LU are those of DE_AT_LU)",
        ),
    ],
)
def test_a_range_before_or_after_the_life_of_a_place_is_said_to_be_so(place: str, first: str, told: str) -> None:
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    request = CollectionRequest(LOAD, find_place(place), Interval(start, start + timedelta(days=30)))
    expected = f"load_actual for {place}: nothing in this range, {told}" if told else ""
    assert beyond_life(request) == expected
