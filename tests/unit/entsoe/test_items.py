"""The table of data items."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.entsoe.items import ITEMS, places_for, request_windows
from app.errors import ConfigurationError
from app.market.areas import areas, find_place
from app.market.series import DataItem
from app.market.time import Interval


def test_every_data_item_has_its_row() -> None:
    assert set(ITEMS) == set(DataItem)


@pytest.mark.parametrize(
    ("item", "place", "query"),
    [
        (
            DataItem.LOAD_ACTUAL,
            "FR",
            {"documentType": "A65", "processType": "A16", "outBiddingZone_Domain": "10YFR-RTE------C"},
        ),
        (
            DataItem.PRICE_DAY_AHEAD,
            "NL",
            {
                "documentType": "A44",
                "contract_MarketAgreement.type": "A01",
                "in_Domain": "10YNL----------L",
                "out_Domain": "10YNL----------L",
            },
        ),
        (
            DataItem.FLOW_PHYSICAL,
            "FR>DE_LU",
            {"documentType": "A11", "out_Domain": "10YFR-RTE------C", "in_Domain": "10Y1001A1001A82H"},
        ),
        (DataItem.IMBALANCE_PRICE, "AT", {"documentType": "A85", "controlArea_Domain": "10YAT-APG------L"}),
    ],
)
def test_an_item_is_asked_for_by_its_parameters(item: DataItem, place: str, query: dict[str, str]) -> None:
    assert ITEMS[item].request_parameters(find_place(place)) == query


def test_an_area_stands_for_its_borders_where_the_item_needs_one() -> None:
    found = places_for(ITEMS[DataItem.FLOW_PHYSICAL], areas()["PT"])
    assert [place.code for place in found] == ["ES>PT", "PT>ES"]


def test_no_item_is_asked_for_where_the_platform_has_none() -> None:
    with pytest.raises(ConfigurationError, match="price_day_ahead is published for BZN, and DE_50HZ is CTA"):
        places_for(ITEMS[DataItem.PRICE_DAY_AHEAD], areas()["DE_50HZ"])
    with pytest.raises(ConfigurationError, match="not published per border; ask for DE_LU"):
        places_for(ITEMS[DataItem.LOAD_ACTUAL], find_place("FR>DE_LU"))
    with pytest.raises(ConfigurationError, match="needs a border, and none of CWE is known"):
        places_for(ITEMS[DataItem.FLOW_PHYSICAL], areas()["CWE"])
    with pytest.raises(ConfigurationError, match="not published between areas of these kinds"):
        places_for(ITEMS[DataItem.FLOW_PHYSICAL], find_place("CWE>FR"))


def test_our_windows_never_exceed_the_platforms_limit() -> None:
    for spec in ITEMS.values():
        if spec.limit == "1 day":
            assert (spec.months, spec.days) == (0, 1)
        else:
            assert spec.months <= 12
            assert spec.months or spec.days


def test_two_auction_sequences_fit_into_one_answer() -> None:
    spec = ITEMS[DataItem.PRICE_DAY_AHEAD]
    assert spec.max_series is not None
    assert 2 * (spec.days + 2) <= spec.max_series


@pytest.mark.parametrize("code", ["DE_LU", "DE", "DE_TENNET", "DE_50HZ", "DE_AMPRION", "DE_TRANSNET"])
def test_imbalance_prices_of_germany_are_asked_for_as_the_platform_has_them(code: str) -> None:
    spec = ITEMS[DataItem.IMBALANCE_PRICE]
    (place,) = places_for(spec, find_place(code))
    assert place.eic == "10Y1001A1001A83F"
    assert spec.exists_for(place)
    early = Interval(datetime(2022, 6, 1, tzinfo=UTC), datetime(2022, 6, 30, tzinfo=UTC))
    expected = [Interval(datetime(2022, 6, 21, 22, tzinfo=UTC), early.end)]
    assert request_windows(spec, place, early) == request_windows(spec, find_place("DE"), early) == expected
    assert place.exists_during(early) == expected[0]


def test_other_areas_keep_their_own_imbalance_prices() -> None:
    assert [place.code for place in places_for(ITEMS[DataItem.IMBALANCE_PRICE], find_place("AT"))] == ["AT"]
    assert [place.code for place in places_for(ITEMS[DataItem.IMBALANCE_VOLUME], find_place("DE_LU"))] == ["DE_LU"]


def test_flows_of_ukraine_are_those_of_its_synchronous_area() -> None:
    spec = ITEMS[DataItem.FLOW_PHYSICAL]
    assert {place.code for place in places_for(spec, find_place("UA"))} >= {"UA_IPS>PL", "PL>UA_IPS", "MD>UA_IPS"}
    assert [place.code for place in places_for(spec, find_place("HU>UA"))] == ["HU>UA_IPS"]
