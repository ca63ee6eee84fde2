"""From named areas and items to requests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.collection.requests import Selection, select
from app.errors import ConfigurationError
from app.market.areas import Place
from app.market.time import Interval
from app.sources.entsoe.items import ITEMS, places_for

DAY = Interval(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))


def selected(areas: list[str], items: list[str]) -> Selection:
    return select(areas, items, lambda _place: DAY, lambda item, place: places_for(ITEMS[item], place))


def codes(selection: Selection) -> list[tuple[str, str]]:
    return [(request.item.value, request.place.code) for request in selection.requests]


def test_every_item_is_asked_for_every_area() -> None:
    selection = selected(["FR", "NL"], ["load_actual", "price_day_ahead"])
    assert codes(selection) == [
        ("load_actual", "FR"), ("load_actual", "NL"), ("price_day_ahead", "FR"), ("price_day_ahead", "NL"),
    ]  # fmt: skip
    assert selection.skipped == ()


def test_a_border_shared_by_two_areas_is_asked_for_once() -> None:
    asked = codes(selected(["ES", "PT"], ["flow_physical"]))
    assert len(asked) == len(set(asked))
    assert {("flow_physical", "ES>PT"), ("flow_physical", "PT>ES"), ("flow_physical", "ES>FR")} <= set(asked)


def test_an_area_stands_only_for_the_borders_of_that_time() -> None:
    asked = codes(selected(["FR"], ["flow_physical"]))
    assert ("flow_physical", "FR>DE_LU") in asked
    assert ("flow_physical", "FR>DE_AT_LU") not in asked
    assert codes(selected(["FR>DE_AT_LU"], ["flow_physical"])) == [("flow_physical", "FR>DE_AT_LU")]


def test_the_same_area_named_twice_is_asked_for_once() -> None:
    assert codes(selected(["FR", "10YFR-RTE------C"], ["load_actual"])) == [("load_actual", "FR")]


def test_a_combination_that_does_not_exist_is_skipped_with_its_reason() -> None:
    selection = selected(["DE_50HZ", "FR"], ["price_day_ahead"])
    assert codes(selection) == [("price_day_ahead", "FR")]
    assert selection.skipped == (
        "price_day_ahead is published for BZN, and DE_50HZ is CTA; `gridkeeper items` shows which areas have it",
    )


def test_nothing_left_to_ask_for_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="DE_50HZ is CTA"):
        selected(["DE_50HZ"], ["price_day_ahead"])
    with pytest.raises(ConfigurationError, match="no area or no item"):
        selected([], [])
    with pytest.raises(ConfigurationError, match=r"unknown item .lod..*load_actual"):
        selected(["FR"], ["lod"])


def test_each_place_has_its_own_interval() -> None:
    seen: list[str] = []

    def interval_of(place: Place) -> Interval:
        seen.append(place.zone.key)
        return DAY

    select(
        ["FI", "FR>DE_LU"],
        ["load_actual", "flow_physical"],
        interval_of,
        lambda item, place: places_for(ITEMS[item], place),
    )
    assert "Europe/Helsinki" in seen
    assert "Europe/Berlin" in seen
