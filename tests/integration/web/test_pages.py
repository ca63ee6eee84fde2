"""The pages on a real server and a real database, as a browser without scripts gets them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from html import escape, unescape
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from app.access.models import AccessScope
from app.db.embedded import EmbeddedServer
from tests.support.api_factory import ServedApi, served_api
from tests.support.page_factory import HOSTILE, keep_forecast, keep_hostile_work, keep_lateness, keep_series

PAGES = ["/", "/data", "/data/1", "/alerts", "/work"]
AFAR = {"X-Forwarded-For": "192.0.2.7"}
"""Of a request that comes from elsewhere: no proxy is trusted."""


@pytest.fixture
async def api(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServedApi]:
    monkeypatch.setattr("app.web.pages.overview.views.FRESH_SECONDS", -1.0)
    async with served_api(database_url, instance=HOSTILE) as served:
        await keep_series(served)
        yield served


def browser(api: ServedApi, **options: Any) -> httpx.AsyncClient:
    """Patient, because the machine may be busy."""
    return httpx.AsyncClient(base_url=api.url, timeout=60, **options)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_lets_the_browser_load_what_is_ours_and_nothing_else(api: ServedApi, path: str) -> None:
    async with browser(api) as client:
        page = await client.get(path)
        head = await client.head(path)
        assert (page.status_code, head.status_code, head.content) == (200, 200, b"")
        policy = page.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'")
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert "SYNTHETIC" in page.text
        assert HOSTILE not in page.text
        assert escape(HOSTILE) in page.text.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")
        loaded = re.findall(r'(?:src|href)="([^"]*static/[^"]*)"', page.text)
        assert len(loaded) >= 4
        for link in loaded:
            asset = await client.get(link)
            assert asset.status_code == 200, link
            assert "immutable" in asset.headers["cache-control"]
        body = await client.get(loaded[1], headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in body.headers


async def test_the_overview_tells_what_is_late_first_and_narrows_by_its_address(api: ServedApi) -> None:
    fr, nl = "10YFR-RTE------C", "10YNL----------L"
    await keep_lateness(api, ("load_actual", fr, 0), ("load_actual", nl, 90), (HOSTILE, HOSTILE, 5))
    async with browser(api) as client:
        page = (await client.get("/")).text
        assert "2 of 3 pairs of item and area are late; no alert fires." in page
        assert page.index('<th scope="row"><a href="data?area=NL">') < page.index(">FR</a></th>")
        assert "<img src=x" not in page
        matrix = (await client.get("/", params={"area": "FR", "item": "load_actual", "state": ""})).text
        assert ">NL</a>" not in matrix
        assert "due in" in matrix or "late" in matrix
        assert "There is no area &#39;XX&#39;." in (await client.get("/", params={"area": "XX"})).text
        wrong = await client.get("/?are=FR")
        assert (wrong.status_code, "did you mean area?" in wrong.text) == (422, True)


async def test_who_asks_from_elsewhere_is_told_how_to_get_in(api: ServedApi) -> None:
    token = await api.key(AccessScope.READ)
    limited = await api.key(AccessScope.READ, name="limited", items=("load_actual",))
    async with browser(api, headers=AFAR) as client:
        first = await client.get("/")
        assert (first.status_code, "<h1>Sign in</h1>" in first.text) == (401, True)
        assert "Authorization" not in first.text
        shown = await client.get("/", auth=("any", token))
        assert "Parts of the service" in shown.text
        assert "without signing in" not in shown.text
        assert (await client.get("/", auth=("any", limited))).status_code == 403
        assert (await client.get("/", headers={"Host": "evil.example"}, auth=("any", token))).status_code == 421
        assert (await client.get("/static/style.css")).status_code == 404
        assert (await client.get("/static/../../pyproject.toml")).status_code == 404


async def test_the_map_shows_every_zone_by_what_the_address_chooses(api: ServedApi) -> None:
    await keep_lateness(api, ("load_actual", "10YFR-RTE------C", 90))
    async with api.container.database().connection() as connection:
        await connection.execute(
            "insert into gaps (item, area, gap_start, gap_end, resolution, missing, reason, since, found_at) "
            "values ('load_actual', '10YFR-RTE------C', now() - interval '1 hour', now(), 5, 4, 'ours', now(), now())"
        )
        await connection.execute(
            "insert into quality_scores (series_id, day_start, day, overall, weights, scored_at) "
            "select 1, now() - day, (now() - day)::date, score, array[1, 1, 1, 1], now() from unnest("
            "array[interval '1 day', interval '2 days', interval '-2 days'], array[85, 80, 10]) as scored (day, score)"
        )
    async with browser(api) as client:
        page = (await client.get("/?map=load&day=2026-01-13&hour=12&area=FR")).text
        assert re.search(r"France: 49\u202f858 MW, without weeks before", page)
        assert '<option value="load" selected>' in page
        assert page.count('<a class="zone ') > 40
        assert page.count('type="hidden" name="area" value="FR"') == 1
        assert "France: load_actual is late by 90 min" in (await client.get("/?map=freshness")).text
        assert "France: 4 values missing in 1 gap" in (await client.get("/?map=gaps")).text
        assert "France: nothing is known" in (await client.get("/?map=price")).text
        assert "France: mean score 85.0 of 1 series" in (await client.get("/?map=quality")).text
        assert "There is no map by &#39;prices&#39;" in (await client.get("/?map=prices")).text
        wrong = await client.get("/?hour=99&day=31.2.2026&lang=de")
        assert (wrong.status_code, wrong.text.count(" ist kein"), wrong.text.count("keine Stunde")) == (422, 2, 1)


async def test_people_are_shown_a_page_and_programs_json_where_there_is_nothing(api: ServedApi) -> None:
    people = {"Accept": "text/html,*/*;q=0.8"}
    async with browser(api) as client:
        for path in ("/jobs", "/websites", "/health/nothing"):
            lost = await client.get(path, headers=people)
            assert (lost.status_code, "There is nothing here" in lost.text, "csp" in lost.text) == (404, True, False)
            assert lost.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        # What a form is sent to is no page: who reloads it is led back, and nothing is done.
        for path, above in (
            ("/monitors/websites", "../monitors"),
            ("/work/jobs/gaps/run", "../../../work"),
            ("/sign-out", "./"),
        ):
            back = await client.get(path, headers=people)
            assert (back.status_code, back.headers["allow"]) == (405, "POST")
            assert "Nothing was done" in back.text
            assert f'href="{above}">Back to the page' in back.text or above == "./"
        assert (await client.get("/jobs")).json()["status"] == 404
        assert (await client.get("/api/nothing", headers=people)).headers["content-type"] == "application/problem+json"
        icon = await client.get("/favicon.ico")
        assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")
    async with browser(api, follow_redirects=True) as client:
        for path in ("/api", "/api/v1", "/api/v1/"):
            assert (await client.get(path, headers=people)).url.path == "/api/docs"
            assert "openapi" in (await client.get(path)).json()


async def test_an_open_page_says_how_to_protect_it_until_a_key_exists(api: ServedApi) -> None:
    async with browser(api) as client:
        assert "gridkeeper api keys create" in (await client.get("/")).text
        api.container.access().service()._open_until = 0.0
        await api.key()
        assert "<h1>Sign in</h1>" in (await client.get("/")).text


async def test_a_page_without_a_database_says_so_and_recovers(api: ServedApi, postgres_server: EmbeddedServer) -> None:
    name = api.container.database().address.name.rpartition("/")[2]
    async with browser(api) as client:
        await client.get("/")
        with psycopg.connect(postgres_server.url, autocommit=True) as other:
            try:
                other.execute(f'alter database "{name}" allow_connections false')
                other.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
                page = await client.get("/?area=FR")
            finally:
                other.execute(f'alter database "{name}" allow_connections true')
        assert (page.status_code, page.headers["refresh"]) == (503, "5")
        assert "The database does not answer" in page.text
        assert (await client.get("/?area=FR")).status_code == 200


async def test_the_catalogue_finds_series_by_words_and_names(api: ServedApi) -> None:
    async with browser(api) as client:
        for query in ("", "?q=load+france", "?area=FR", "?item=load_actual", "?area=FR&item=load_actual&q="):
            found = (await client.get(f"/data{query}")).text
            assert '<a href="data/1">load actual</a>' in found, query
        for query in ("?q=price", "?q=<script>", "?area=DE_LU"):
            assert "No series is like that" in (await client.get(f"/data{query}")).text
        wrong = await client.get("/data?area=FRR")
        assert (wrong.status_code, 'name="area" value="FRR"' in wrong.text) == (422, True)
        assert "Area: unknown area &#39;FRR&#39;" in wrong.text
        assert (await client.get("/data/99")).status_code == 404
        assert (await client.get("/data/x")).status_code == 404
        limited = await api.key(name="limited", items=("price_day_ahead",))
        assert (await client.get("/data/1", auth=("any", limited))).status_code == 404


async def test_the_lines_of_a_series_give_what_its_table_shows(api: ServedApi) -> None:
    before = (await keep_series(api)).isoformat()
    for query in ("from=2026-01-11&to=2026-01-12T06:00Z", f"from=2026-01-11&to=2026-01-12T06:00Z&as_of={before[:19]}Z"):
        async with browser(api) as client:
            text = unescape((await client.get(f"/data/1?{query}")).text)
        table = [
            float(value.replace("\N{NARROW NO-BREAK SPACE}", ""))
            for value in re.findall(r'PT15M</td><td class="right">([^<]+)<', text)
        ][::-1]
        lines = dict(re.findall(r"<h3[^>]*>(\w+)</h3>.*?<code[^>]*>(.*?)</code>", text, re.DOTALL))
        assert len(table) > 90
        assert "as_of" not in query or re.search(r"Newest value as of then</dt><dd>[0-9]", text)
        async with api.container.database().connection() as connection:
            rows = await connection.fetch(lines["SQL"])
        async with httpx.AsyncClient() as anyone:
            answer = await anyone.get(lines["curl"].partition("'")[2].rstrip("'"))
        frame = await asyncio.to_thread(_run, lines["pandas"])
        polars = await asyncio.to_thread(_run, lines["polars"])
        assert polars["value"].to_list() == frame["value"].tolist()
        assert [round(row["value"], 3) for row in rows] == pytest.approx(table, rel=1e-5)
        assert [float(line.split(",")[2]) for line in answer.text.splitlines()[1:]] == [row["value"] for row in rows]
        assert frame["value"].tolist() == [row["value"] for row in rows]


async def test_several_series_are_in_the_address_and_in_the_lines(api: ServedApi) -> None:
    number = await keep_forecast(api)
    limited = await api.key(name="limited", items=("load_actual",))
    spans = "from=2026-01-11&to=2026-01-12"
    async with browser(api) as client:
        key: Any = {"auth": ("any", limited)}
        assert (await client.get(f"/data/1?with={number}", **key)).status_code == 404
        assert (await client.get("/data/1?add=load+forecast", **key)).status_code == 422
        signed: Any = {"auth": ("any", await api.key())}
        for words in ("forecast", "load_forecast france", str(number)):
            added = await client.get("/data/1", params={"from": "2026-01-11", "add": words}, **signed)
            assert (added.status_code, added.headers["location"]) == (303, f"../data/1?from=2026-01-11&with={number}")
        nothing = await client.get("/data/1?add=price&from=2026-01-11", **signed)
        assert (nothing.status_code, 'name="add" value="price"' in nothing.text) == (422, True)
        assert "no other series is like" in nothing.text
        for wrong in ("x", "1,2,3,4,5,6,7,8,9", str(2**40)):
            assert (await client.get(f"/data/1?with={wrong}", **signed)).status_code == 422
        text = unescape((await client.get(f"/data/1?{spans}&with={number}", **signed)).text)
        lines = dict(re.findall(r"<h3[^>]*>(\w+)</h3>.*?<code[^>]*>(.*?)</code>", text, re.DOTALL))
        address = lines["curl"].partition("'")[2].rstrip("'")
        answer = (await client.get(address, **signed)).text.splitlines()[1:]
        async with api.container.database().connection() as connection:
            rows = await connection.fetch(lines["SQL"])
        assert sorted(float(line.split(",")[2]) for line in answer) == sorted(row["value"] for row in rows)
        assert len(rows) == 2 * 96 - 20
        value = await client.get("/data/1/revisions?at=2026-01-10T00:15Z&days=1", **signed)
        assert "+500" in value.text
        assert "Nothing was ever known" in (await client.get("/data/1/revisions?at=2020-01-01", **signed)).text
        assert "has to be named, too: instant" in (await client.get("/data/1/revisions", **signed)).text
        assert "There is no series &#39;abc&#39;" in (await client.get("/data/abc", **signed)).text


def _run(code: str) -> Any:
    names: dict[str, Any] = {}
    exec(code, names)  # the lines that the page offers
    return names["values"]


async def test_longer_units_are_shown_and_shorter_ones_are_refused(api: ServedApi) -> None:
    async with browser(api) as client:
        page = await client.get("/data/1?from=2026-01-10&to=2026-01-14&resolution=PT60M")
        assert page.text.count("<td>PT60M</td>") > 80
        assert ">SQL</h3>" not in page.text
        for wrong in ("from=2026-01-10&to=2026-01-14&resolution=PT5M", "resolution=foo", "as_of=foo", "from=foo"):
            answer = await client.get(f"/data/1?{wrong}")
            assert answer.status_code == 422, wrong
            assert "foo" not in wrong or 'value="foo"' in answer.text or "&#39;FOO&#39;" in answer.text, wrong
        text = (await client.get("/data/1?as_of=2026-01-11T00:00Z")).text
        assert "Newest value as of then</dt><dd>none" in text, "nothing was known yet"


async def test_hostile_texts_are_shown_as_texts(api: ServedApi) -> None:
    await keep_hostile_work(api)
    async with browser(api) as client:
        for path in (
            "/",
            "/alerts",
            f"/alerts?rule={quote(HOSTILE)}&label={quote(HOSTILE)}&group=area",
            "/alerts/1",
            f"/alerts/history?rule={quote(HOSTILE)}",
            "/alerts/silences",
            f"/work?job={quote(HOSTILE)}",
            f"/data?q={quote(HOSTILE)}",
        ):
            page = await client.get(path)
            assert page.status_code == 200, path
            assert "<img src=x" not in page.text, path
            assert "49" not in re.findall(r"{{.*?}}", page.text), path
        assert (await client.get("/alerts")).text.count("&lt;img src=x") >= 6
        alert = (await client.get("/alerts/1")).text
        assert alert.count("&lt;img src=x") >= 6
        assert "gridkeeper alerts ack" in alert


async def test_a_key_signs_in_is_kept_by_a_careful_cookie_and_is_gone_after_signing_out(api: ServedApi) -> None:
    token = await api.key()
    async with browser(api, headers=AFAR) as client:
        form = await _form(client, "/sign-in")
        assert (await client.post("/sign-in", data={**form, "key": token})).status_code == 403, "no Origin"
        foreign = {"Origin": "https://evil.example"}
        assert (await client.post("/sign-in", data={**form, "key": token}, headers=foreign)).status_code == 403
        own = {"Origin": api.url}
        assert (await client.post("/sign-in", data={"form": "x", "key": token}, headers=own)).status_code == 403
        wrong = await client.post("/sign-in", data={**form, "key": "gk_<b>"}, headers=own)
        assert (wrong.status_code, "<b>" in wrong.text, "Authorization" in wrong.text) == (401, False, False)
        assert (await client.post("/sign-in", content=b"x" * 20_000, headers=own)).status_code == 413
        entered = await client.post("/sign-in", data={**form, "key": token}, headers=own)
        assert (entered.status_code, entered.headers["location"]) == (303, "./")
        cookie = entered.headers["set-cookie"]
        assert token not in cookie
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "Sign out" in (await client.get("/")).text
        assert (await client.get("/api/v1/areas")).status_code == 200
        assert (await client.post("/api/v1/jobs/x/run")).status_code == 401
        assert (await client.get("/work")).status_code == 200
        left = await client.post("/sign-out", data=await _form(client, "/"), headers=own)
        assert left.status_code == 303
        assert (await client.get("/work")).status_code == 401


async def test_over_tls_the_cookie_is_bound_to_it(database_url: str) -> None:
    async with served_api(database_url, web={"port": 0, "base_url": "https://localhost"}) as served:
        token = await served.key()
        async with browser(served, headers=AFAR) as client:
            form = await client.get("/sign-in")
            cookie = form.headers["set-cookie"].partition(";")[0]
            fields = dict(re.findall(r'name="(form)" value="([^"]+)"', form.text))
            headers = {"Origin": served.url, "Cookie": cookie}
            entered = await client.post("/sign-in", data={**fields, "key": token}, headers=headers)
        assert cookie.startswith("__Host-gridkeeper-form-")
        assert entered.headers["set-cookie"].startswith("__Host-gridkeeper-session-")
        assert "Secure" in entered.headers["set-cookie"]


async def _form(client: httpx.AsyncClient, path: str) -> dict[str, str]:
    return dict(re.findall(r'name="(form)" value="([^"]+)"', (await client.get(path)).text))


async def test_pages_speak_the_language_of_the_address_the_cookie_or_the_browser(api: ServedApi) -> None:
    await keep_lateness(api, ("load_actual", "10YFR-RTE------C", 90))
    async with browser(api, headers={"Accept-Language": "de-DE,de;q=0.9"}) as client:
        page = await client.get("/?map=load&day=2026-01-13&hour=12&area=FR")
        assert '<html lang="de">' in page.text
        assert "1 von 1 Paaren aus Datenart und Gebiet ist verspätet" in page.text
        assert "13.01.2026 12:00 MEZ" in page.text
        assert re.search(r"49,9\u202f?GW|49,9 GW", page.text)
        assert "set-cookie" not in page.headers or "language" not in page.headers["set-cookie"]
        assert 'href="?map=load&amp;day=2026-01-13&amp;hour=12&amp;area=FR&amp;lang=zh"' in page.text
        chosen = await client.get("/?area=FR&lang=zh")
        assert '<html lang="zh-Hans">' in chosen.text
        assert "延迟" in chosen.text
        assert '<html lang="zh-Hans">' in (await client.get("/alerts")).text, "the cookie is stronger than the browser"
        lost = await client.get("/alerts/99999")
        assert (lost.status_code, "此处没有内容" in lost.text) == (404, True)
        wrong = await client.get("/?lang=fr")
        assert wrong.status_code == 422
        assert "en, de, zh" in wrong.text
