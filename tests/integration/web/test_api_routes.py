"""What the routes of the REST API tell, compared with what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.access.models import AccessScope
from app.db.migrate import revisions
from app.entsoe.items import ITEMS
from app.market.areas import areas, borders
from app.settings import variables
from app.web.problem_types import ProblemType
from tests.support.api_factory import ServedApi, served_api
from tests.support.store_factory import DE_LU, FR, block, key

RANGE = {"area": "DE_LU", "item": "load_actual", "from": "2024-01-01", "to": "2024-01-03"}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    """Two days of load of two areas: of DE_LU hours 10 to 13 are missing."""
    async with served_api(database_url) as served:
        store = served.container.storage().time_series()
        await store.store([block({hour: 100.0 + hour for hour in range(48) if not 10 <= hour < 14})])
        await store.store([block([50.0] * 48, key(area=FR))])
        await store.store([block([1.0, 2.0], key("generation_actual", psr_type="B16", direction="generation"))])
        yield served


async def rows(client: httpx.AsyncClient, path: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_the_catalogue_is_all_that_is_known(api: ServedApi) -> None:
    async with api.client() as client:
        assert {one["code"] for one in await rows(client, "/areas", limit=1000)} == set(areas())
        assert {one["code"] for one in await rows(client, "/borders", limit=1000)} == {one.code for one in borders()}
        items = {one["item"]: one for one in await rows(client, "/items", limit=1000)}
    assert set(items) == set(ITEMS)
    assert "DE_LU" in items["price_day_ahead"]["places"]
    assert "FR>DE_LU" in items["flow_physical"]["places"]
    assert "DE_TENNET" not in items["price_day_ahead"]["places"]


async def test_series_are_listed_by_the_parts_of_their_keys(api: ServedApi) -> None:
    async with api.client() as client:
        everything = await rows(client, "/series")
        assert [(one["item"], one["area"]) for one in everything] == [
            ("load_actual", "DE_LU"), ("load_actual", "FR"), ("generation_actual", "DE_LU"),
        ]  # fmt: skip
        [solar] = await rows(client, "/series", psr_type="B16")
        assert await rows(client, "/series", item="load_actual", psr_type="B16") == []
        assert len(await rows(client, "/series", psr_type="")) == 2
        assert len(await rows(client, "/series", area="DE_LU,FR", item="load_actual")) == 2
        first = everything[0]
        assert (await client.get(f"/series/{first['id']}")).json() == first
        assert (await client.get("/series/999")).json()["type"] == ProblemType.NOT_FOUND.uri
        page = (await client.get("/series", params={"limit": 2})).json()
        following = await rows(client, "/series", limit=2, next=page["next"])
    assert page["data"] + following == everything
    assert (solar["psr_type"], solar["area_eic"], solar["resolutions"]) == ("B16", DE_LU, ["PT60M"])
    assert first["first_delivery"] == "2024-01-01T00:00:00Z"
    assert first["latest"]["delivery_start"] == "2024-01-02T23:00:00Z"
    assert first["latest"]["value"] == 147.0


async def test_gaps_and_coverage_are_those_of_the_store(api: ServedApi) -> None:
    async with api.client() as client:
        found = await rows(client, "/gaps", **RANGE)
        assert [(one["from"], one["to"], one["missing"], one["reason"]) for one in found] == [
            ("2023-12-31T23:00:00Z", "2024-01-01T00:00:00Z", 1, "ours"),
            ("2024-01-01T10:00:00Z", "2024-01-01T14:00:00Z", 4, "ours"),
        ]  # fmt: skip
        assert await rows(client, "/gaps", **RANGE, reason="late") == []
        months = await rows(client, "/coverage", **RANGE)
        assert [(one["begin"], one["expected_hours"], one["covered_hours"]) for one in months] == [
            ("2023-12-01", 1.0, 0.0), ("2024-01-01", 47.0, 43.0),
        ]  # fmt: skip
        days = await rows(client, "/coverage", **RANGE, step="day")
        assert [one["begin"] for one in days] == ["2023-12-31", "2024-01-01", "2024-01-02"]
        assert [(one["missing_hours"], one["unexpected_hours"]) for one in days[:2]] == [
            ({"never asked": 1.0}, {}), ({"never asked": 4.0}, {}),
        ]  # fmt: skip
        [before] = await rows(
            client, "/coverage", area="NL", item="load_actual", **{"from": "2024-01-02", "to": "2024-01-03"}
        )
        assert (before["expected_hours"], before["missing_hours"]) == (0.0, {})
        assert before["unexpected_hours"] == {"never asked": 24.0}


@pytest.mark.parametrize(
    ("changed", "kind", "field", "said"),
    [
        ({"area": "DE_LX"}, ProblemType.UNKNOWN_NAME, "area", "did you mean"),
        ({"item": "load_actal"}, ProblemType.UNKNOWN_NAME, "item", "did you mean load_actual"),
        ({"area": "DE_TENNET", "item": "price_day_ahead"}, ProblemType.INVALID_REQUEST, "area", "GET /api/v1/items"),
        ({"from": "soon"}, ProblemType.INVALID_REQUEST, "from", "from 'soon' is no moment"),
        ({"from": "2026-01-01T00:00 01:00"}, ProblemType.INVALID_REQUEST, "from", "write it as %2B"),
        ({"to": "soon"}, ProblemType.INVALID_REQUEST, "to", "to 'soon' is no moment"),
        ({"from": "-3650000d"}, ProblemType.INVALID_REQUEST, "from", "lies outside 1990-01-01"),
        ({"from": "1990-01-01", "to": "1990-01-02"}, None, "", ""),
        ({"to": "2023-01-01"}, ProblemType.INVALID_REQUEST, "from", "is not before to '2023-01-01'"),
        ({"from": "1991-01-01"}, ProblemType.LIMIT_EXCEEDED, "from", "GRIDKEEPER_API__RANGE_DAYS"),
        ({"reason": "bored"}, ProblemType.INVALID_REQUEST, "reason", "'late'"),
        ({"area": ["DE_LU", "fr>"]}, ProblemType.UNKNOWN_NAME, "area", "half a border"),
    ],
)
async def test_what_cannot_be_asked_for_is_named_with_the_remedy(
    api: ServedApi, changed: dict[str, Any], kind: ProblemType | None, field: str, said: str
) -> None:
    async with api.client() as client:
        answer = await client.get("/gaps", params=RANGE | changed)
    content = answer.json()
    if kind is None:
        assert answer.status_code == 200
        return
    assert (answer.status_code, content["type"]) == (kind.status.value, kind.uri), content
    assert content["errors"][0]["field"] == field
    assert said in content["detail"]
    assert "gridkeeper " not in content["detail"]
    assert not content["detail"].startswith(f"{field}: {field} ")


async def test_a_request_names_no_more_places_than_it_may(database_url: str) -> None:
    async with served_api(database_url, api={"places": 3}) as api, api.client() as client:
        answer = await client.get("/gaps", params={"area": "DE_LU,FR,NL,BE", "item": "load_actual"})
    assert answer.json()["type"] == ProblemType.LIMIT_EXCEEDED.uri
    assert "4 combinations" in answer.json()["detail"]


async def test_a_limited_key_sees_what_is_for_it_only(api: ServedApi) -> None:
    token = await api.key(areas=(FR,), items=("load_actual",))
    async with api.client(token) as client:
        assert [one["area"] for one in await rows(client, "/series")] == ["FR"]
        refused = await client.get("/series", params={"area": "DE_LU,FR", "item": "price_day_ahead"})
        assert refused.json()["type"] == ProblemType.NOT_ALLOWED.uri
        assert [(one["field"], one["detail"]) for one in refused.json()["errors"]] == [
            ("area", "the key is not for DE_LU"), ("item", "the key is not for price_day_ahead"),
        ]  # fmt: skip
        assert (await client.get("/series/1")).status_code == 404
        assert (await client.get("/series/2")).status_code == 200
        assert (await client.get("/gaps", params=RANGE)).status_code == 403
        assert {
            one["area"] for one in await rows(client, "/coverage", **{"from": "2024-01-01", "to": "2024-01-02"})
        } == {"FR"}
        assert (await client.get("/status")).status_code == 403
        assert len(await rows(client, "/areas")) > 90
        own = (await client.get("/keys/me")).json()
    assert (own["areas"], own["items"], own["scope"]) == (["FR"], ["load_actual"], "read")


async def test_the_status_is_that_of_the_command_line(api: ServedApi) -> None:
    async with api.client() as client:
        content = (await client.get("/status")).json()
    assert [(one["item"], one["series"]) for one in content["items"]] == [("generation_actual", 1), ("load_actual", 2)]
    assert content["schema"] == revisions()[-1]


async def test_settings_are_shown_without_secrets(database_url: str) -> None:
    secret = {"token": "hunter2-hunter2-hunter2-hunter2-hunt"}
    async with served_api(database_url, entsoe=secret) as api, api.client(await api.key(AccessScope.ADMIN)) as client:
        shown = {one["name"]: one["value"] for one in await rows(client, "/settings", limit=1000)}
        assert set(shown) == set(variables())
        assert shown["GRIDKEEPER_ENTSOE__TOKEN"] == "**********"
        assert "hunter2" not in str(shown)
        assert shown["GRIDKEEPER_API__PAGE_ROWS"] == "1000"


async def test_keys_are_made_listed_and_revoked_and_all_of_it_is_recorded(api: ServedApi) -> None:
    async with api.client(await api.key(AccessScope.ADMIN, name="chief")) as client:
        client.headers["X-Request-ID"] = "r-1"
        wanted = {"name": "notebook", "areas": ["DE_LU"], "expires": "90d"}
        made = await client.post("/keys", json=wanted)
        assert made.status_code == 201
        token = made.json()["key"]
        listed = {one["name"]: one for one in await rows(client, "/keys")}
        assert listed["notebook"] == {name: value for name, value in made.json().items() if name != "key"}
        assert (await client.post("/keys", json=wanted)).json()["type"] == ProblemType.CONFLICT.uri
        async with api.client(token) as reader:
            assert (await reader.get("/areas")).status_code == 200
            assert (await client.delete("/keys/notebook")).json()["usable"] is False
            assert (await reader.get("/areas")).status_code == 401
        assert (await client.delete("/keys/notebook")).status_code == 409
        assert (await client.delete("/keys/nobody")).status_code == 404
        assert (await client.post("/keys", json={"name": "a b"})).status_code == 422
        changes = await rows(client, "/audit", actor="chief")
        older = await rows(client, "/audit", limit=1, next=(await client.get("/audit?limit=1")).json()["next"])
    assert {(one["address"], one["request_id"]) for one in changes} == {("127.0.0.1", "r-1")}
    named = "/api/v1/keys/notebook"
    assert [(one["action"], one["target"], one["status"]) for one in changes] == [
        ("create_key", "/api/v1/keys", 422), ("revoke_key", "/api/v1/keys/nobody", 404), ("revoke_key", named, 409),
        ("revoke_key", named, 200), ("create_key", "/api/v1/keys", 409), ("create_key", named, 201),
    ]  # fmt: skip
    assert changes[-1]["details"]["scope"] == "read"
    assert older == changes[1:2]
    assert token not in str(changes)


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"name": "a b"}, "name", "take up to 60 letters"),
        ({"name": "x", "areas": ["DE_LX"]}, "areas", "did you mean"),
        ({"name": "x", "items": ["nothing_like_it"]}, "items", "GET /api/v1/items"),
        ({"name": "x", "expires": "90x"}, "expires", "no duration"),
        ({"name": "x", "scope": "root"}, "scope", "'read'"),
        ({"name": "x", "colour": "red"}, "colour", "there is no such field"),
        ({}, "name", "this is missing"),
    ],
)
async def test_a_key_that_cannot_be_made_is_refused_by_its_field(
    api: ServedApi, body: dict[str, Any], field: str, said: str
) -> None:
    async with api.client(await api.key(AccessScope.ADMIN)) as client:
        answer = await client.post("/keys", json=body)
    assert answer.status_code == 422
    assert next((error["field"], error["location"]) for error in answer.json()["errors"]) == (field, "body")
    assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", ProblemType.MALFORMED_BODY),
        (b"\xff\xfe", ProblemType.MALFORMED_BODY),
        (b'{"name": "' + b"x" * 2000 + b'"}', ProblemType.BODY_TOO_LARGE),
    ],
)
async def test_a_body_that_is_none_is_refused(database_url: str, content: bytes, kind: ProblemType) -> None:
    async with served_api(database_url, api={"body_bytes": 1000}) as api:
        async with api.client(await api.key(AccessScope.ADMIN)) as client:
            answer = await client.post("/keys", content=content, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.json()["type"]) == (kind.status.value, kind.uri)
        async with api.client() as stranger:
            answer = await stranger.post("/keys", content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code in {401, 413}


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"5\r\n     \r\n", 408), (b"5\r\n     \r\n" * 300 + b"0\r\n\r\n", 413), (b"", 408)],
)
async def test_a_body_that_does_not_end_is_not_waited_for(database_url: str, sent: bytes, status: int) -> None:
    async with served_api(database_url, api={"body_seconds": 0.5, "body_bytes": 1000}) as api:
        head = f"POST /api/v1/keys HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {await api.key(AccessScope.ADMIN)}\r\n"
        head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(api.url).port)
        writer.write(head.encode() + sent)
        answer = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"GRIDKEEPER_API__BODY_" in answer


async def test_the_record_of_changes_is_erased_when_old(api: ServedApi) -> None:
    await api.key()
    now = api.container.clock().now()
    assert await api.access.tidy(now) == ""
    assert await api.access.tidy(now + timedelta(days=731)) == "1 old changes over the API erased"
