"""Every page and every form of the pages: whom it lets in, what it takes, and what stands in its answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
import pytest
from fastapi.routing import APIRoute

from app.access.models import AccessScope
from app.web.dependencies import BEARER
from app.web.pages.application import MODULES
from tests.support.api_factory import ServedApi, served_api, some_path
from tests.support.interface_factory import keep_service
from tests.support.monitor_factory import keep_websites
from tests.support.page_factory import HOSTILE, keep_finding, keep_hostile_work, keep_lateness, keep_series
from tests.support.page_person import AFAR, page_person

CAREFUL = ("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy", "x-request-id")
FOREIGN = ("https://evil.example", "null", "http://127.0.0.1:1", "")


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    async with served_api(database_url, instance=HOSTILE) as served:
        yield served


def routes_of(method: str) -> list[tuple[APIRoute, AccessScope | None, bool]]:
    """Each route with the scope that it takes, None where it takes nothing, and whether limited keys may come."""
    found = []
    for route in (one for module in MODULES for one in module.router.routes):
        assert isinstance(route, APIRoute)
        declared = route.openapi_extra or {}
        scope = AccessScope(declared["security"][0][BEARER][0]) if declared["security"] else None
        if method in (route.methods or ()):
            found.append((route, scope, bool(declared.get("x-limited-keys"))))
    return found


def path_of(route: APIRoute) -> str:
    return some_path(re.sub(r":\w+\}", "}", route.path))


async def test_every_page_lets_in_whom_it_says_and_its_stream_nobody_else(api: ServedApi) -> None:
    narrow = await api.key(AccessScope.READ, items=("price_day_ahead",))
    reader = await api.key(AccessScope.READ)
    pages = [one for one in routes_of("GET") if one[1] is not None]
    assert len(pages) > 30
    async with httpx.AsyncClient(base_url=api.url, headers=AFAR, timeout=60) as client:
        for route, scope, limited in pages:
            path = path_of(route)
            nobody = await client.get(path)
            assert nobody.status_code == 401, path
            assert "<h1>Sign in</h1>" in nobody.text, path
            assert [name for name in CAREFUL if name not in nobody.headers] == [], path
            # What a key may not see at all is refused before anything else is looked at.
            for key, refused in (
                (narrow, not limited or scope is not AccessScope.READ),
                (reader, scope is not AccessScope.READ),
            ):
                answer = await client.get(path, auth=("any", key))
                assert (answer.status_code == 403) is refused, (path, answer.status_code)
                assert answer.headers["cache-control"] == "no-store", path
        for path in (path_of(route) for route, _, limited in pages if not limited):
            told = await _first_words(client, f"/live?page={quote(path)}", narrow)
            assert "event: ended" in told, path
            assert "event: parts" not in told, path


async def _first_words(client: httpx.AsyncClient, path: str, key: str) -> str:
    """A stream up to its first event."""
    told = ""
    async with asyncio.timeout(60), client.stream("GET", path, auth=("any", key)) as answer:
        async for text in answer.aiter_text():
            told += text
            if "event:" in told and told.endswith("\n\n"):
                break
    return told


async def test_every_form_needs_its_token_its_origin_and_its_scope(api: ServedApi) -> None:
    forms = [(path_of(route), scope) for route, scope, _ in routes_of("POST")]
    assert len(forms) > 30
    async with page_person(api, AccessScope.ADMIN) as admin, page_person(api, AccessScope.ADMIN) as other:
        token, others = await admin.hidden("/work"), await other.hidden("/work")
        key = await api.key(AccessScope.ADMIN)
        async with httpx.AsyncClient(base_url=api.url, headers=AFAR) as program:
            for path, _ in forms:
                answer = await admin.send_again(path, others)
                # Who is signed in already is led on, and nothing is done.
                assert answer.status_code == (303 if path == "/sign-in" else 403), path
                assert (await admin.send_from(FOREIGN[0], path, token)).status_code == 403, path
                assert (await program.post(path, auth=("any", key))).status_code == 403, "no program sends forms"
        path, _ = forms[0]
        for fields in ({}, {"form": "0" * 64}):
            assert (await admin.send_again(path, fields)).status_code == 403, fields
        for origin in FOREIGN:
            assert (await admin.send_from(origin, path, token)).status_code == 403, origin
    async with page_person(api, AccessScope.READ) as reader:
        token = await reader.hidden("/work")
        for path, scope in forms:
            if scope in {AccessScope.OPERATE, AccessScope.ADMIN}:
                assert (await reader.send_again(path, token)).status_code == 403, path
    async with api.container.database().connection() as connection:
        done = await connection.fetch("select action, status from api_audit where status between 200 and 399")
    assert [row for row in done if row["action"] not in {"add_key", "create_key"}] == []


async def test_no_page_takes_a_stored_text_for_markup(api: ServedApi) -> None:
    fr = "10YFR-RTE------C"
    await keep_series(api)
    await keep_lateness(api, ("load_actual", fr, 20), (HOSTILE, HOSTILE, 5))
    await keep_finding(api, datetime.now(UTC) - timedelta(days=1))
    await keep_hostile_work(api)
    await keep_websites(api)
    await keep_service(api)
    named = {"rule": HOSTILE, "job": HOSTILE, "name": "shop", "channel": HOSTILE}
    shown = 0
    async with page_person(api, AccessScope.ADMIN) as admin:
        for route, _, _ in routes_of("GET"):
            path = re.sub(r"\{(\w+)[^}]*\}", lambda match: quote(named.get(match[1], "1"), safe=""), route.path)
            if path == "/live":
                continue
            for address in (path, f"{path}?q={quote(HOSTILE)}&area={quote(HOSTILE)}&next={quote(HOSTILE)}"):
                answer = await admin.get(address)
                assert answer.status_code < 500, address
                assert "<img src=x" not in answer.text, address
                assert "&{49}" not in answer.text.replace("&#39;&#34;&amp;49", "&{49}"), address
                shown += "&lt;img src=x" in answer.text
    assert shown > 40, "the texts are there"
