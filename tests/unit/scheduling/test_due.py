"""What a job asks for: windows from the calendar, from gaps and from the age of what was collected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.collection.gaps.classification import Reason
from app.collection.gaps.windows import Gap
from app.collection.models import CollectionRequest
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval, Resolution
from app.scheduling.due import GapDue, ItemSelection, considered, merge_requests
from app.wiring.catalog import CATALOG

FR = find_place("FR")
NOW = datetime(2024, 3, 5, 12, 20, tzinfo=UTC)


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2024, 3, day, hour, tzinfo=UTC)


class Analysed:
    """An analysis that finds the given gaps."""

    def __init__(self, *gaps: Gap) -> None:
        self._gaps = gaps
        self.asked: list[CollectionRequest] = []

    async def analyse(self, requests: Sequence[CollectionRequest], now: datetime) -> list[Gap]:
        self.asked += requests
        return list(self._gaps)


class Stored:
    """Says of the given windows that they are to be asked for again."""

    def __init__(self, *windows: Interval) -> None:
        self._windows = windows

    async def again(self, requests: Sequence[CollectionRequest], now: datetime) -> list[CollectionRequest]:
        return [CollectionRequest(one.item, one.place, window) for one in requests for window in self._windows]


def gap(item: DataItem, start: datetime, end: datetime, reason: Reason = Reason.OURS) -> Gap:
    return Gap(item, FR, None, Interval(start, end), Resolution.PT60M, 1, reason, start)


async def windows(item: DataItem, *gaps: Gap, areas: tuple[str, ...] = ("FR",)) -> list[tuple[datetime, datetime]]:
    selection = await GapDue(Analysed(*gaps), Stored(), CATALOG, recent_days=7).due(
        ItemSelection(areas, (item.value,)), NOW
    )
    return [(one.interval.start, one.interval.end) for one in selection.requests]


async def test_measured_values_are_asked_for_as_they_appear() -> None:
    assert await windows(DataItem.LOAD_ACTUAL) == [(at(5, 10), at(5, 13))]


async def test_a_hole_in_the_middle_is_found_however_old_it_is() -> None:
    assert await windows(DataItem.LOAD_ACTUAL, gap(DataItem.LOAD_ACTUAL, at(1, 3), at(1, 4))) == [
        (at(5, 10), at(5, 13)),
        (at(1, 3), at(1, 4)),
    ]


async def test_forecasts_are_asked_for_again_from_today_on_because_they_change() -> None:
    assert await windows(DataItem.LOAD_FORECAST_DAY_AHEAD) == [(at(4, 23), at(6, 23))]
    assert await windows(DataItem.LOAD_FORECAST_WEEK_AHEAD) == []


async def test_what_is_asked_for_again_by_its_age_joins_a_question_that_is_asked_anyway() -> None:
    again = Stored(Interval(at(2), at(5, 10)), Interval(at(1), at(1, 1)))
    due = GapDue(Analysed(), again, CATALOG, recent_days=7)
    found = (await due.due(ItemSelection(("FR",), ("load_actual",)), NOW)).requests
    assert [(one.interval.start, one.interval.end) for one in found] == [(at(1), at(5, 13))]


async def test_prices_of_both_days_are_asked_for_until_tomorrows_are_there() -> None:
    tomorrow = gap(DataItem.PRICE_DAY_AHEAD, at(5, 23), at(6, 23), Reason.NOT_DUE)
    assert await windows(DataItem.PRICE_DAY_AHEAD, tomorrow) == [(at(4, 23), at(6, 23))]
    assert await windows(DataItem.PRICE_DAY_AHEAD) == []
    lacking = replace(gap(DataItem.PRICE_DAY_AHEAD, at(5, 23), at(6, 23), Reason.MISSING_AT_SOURCE), next_ask=at(6))
    assert await windows(DataItem.PRICE_DAY_AHEAD, lacking) == []


async def test_late_items_are_asked_for_only_where_something_is_missing() -> None:
    assert await windows(DataItem.GENERATION_PER_UNIT) == []
    assert await windows(DataItem.RESERVOIR_FILLING) == []


async def test_what_an_area_does_not_have_is_named() -> None:
    due = GapDue(Analysed(), Stored(), CATALOG, recent_days=7)
    selection = await due.due(ItemSelection(("FR", "DE_50HZ"), ("price_day_ahead",)), NOW)
    assert len(selection.skipped) == 1
    assert "price_day_ahead is published for BZN, and DE_50HZ is" in selection.skipped[0]
    nothing = await due.due(ItemSelection(("DE_50HZ",), ("price_day_ahead",)), NOW)
    assert (nothing.requests, len(nothing.skipped)) == ((), 1)


def test_a_year_ahead_is_considered_where_it_may_be_published() -> None:
    assert considered(DataItem.LOAD_ACTUAL, FR, 7, NOW, catalog=CATALOG) == Interval(
        at(1) - timedelta(days=3, hours=1), at(5, 13)
    )
    assert considered(DataItem.INSTALLED_CAPACITY, FR, 7, NOW, catalog=CATALOG).end > NOW + timedelta(days=370)


def test_windows_that_lie_together_are_one_question() -> None:
    def request(start: datetime, end: datetime) -> CollectionRequest:
        return CollectionRequest(DataItem.LOAD_ACTUAL, FR, Interval(start, end))

    parts = [request(at(1), at(2)), request(at(2, 12), at(3)), request(at(5), at(6)), request(at(1, 5), at(1, 6))]
    assert merge_requests(parts) == (request(at(5), at(6)), request(at(1), at(3)))
