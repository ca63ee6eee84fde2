"""Simulated days of one series each: what the schedule finds, when, and at what cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from tests.support.simulated_platform import PublishedSeries, SimulatedService, second

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def series(item: DataItem = DataItem.LOAD_ACTUAL, *, before: float = 30, after: float = 70) -> PublishedSeries:
    return PublishedSeries.of(item, find_place("FR"), Interval(START - before * DAY, START + after * DAY))


@pytest.mark.parametrize(("seed", "item"), [(1, DataItem.LOAD_ACTUAL), (2, DataItem.LOAD_FORECAST_DAY_AHEAD)])
def test_corrections_of_two_weeks_are_found_within_hours(seed: int, item: DataItem) -> None:
    random = np.random.default_rng(seed)
    one = series(item)
    one.correct_at_random(random, Interval(START - 10 * DAY, START + 14 * DAY), 0.5)
    service = SimulatedService(one, START, tick=30)
    old = 0
    for _ in range(28):
        service.run(0.5)
        six_hours_ago = one.versions(second(service.now) - 6 * 3600)
        old += int((six_hours_ago > service.stored)[service.stale()].sum())
    assert old == 0
    assert service.requests_between(START + 2 * DAY, START + 14 * DAY) / 12 <= 54


@pytest.mark.parametrize("hour", [9.5, 13.5])
def test_a_price_that_is_published_anew_is_stored_within_the_hour(hour: float) -> None:
    one = series(DataItem.PRICE_DAY_AHEAD, after=5)
    moment = START + DAY + timedelta(hours=hour - 1)
    midnight = START + timedelta(hours=47 if hour > 13 else 23)
    one.correct(moment, one.between(midnight, midnight + DAY))
    service = SimulatedService(one, START, tick=5)
    service.run(1.9)
    changed = service.stored_at[one.corrections[0][1]]
    assert 0 <= changed.max() - second(moment) < 3600
    asked = [at for at, window in service.requests if at >= second(START + DAY) and second(window.end) > at]
    searching = [at for at in asked if 11 * 3600 + 45 * 60 <= at % 86_400 < 12 * 3600 + 30 * 60]
    assert len(asked) - len(searching) <= 12


def test_a_price_that_is_published_anew_at_night_waits_for_five_hours_at_most() -> None:
    one = series(DataItem.PRICE_DAY_AHEAD, after=5)
    units = one.between(START + timedelta(hours=47), START + timedelta(hours=71))
    moments = [START + DAY + timedelta(hours=hour, minutes=30) for hour in (17, 19, 21, 23, 25, 27, 29)]
    for moment in moments:
        one.correct(moment, units)
    service = SimulatedService(one, START, tick=10)
    waits = []
    for number, moment in enumerate(moments, 1):
        while service.stored[units].min() < number:
            service.run(10 / 1440)
        waits.append(second(service.now) - second(moment))
    assert max(waits) < 5.2 * 3600


@pytest.mark.parametrize(("filled", "within"), [(8, 1)])
def test_a_hole_that_is_filled_late_is_found(filled: int, within: int) -> None:
    one = series()
    hole = one.between(START + timedelta(hours=5), START + timedelta(hours=8))
    one.hole(START + timedelta(hours=5), START + timedelta(hours=8), START + filled * DAY)
    service = SimulatedService(one, START, tick=60)
    service.run(filled + within)
    assert (service.stored[hole] >= 0).all()


def test_history_after_a_wrong_no_data_is_found_by_itself_within_a_day_of_its_end() -> None:
    one = series(before=730, after=5)
    over = START + timedelta(hours=7)
    one.empty.append((second(START - DAY), second(over)))
    service = SimulatedService(one, START, tick=30)
    assert (service.stored < 0).all()
    service.run(7 / 24 + 1)
    public = one.versions(second(service.now)) >= 0
    assert public.sum() > 17_520
    assert (service.stored[public] >= 0).all()


def test_a_failed_question_is_repeated_within_the_half_hour_after_an_outage() -> None:
    one = series(after=5)
    over = START + timedelta(hours=9)
    one.failing.append((second(START + timedelta(hours=2)), second(over)))
    one.correct(START + timedelta(hours=3), one.between(START - DAY, START))
    service = SimulatedService(one, START, tick=10)
    service.run(9.6 / 24)
    assert not set(service.stale()) & set(one.corrections[0][1])


@pytest.mark.parametrize(("minutes", "lies"), [(1, False), (7, False), (400, False), (400, True)])
@pytest.mark.parametrize(
    ("item", "hour"),
    [
        (DataItem.LOAD_ACTUAL, 8),
        (DataItem.PRICE_DAY_AHEAD, 11.75),
        (DataItem.WIND_SOLAR_FORECAST_INTRADAY, 5),
    ],
)
def test_after_an_outage_of_any_length_everything_is_complete_by_itself(
    item: DataItem, hour: float, minutes: int, *, lies: bool
) -> None:
    one = series(item, after=4)
    begin = START + DAY + timedelta(hours=hour)
    end = begin + timedelta(minutes=minutes)
    (one.empty if lies else one.failing).append((second(begin), second(end)))
    one.correct(begin, one.between(begin - timedelta(hours=6), begin - timedelta(hours=4)))
    service = SimulatedService(one, START, tick=10)
    service.run((end - START) / DAY + 0.25)
    public_for_three_hours = one.versions(second(service.now) - 3 * 3600)
    assert (service.stored >= public_for_three_hours).all()
    during = service.requests_between(begin, end)
    assert during <= 2 + minutes / 10
