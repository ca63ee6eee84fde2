from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.collection.backfill.models import BackfillRetryPolicy, windows_per_second
from app.collection.backfill_pace import BackfillPace
from app.collection.models import CollectionRun, Outcome
from app.market.areas import find_place
from app.market.series import DataItem
from app.sources.source import FetchStatistics
from tests.support.backfill_factory import NOW, days

RUN = CollectionRun(
    "entsoe", DataItem.LOAD_ACTUAL, find_place("FR"), days(0, 1), NOW, NOW, Outcome.STORED, FetchStatistics()
)


def taking(seconds: float, requests: int = 1) -> CollectionRun:
    return replace(RUN, statistics=FetchStatistics(requests=requests, api_seconds=seconds))


@pytest.mark.parametrize("seconds", [0.1, 2.0, 10.0])
def test_windows_under_way_keep_the_budget_busy_whatever_the_source_takes(seconds: float) -> None:
    pace = BackfillPace(6.0)
    for _ in range(30):
        pace.learn(taking(seconds))
    assert 6.0 * seconds <= pace.windows() <= max(4, 10.0 * seconds + 2)


def test_before_the_first_answer_it_takes_as_long_as_it_has_taken() -> None:
    now = 100.0
    pace = BackfillPace(6.0, lambda: now)
    assert pace.windows() == 4
    pace.begin()
    now = 110.0
    assert pace.windows() == 91
    pace.learn(replace(taking(9), outcome=Outcome.FAILED))
    assert pace.windows() == 91
    pace.learn(taking(0.1))
    assert pace.windows() == 4


def test_a_window_of_several_requests_needs_fewer_beside_it() -> None:
    pace = BackfillPace(6.0)
    for _ in range(40):
        pace.learn(taking(10.0, requests=5))
    assert pace.windows() == pytest.approx(19, abs=1)


def test_the_pace_of_windows_is_bounded_by_the_budget_and_by_those_under_way() -> None:
    assert windows_per_second(6.0, 1.0, 0.0, 4) == 6.0
    assert windows_per_second(6.0, 2.0, 0.1, 4) == 3.0
    assert windows_per_second(6.0, 1.0, 2.0, 4) == 2.0


def test_a_backfill_waits_for_its_source_ten_minutes_at_most() -> None:
    waits = [BackfillRetryPolicy().hold(rounds) for rounds in (1, 2, 3, 4, 5, 50)]
    assert waits == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 10, 10)]
