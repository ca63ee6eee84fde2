"""Released pictures and the public status page: what strangers see, and that they see nothing else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.access.models import AccessScope
from app.access.released.models import ViewKind, ViewRequest
from app.errors import ConfigurationError, Conflict, NotFound
from tests.support.api_factory import ADMINISTRATOR, ServedApi, served_api
from tests.support.page_factory import HOSTILE, keep_hostile_work, keep_lateness, keep_series

AFAR = {"X-Forwarded-For": "192.0.2.7"}
FR, NL = "10YFR-RTE------C", "10YNL----------L"


@pytest.fixture
async def api(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServedApi]:
    monkeypatch.setattr("app.web.pages.overview.views.FRESH_SECONDS", -1.0)
    monkeypatch.setattr("app.web.pages.public.drawing.KEPT_SECONDS", -1.0)
    async with served_api(database_url) as served:
        await keep_series(served)
        await keep_lateness(served, ("load_actual", FR, 90), ("load_actual", NL, 0), (HOSTILE, HOSTILE, 5))
        await keep_hostile_work(served)
        yield served


def stranger(api: ServedApi) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=api.url, headers=AFAR)


async def test_a_released_picture_is_seen_by_whoever_has_its_address_until_it_is_revoked(api: ServedApi) -> None:
    released = api.container.access().released()
    wanted = {
        "chart": ViewRequest("chart", ViewKind.CHART, 1),
        "value": ViewRequest("value", ViewKind.VALUE, 1),
        "fresh": ViewRequest("fresh", ViewKind.FRESHNESS, item="load_actual", area=FR),
        "none": ViewRequest("none", ViewKind.FRESHNESS, item="load_actual", area="10YBE----------2"),
        "status": ViewRequest("status", ViewKind.STATUS),
    }
    tokens = {name: (await released.release(one, ADMINISTRATOR))[1] for name, one in wanted.items()}
    said = {"chart": "<polyline", "value": "MW", "fresh": "late 1 h 30 min", "none": "no deadline", "status": "wrong"}
    async with stranger(api) as client:
        for name, token in tokens.items():
            picture = await client.get(f"/embed/{token}.svg")
            assert (picture.status_code, said[name] in picture.text) == (200, True), (name, picture.text)
            assert picture.headers["content-type"] == "image/svg+xml"
            assert "frame-ancestors *" in picture.headers["content-security-policy"]
            assert "x-frame-options" not in picture.headers
            assert picture.headers["cross-origin-resource-policy"] == "cross-origin"
            assert picture.headers["cache-control"] == "public, max-age=60"
            assert "set-cookie" not in picture.headers
            assert HOSTILE not in picture.text
            assert "img src=x" not in picture.text
        assert "SYNTHETIC" in (await client.get(f"/embed/{tokens['chart']}.svg")).text
        again = await client.get(f"/embed/{tokens['fresh']}.svg", headers={"If-None-Match": "x"})
        known = {"If-None-Match": again.headers["etag"]}
        assert (await client.get(f"/embed/{tokens['fresh']}.svg", headers=known)).status_code == 304
        frame = await client.get(f"/embed/{tokens['chart']}")
        assert f'src="{tokens["chart"]}.svg"' in frame.text
        assert frame.headers["refresh"] == "60"
        assert "<script" not in frame.text
        for path in ("/", "/data/1", "/embeds", "/sign-in"):
            assert (await client.get(path)).headers["x-frame-options"] == "DENY", path
        assert (await client.get(f"/embed/{tokens['chart']}.svg", headers={"Host": "evil.example"})).status_code == 421
        assert (await client.get("/embed/" + "a" * 43 + ".svg")).status_code == 404
        assert (await client.get("/embed/a.png")).status_code == 404
        await released.revoke("chart", ADMINISTRATOR)
        assert (await client.get(f"/embed/{tokens['chart']}.svg")).status_code == 404
        assert (await client.get(f"/embed/{tokens['chart']}")).status_code == 404
    async with api.container.database().connection() as connection:
        texts = str(await connection.fetch("select * from released_views"))
    assert not any(token in texts for token in tokens.values())
    for wrong, kind in (
        (ViewRequest("value", ViewKind.VALUE, 1), Conflict),
        (ViewRequest("x", ViewKind.VALUE, 99), NotFound),
        (ViewRequest("x", ViewKind.VALUE), ConfigurationError),
        (ViewRequest("x", ViewKind.STATUS, 1), ConfigurationError),
        (ViewRequest("x", ViewKind.FRESHNESS, item="load_actual"), ConfigurationError),
        (ViewRequest("x", ViewKind.CHART, 1, days=32), ConfigurationError),
    ):
        with pytest.raises(kind):
            await released.release(wrong, ADMINISTRATOR)
    with pytest.raises(NotFound):
        await released.revoke("chart", ADMINISTRATOR)


async def test_an_administrator_releases_and_revokes_on_the_page_and_nobody_else(api: ServedApi) -> None:
    async with stranger(api) as client:
        client.headers["Origin"] = api.url
        for scope, status in ((AccessScope.OPERATE, 403), (AccessScope.ADMIN, 200)):
            fields = {**await _form(client, "/sign-in"), "key": await api.key(scope)}
            assert (await client.post("/sign-in", data=fields)).status_code == 303
            assert (await client.get("/embeds?kind=chart&series=1")).status_code == status
            form = await _form(client, "/work")
            asked = {**form, "name": "load", "kind": "chart", "series": "1", "days": "7"}
            assert (await client.post("/embeds", data={**asked, "form": "x"})).status_code == 403
            answer = await client.post("/embeds", data=asked)
            assert answer.status_code == status
        address = re.findall(r'id="address">([^<]+)<', answer.text)[0]
        async with stranger(api) as other:
            assert (await other.get(address)).status_code == 200
        page = (await client.get("/embeds")).text
        assert address.rpartition("/")[2] not in page
        for wrong, said in (
            ({"kind": "x"}, "Shows: &#39;x&#39; is none of chart, value, freshness, status."),
            ({"series": "x"}, "Number of the series, for a chart or a value: &#39;x&#39; is no whole number."),
            ({"series": "99"}, "there is no series 99"),
            ({"name": HOSTILE}, "cannot name a picture"),
            ({"kind": "freshness", "item": "x"}, "Item, for freshness: unknown item"),
        ):
            refused = await client.post("/embeds", data={**asked, "days": "9", **wrong, "once": str(wrong)})
            assert (refused.status_code, "<img src=x" in refused.text) == (422, False), wrong
            assert (said in refused.text, 'value="9"' in refused.text) == (True, True), wrong
        assert "&#39;abc&#39; is no whole number" in (await client.get("/embeds?series=abc")).text
        gone = await client.post("/embeds/revoke", data={**await _form(client, "/embeds"), "name": "load"})
        assert gone.status_code == 303
        assert "is revoked" in (await client.get("/embeds")).text
        async with stranger(api) as other:
            assert (await other.get(address)).status_code == 404


async def test_a_picture_is_released_and_taken_back_over_the_api(api: ServedApi) -> None:
    body = {"name": "prices", "kind": "value", "series_id": 1}
    async with api.client(await api.key(AccessScope.ADMIN, name="chief")) as client, stranger(api) as other:
        made = await client.post("/embeds", json=body)
        assert (made.status_code, made.json()["created_by"]) == (201, "chief")
        address = made.json()["address"]
        assert address.startswith(f"{api.url}/embed/")
        assert "<svg" in (await other.get(address)).text
        assert (await client.post("/embeds", json=body)).status_code == 409
        for wrong in ({"kind": "x"}, {"series_id": None}, {"name": HOSTILE}, {"series_id": 0}, {"item": "x"}):
            assert (await client.post("/embeds", json=body | {"name": "other"} | wrong)).status_code == 422, wrong
        fresh = {"name": "fresh", "kind": "freshness", "item": "load_actual", "area": "NL"}
        assert (await client.post("/embeds", json=fresh)).json()["area"] == "NL"
        listed = (await client.get("/embeds")).json()["data"]
        assert {one["name"] for one in listed} == {"prices", "fresh"}
        assert "address" not in listed[0]
        assert (await client.delete("/embeds/prices")).json()["revoked_at"]
        assert (await client.delete("/embeds/prices")).status_code == 404
        assert (await other.get(address)).status_code == 404
    actions = [one.action for one in await api.access.audit(before=None, actor="chief", limit=50)]
    assert actions.count("release_view") == 8, "each once, those that were refused too"


async def test_the_status_page_is_off_until_the_owner_chooses_and_then_shows_that_alone(
    api: ServedApi, database_url: str
) -> None:
    async with stranger(api) as client:
        assert (await client.get("/status")).status_code == 404
    shows = "series:load_actual, series:load_actual/NL, job:kept, website:nothing, service:shop, maintenance"
    options: dict[str, Any] = {"web": {"port": 0, "status_shows": shows}}
    async with served_api(database_url, **options) as served, stranger(served) as client:
        page = await client.get("/status")
        assert page.status_code == 200
        assert "on time in 1 of 2 areas, the latest by 1 h 30 min" in page.text
        assert page.text.count("nothing is known") == 3
        assert page.text.count("<tr>") == 6
        assert "No maintenance is planned." in page.text
        for word in (HOSTILE, "img src", "alert", "Sign", "sandbox_", "FR", "<form", "<script"):
            assert word not in page.text, word
        assert page.headers["x-frame-options"] == "DENY"
        assert "set-cookie" not in page.headers
        assert (await client.get("/work")).status_code == 401


async def _form(client: httpx.AsyncClient, path: str) -> dict[str, str]:
    return dict(re.findall(r'name="(form)" value="([^"]+)"', (await client.get(path)).text))
