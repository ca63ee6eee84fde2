"""What of the sandbox's series is public when: delays, holes and corrections."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from app.market.series import DataItem
from app.market.time import Interval
from app.sandbox.answers import World
from app.sandbox.settings import Hole
from tests.support.sandbox_factory import CALM, DAY, NOW, ask, document, periods, reason, texts


def test_actual_values_end_at_the_last_published_unit() -> None:
    now = datetime(2024, 9, 2, 12, 0, tzinfo=UTC)
    (only,) = periods(ask(DataItem.LOAD_ACTUAL, "NL", now=now))
    assert "2024-09-02T10:30Z" <= only[1] <= "2024-09-02T12:00Z"
    later = periods(ask(DataItem.LOAD_ACTUAL, "NL", now=now + timedelta(hours=3)))
    assert later[0][1] > only[1]
    assert "No matching data" in reason(ask(DataItem.LOAD_ACTUAL, "NL", now=now - timedelta(days=2)))


def test_prices_appear_before_one_in_the_afternoon_of_the_day_before() -> None:
    before, after = (datetime(2024, 9, 1, 10, minute, tzinfo=UTC) for minute in (56, 57))
    assert "No matching data" in reason(ask(DataItem.PRICE_DAY_AHEAD, "FR", now=before))
    assert len(periods(ask(DataItem.PRICE_DAY_AHEAD, "FR", now=after))) == 1


def test_forecasts_of_tomorrow_exist_this_evening() -> None:
    evening = datetime(2024, 9, 1, 18, 0, tzinfo=UTC)
    for item in (DataItem.LOAD_FORECAST_DAY_AHEAD, DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD):
        assert ask(item, "DE_LU", now=evening).status == 200
        assert periods(ask(item, "DE_LU", now=evening))


def test_a_hole_splits_a03_into_two_periods_and_leaves_out_positions_of_a01() -> None:
    holes = World(seed=3, hole_share=1, correction_share=0)
    load = periods(ask(DataItem.LOAD_ACTUAL, "DE_LU", DAY, 4, world=holes, now=datetime(2024, 9, 7, tzinfo=UTC)))
    assert len(load) > 1
    assert all(before[1] < after[0] for before, after in pairwise(load))
    flat = ask(DataItem.EXCHANGE_SCHEDULED, "FR>DE_LU", DAY, 4, world=holes, now=datetime(2024, 9, 7, tzinfo=UTC))
    assert [(start, end) for start, end, _, _ in periods(flat)] == [("2024-09-01T22:00Z", "2024-09-05T22:00Z")] * 2
    assert all(len(positions) < 96 for _, _, _, positions in periods(flat))


def test_some_holes_are_filled_later_and_some_never() -> None:
    holes = World(seed=3, hole_share=1, correction_share=0)
    soon, late = (
        sum(len(period[3]) for period in periods(ask(DataItem.LOAD_ACTUAL, "DE_LU", DAY, 20, world=holes, now=now)))
        for now in (datetime(2024, 9, 22, tzinfo=UTC), NOW)
    )
    assert soon < late < 20 * 96


def test_holes_are_rare_by_default() -> None:
    rare = World(seed=0, hole_share=0.0005, correction_share=0)
    found = [
        period
        for place in ("DE_LU", "NL", "BE", "ES", "AT")
        for period in periods(ask(DataItem.LOAD_ACTUAL, place, date(2023, 1, 1), 365, world=rare))
    ]
    assert 5 <= len(found) < 12


def test_corrections_change_values_once_some_days_after_delivery() -> None:
    corrections = World(seed=0, hole_share=0, correction_share=1)

    def quantities(world: World, now: datetime) -> list[str]:
        return texts(document(ask(DataItem.LOAD_ACTUAL, "DE_LU", world=world, now=now)), "quantity")

    fresh = datetime(2024, 9, 3, 4, tzinfo=UTC)
    assert quantities(corrections, fresh) == quantities(CALM, fresh)
    month = quantities(corrections, fresh + timedelta(days=30))
    assert month == quantities(corrections, NOW)
    changed = sum(before != after for before, after in zip(quantities(CALM, NOW), month, strict=True))
    assert 20 < changed < 60


def test_integer_areas_stay_integers_when_corrected() -> None:
    corrections = World(seed=0, hole_share=0, correction_share=1)
    assert not any(
        "." in text for text in texts(document(ask(DataItem.LOAD_ACTUAL, "FR", world=corrections)), "quantity")
    )


def test_a_repeated_question_at_another_time_gets_another_document_number() -> None:
    numbers = {
        texts(document(ask(DataItem.LOAD_ACTUAL, "NL", now=now)), "mRID")[0] for now in (NOW, NOW + timedelta(1))
    }
    assert len(numbers) == 2


def test_a_hole_at_a_named_place_lasts_from_one_instant_to_another() -> None:
    """The third hour of the day is withdrawn on the fifth and comes again on the seventh."""
    third = Interval(datetime(2024, 9, 2, 0, tzinfo=UTC), datetime(2024, 9, 2, 1, tzinfo=UTC))
    withdrawn = Hole(
        DataItem.LOAD_ACTUAL,
        "FR",
        third,
        since=datetime(2024, 9, 5, tzinfo=UTC),
        until=datetime(2024, 9, 7, tzinfo=UTC),
    )
    world = replace(CALM, holes=(withdrawn,))
    written = [
        [period[:2] for period in periods(ask(DataItem.LOAD_ACTUAL, place, world=world, now=datetime(2024, 9, day, tzinfo=UTC)))]
        for place, day in (("FR", 4), ("FR", 5), ("FR", 6), ("FR", 7), ("ES", 5))
    ]  # fmt: skip
    whole = [("2024-09-01T22:00Z", "2024-09-02T22:00Z")]
    split = [("2024-09-01T22:00Z", "2024-09-02T00:00Z"), ("2024-09-02T01:00Z", "2024-09-02T22:00Z")]
    assert written == [whole, split, split, whole, whole]


def test_a_garbled_unit_is_written_without_a_readable_number() -> None:
    third = Interval(datetime(2024, 9, 2, 0, tzinfo=UTC), datetime(2024, 9, 2, 1, tzinfo=UTC))
    world = replace(CALM, holes=(Hole(DataItem.LOAD_ACTUAL, "FR", third, garbled=True),))
    quantities = texts(document(ask(DataItem.LOAD_ACTUAL, "FR", world=world)), "quantity")
    assert [number for number, text in enumerate(quantities) if text == "nan"] == [2]
