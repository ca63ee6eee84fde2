from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.entsoe.items import ITEMS
from app.errors import ConfigurationError, RequestTooLarge
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.settings import EntsoeSettings
from app.sources.entsoe.client import MOST_PAGES, EntsoeClient, Pages, query_parameters, secret_headers
from app.sources.source import FetchStatistics
from tests.support.http_fakes import DOCUMENT, TOKEN, ScriptedWire, acknowledgement, calling

DAY = Interval(datetime(2024, 1, 1, 23, tzinfo=UTC), datetime(2024, 1, 2, 23, tzinfo=UTC))
NOTHING = httpx.Response(200, content=acknowledgement("No matching data found for Data item ENERGY_PRICES"))


def page(first: int, count: int, mrid: str = "1") -> httpx.Response:
    series = "".join(f"<ns:TimeSeries><mRID>{first + n}</mRID></ns:TimeSeries>" for n in range(count))
    text = f"<Publication_MarketDocument><mRID>{mrid}</mRID><type>A44</type>{series}</Publication_MarketDocument>"
    return httpx.Response(200, content=text.encode())


async def ask(wire: ScriptedWire, item: DataItem, place: str) -> Pages:
    async with calling(wire) as caller:
        client = EntsoeClient(caller.http, caller.url)
        return await client.query(ITEMS[item], find_place(place), DAY, FetchStatistics())


async def test_a_query_names_item_area_and_period_in_utc() -> None:
    wire = ScriptedWire(httpx.Response(200, content=DOCUMENT))
    assert (await ask(wire, DataItem.LOAD_ACTUAL, "FR")).bodies == (DOCUMENT,)
    assert wire.parameters == [
        {
            "documentType": "A65",
            "processType": "A16",
            "outBiddingZone_Domain": "10YFR-RTE------C",
            "periodStart": "202401012300",
            "periodEnd": "202401022300",
        }
    ]


async def test_a_border_is_asked_for_in_its_direction() -> None:
    wire = ScriptedWire(httpx.Response(200, content=DOCUMENT))
    await ask(wire, DataItem.FLOW_PHYSICAL, "FR>DE_LU")
    assert wire.parameters[0]["out_Domain"] == "10YFR-RTE------C"
    assert wire.parameters[0]["in_Domain"] == "10Y1001A1001A82H"


def test_a_window_within_a_minute_is_widened_to_whole_minutes() -> None:
    window = Interval(datetime(2024, 1, 1, 0, 0, 59, tzinfo=UTC), datetime(2024, 1, 1, 12, 0, 0, 1, tzinfo=UTC))
    parameters = query_parameters(ITEMS[DataItem.LOAD_ACTUAL], find_place("FR"), window)
    assert (parameters["periodStart"], parameters["periodEnd"]) == ("202401010000", "202401011201")


async def test_no_matching_data_gives_no_bodies() -> None:
    assert await ask(ScriptedWire(NOTHING), DataItem.LOAD_ACTUAL, "FR") == Pages(())


async def test_items_without_pages_are_asked_once_without_offset() -> None:
    wire = ScriptedWire(page(0, 100))
    await ask(wire, DataItem.GENERATION_ACTUAL, "FR")
    assert len(wire.requests) == 1
    assert "offset" not in wire.parameters[0]


async def test_a_short_page_ends_the_paging() -> None:
    wire = ScriptedWire(page(0, 100), page(100, 100), page(200, 7), NOTHING)
    pages = await ask(wire, DataItem.PRICE_DAY_AHEAD, "FR")
    assert [parameters.get("offset") for parameters in wire.parameters] == [None, "100", "200"]
    assert len(pages.bodies) == 3


async def test_no_matching_data_after_a_full_page_ends_the_paging() -> None:
    wire = ScriptedWire(page(0, 100), NOTHING)
    pages = await ask(wire, DataItem.PRICE_DAY_AHEAD, "FR")
    assert len(pages.bodies) == 1
    assert len(wire.requests) == 2


async def test_no_prices_at_all_is_one_request() -> None:
    wire = ScriptedWire(NOTHING)
    assert (await ask(wire, DataItem.PRICE_DAY_AHEAD, "FR")).bodies == ()
    assert len(wire.requests) == 1


async def test_a_page_like_the_one_before_is_a_cut_answer() -> None:
    wire = ScriptedWire(page(0, 100, "a"), page(0, 100, "b"), page(0, 100, "c"))
    with pytest.raises(RequestTooLarge, match="offset 100 brought the page before once more"):
        await ask(wire, DataItem.PRICE_DAY_AHEAD, "FR")
    assert len(wire.requests) == 2


async def test_an_answer_counts_as_asked_when_its_first_page_was_and_a_new_one_anew() -> None:
    statistics = FetchStatistics()
    wire = ScriptedWire(httpx.Response(503), page(0, 100), page(100, 3), page(0, 3))
    async with calling(wire) as caller:
        client = EntsoeClient(caller.http, caller.url)
        for question in (2, 4):
            await client.query(ITEMS[DataItem.PRICE_DAY_AHEAD], find_place("FR"), DAY, statistics)
            assert statistics.question == question


async def test_pages_without_end_are_too_large() -> None:
    count = iter(range(10_000))
    wire = ScriptedWire(lambda _request: page(100 * next(count), 100))
    with pytest.raises(RequestTooLarge, match="more than 100 pages"):
        await ask(wire, DataItem.PRICE_DAY_AHEAD, "FR")
    assert len(wire.requests) == MOST_PAGES


def test_without_a_token_the_remedy_is_told() -> None:
    with pytest.raises(ConfigurationError, match="GRIDKEEPER_ENTSOE__TOKEN"):
        secret_headers(EntsoeSettings())


def test_the_token_is_a_secret_up_to_the_wire() -> None:
    headers: dict[str, Any] = dict(secret_headers(EntsoeSettings(token=SecretStr(TOKEN))))
    assert TOKEN not in repr(headers)
    assert headers["SECURITY_TOKEN"].get_secret_value() == TOKEN
