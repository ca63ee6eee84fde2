"""The pages of coverage: from a month that lacks values to the reason, the plan of a backfill and its start."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.access.models import AccessScope
from app.collection.gaps.classification import Reason
from app.collection.models import CollectionRequest
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from tests.support.api_factory import ServedApi, served_api
from tests.support.page_factory import keep_series
from tests.support.page_person import AFAR, page_person

START = datetime(2026, 1, 10, tzinfo=UTC)
PAIR = "item=load_actual&area=FR"


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    async with served_api(database_url) as served:
        await keep_series(served)
        yield served


async def keep_gaps(api: ServedApi) -> None:
    """What an analysis of the first days finds: the five hours that `keep_series` leaves out."""
    request = CollectionRequest(DataItem.LOAD_ACTUAL, find_place("FR"), Interval(START, START + timedelta(days=3)))
    found = await api.container.collection().gaps().analyse([request], START + timedelta(days=60))
    assert [gap.reason for gap in found] == [Reason.OURS]


async def test_a_newcomer_finds_why_a_value_is_missing_and_has_it_filled(api: ServedApi) -> None:
    await keep_gaps(api)
    async with page_person(api, AccessScope.OPERATE) as person:
        page = await person.page("/coverage?from=2025-12&to=2026-01")
        row = re.search(r'<th scope="row"><a href="([^"]+)">load actual FR</a></th>(.*)', page)
        assert row, page
        assert row[2] == '<td class="x">\N{EN DASH}<td class="o3">17<i> ours</i>'
        days = await person.page(f"/{row[1]}")
        assert '<td class="f">100' in days
        cell = re.search(r'<td class="o2"><a href="\.\./([^"]+)#2026-01-11">79<i> ours</i></a>', days)
        assert cell, days
        hours = await person.page(f"/{cell[1]}")
        assert "never asked for since it was due" in hours
        assert hours.count('<td class="o3">1<i> ours</i>') > 5 * 24
        fills = re.findall(r'href="\.\./(work/backfills/new[^"]+)">Fill this', hours)
        assert "Start this backfill" in await person.page(f"/{fills[0]}")


async def test_what_nobody_has_looked_into_is_said_so_and_wrong_names_are_refused(api: ServedApi) -> None:
    async with httpx.AsyncClient(base_url=api.url) as client:
        page = (await client.get("/coverage?from=2026-01&to=2026-02")).text
        assert re.search(r'<td class="u\d">\d+<i> unknown</i>', page)
        assert "load actual FR" in (await client.get("/coverage?from=2026-01&to=2026-01&holes=true&area=FR")).text
        assert "Nothing is missing" in (await client.get("/coverage?from=2020-01&to=2020-02&holes=true")).text
        assert "Nothing is stored" in (await client.get("/coverage?area=NL")).text
        for query in ("area=XYZ", "item=nothing", "from=2026", "from=1066-01", "from=1990-01&to=2090-01"):
            answer = await client.get(f"/coverage?{query}")
            assert answer.status_code == 422, query
            assert 'role="alert"' in answer.text, query
            assert "/api/v1" not in answer.text, query
        assert 'name="area" value="XYZ"' in (await client.get("/coverage?area=XYZ")).text, "what was typed stays"
        days = await client.get(f"/coverage/days?{PAIR}&from=x")
        assert (days.status_code, 'name="from" value="x"' in days.text) == (422, True)
        for path in ("days", "days?item=load_actual", "hours?item=load_actual&area=FR", f"hours?{PAIR}&month=x"):
            answer = await client.get(f"/coverage/{path}")
            assert answer.status_code == 422, path
            assert "ield required" not in answer.text, path
        assert (await client.get("/coverage/nothing")).status_code == 404


async def test_a_limited_key_sees_its_own_rows_only(api: ServedApi) -> None:
    prices = await api.key(name="prices", items=("price_day_ahead",))
    loads = await api.key(name="loads", items=("load_actual",))
    async with httpx.AsyncClient(base_url=api.url, headers=AFAR) as client:
        for token, seen in ((prices, False), (loads, True)):
            page = await client.get("/coverage", auth=("any", token))
            assert (page.status_code, "load actual FR" in page.text) == (200, seen)
            days = await client.get(f"/coverage/days?{PAIR}", auth=("any", token))
            assert days.status_code == (200 if seen else 404)
        assert (await client.get("/coverage")).status_code == 401


async def test_a_large_map_comes_packed_to_who_takes_that(api: ServedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.pages.packing.PACKED_FROM", 100)
    async with httpx.AsyncClient(base_url=api.url) as client:
        packed = await client.get("/coverage")
        plain = await client.get("/coverage", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert ("Coverage" in packed.text, "Coverage" in plain.text) == (True, True)
    assert packed.headers["content-security-policy"] == plain.headers["content-security-policy"]
