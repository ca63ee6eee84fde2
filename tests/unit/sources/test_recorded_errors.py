"""Error bodies as the platform sent them (or as they are documented), where the recordings stand beside the project."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from app.errors import (
    AccessDenied,
    MalformedDocument,
    RateLimited,
    RequestRejected,
    RequestTooLarge,
    SourceError,
    SourceUnavailable,
)
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.sources.entsoe.client import EntsoeClient
from app.sources.entsoe.source import EntsoeSource
from app.sources.source import Fetched, FetchStatistics
from tests.support.http_fakes import Caller, ScriptedWire, calling

RECORDINGS = Path(__file__).parents[3].parent / "shared" / "entsoe" / "recordings"
pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recorded answers do not stand beside the project")

WINDOW = Interval(datetime(2024, 1, 1, 23, tzinfo=UTC), datetime(2024, 1, 2, 0, tzinfo=UTC))


async def fetch(caller: Caller) -> Fetched:
    source = EntsoeSource(EntsoeClient(caller.http, caller.url))
    return await source.fetch(DataItem.LOAD_ACTUAL, find_place("FR"), WINDOW, FetchStatistics())


def recorded(name: str, status: int) -> ScriptedWire:
    return ScriptedWire(httpx.Response(status, content=(RECORDINGS / name).read_bytes()))


@pytest.mark.parametrize(
    ("name", "status", "kind", "words", "requests"),
    [
        ("errors__ack_400_area_not_valid.xml", 400, RequestRejected, "10YDE-ENBW-----N is not valid.", 1),
        ("errors__ack_400_combination_not_valid.xml", 400, RequestRejected, "[DocumentType=A26,BusinessType=A29]", 1),
        ("errors__ack_400_too_many_instances_149.xml", 400, RequestTooLarge, "exceeds the allowed maximum (100)", 1),
        ("krose_entsoeapi__offset_response.xml", 400, RequestTooLarge, "(400) exceeds", 1),
        ("rabinage_entsoe-api-node__bad-request-resp.xml", 400, RequestRejected, "Bad request message from API", 1),
        ("krose_entsoeapi__not_available.xml", 200, RequestRejected, "Requested data is not available", 1),
        ("errors__http_401_unauthorized.xml", 401, AccessDenied, "invalid security token", 1),
        ("errors__http_404_page_not_found.txt", 404, SourceUnavailable, "404 page not found", 6),
        ("errors__http_503_maintenance_100kB.html", 503, SourceUnavailable, "Scheduled maintenance", 6),
        ("errors__truncated_200_load.xml", 200, SourceUnavailable, "cut off after 41,237 bytes", 6),
        ("errors__truncated_zip_200.zip", 200, SourceUnavailable, "cut off after 9,000 bytes", 6),
        ("errors__wrong_content_type_200_html.html", 200, SourceUnavailable, "Please enable JavaScript", 6),
        ("errors__http_429_throttling.html", 429, RateLimited, "380 requests per minute", 4),
        ("Hexagon_entsoe-api-client__invalid.xml", 200, MalformedDocument, "", 1),
        ("AldairPetronilia_trading-project__forecastMargin.xml", 200, MalformedDocument, "A70", 1),
    ],
)
async def test_a_recorded_failure_is_told_as_what_it_is(
    name: str, status: int, kind: type[SourceError], words: str, requests: int
) -> None:
    async with calling(wire := recorded(name, status)) as caller:
        with pytest.raises(SourceError) as caught:
            await fetch(caller)
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert len(str(caught.value)) < 600
    assert len(wire.requests) == requests


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("errors__ack_inside_zip_200.zip", 200),
        ("errors__empty_zip_200.zip", 200),
        ("Hexagon_entsoe-api-client__acknowledgement.invalidrequest.xml", 200),
        ("Hexagon_entsoe-api-client__acknowledgement.invalidrequest.xml", 400),
    ],
)
async def test_a_recorded_answer_without_data_is_an_answer(name: str, status: int) -> None:
    async with calling(recorded(name, status)) as caller:
        assert list((await fetch(caller)).blocks) == []


async def test_the_recorded_ban_names_the_time_until_which_all_wait() -> None:
    async with calling(recorded("errors__http_429_throttling.html", 429)) as caller:
        caller.clock.set(datetime(2026, 5, 7, 13, 30, tzinfo=UTC))
        with pytest.raises(RateLimited) as caught:
            await fetch(caller)
    assert caught.value.until == datetime(2026, 5, 7, 13, 40, 1, tzinfo=UTC)
    assert caller.budget.blocks == [caught.value.until] * 4
