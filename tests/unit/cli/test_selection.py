"""From named areas and items to requests."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.collection.selection import Selection, select
from app.entsoe.items import ITEMS, places_for
from app.errors import ConfigurationError
from app.market.areas import Place
from app.market.time import Interval

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


def test_a_known_eic_of_another_kind_is_asked_for_with_a_warning() -> None:
    selection = selected(["10YDE-EON------1"], ["price_day_ahead"])
    assert codes(selection) == [("price_day_ahead", "DE_TENNET")]
    (warning,) = selection.warnings
    assert "asked for all the same" in warning
    assert "DE_TENNET is CTA" in warning


def test_a_border_of_other_kinds_is_asked_for_by_its_eics() -> None:
    border = "10Y1001A1001A84D>10YFR-RTE------C"
    assert codes(selected([border], ["flow_physical"])) == [("flow_physical", "IT_MACRO_NORTH>FR")]
    with pytest.raises(ConfigurationError, match="between areas of these kinds"):
        selected(["IT_MACRO_NORTH>FR"], ["flow_physical"])


def test_the_zone_before_is_named_where_an_area_did_not_exist_yet() -> None:
    early = Interval(datetime(2018, 1, 1, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC))
    for_prices = lambda item, place: places_for(ITEMS[item], place)  # noqa: E731
    selection = select(["DE_LU"], ["price_day_ahead"], lambda _place: early, for_prices)
    assert selection.warnings == ("before 2018-10-01 the values of DE_LU are those of DE_AT_LU",)
    assert selected(["DE_LU"], ["price_day_ahead"]).warnings == ()
