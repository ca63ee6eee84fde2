"""The streams of pages: one look for all viewers, what has changed alone, and their end with key, database or service."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from app.access.models import AccessScope
from app.db.embedded import EmbeddedServer
from tests.support.api_factory import ADMINISTRATOR, ServedApi, served_api
from tests.support.monitor_factory import keep_result, keep_websites
from tests.support.page_factory import keep_hostile_work

AFAR = {"X-Forwarded-For": "192.0.2.7"}


@pytest.fixture
async def api(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServedApi]:
    monkeypatch.setattr("app.web.pages.overview.views.FRESH_SECONDS", -1.0)
    monkeypatch.setattr("app.web.pages.live.viewers.SPACING", 0.05)
    monkeypatch.setattr("app.web.pages.live.viewers.TIMES_ITS_COST", 0)
    monkeypatch.setattr("app.web.pages.live.viewers.CHECK_SECONDS", 0.2)
    async with served_api(database_url) as served:
        yield served


@dataclass
class Stream:
    """A stream of a page as a browser reads it."""

    lines: AsyncIterator[str]
    status: int

    async def next(self, kind: str) -> str:
        """The data of the next message of this kind."""
        found: list[str] | None = None
        async with asyncio.timeout(30):
            async for line in self.lines:
                if line == f"event: {kind}":
                    found = []
                elif found is not None and line.startswith("data: "):
                    found.append(line.removeprefix("data: "))
                elif found is not None and not line:
                    return "\n".join(found)
        raise AssertionError(f"the stream ended without {kind}")

    async def parts(self) -> dict[str, str]:
        """The next parts by name, as far as the text of one goes to the next."""
        text = await self.next("parts")
        pieces = re.split(r'<\w+ id="([\w-]+)"[^>]* data-part="', text)
        return {"title": pieces[0]} | dict(zip(pieces[1::2], pieces[2::2], strict=True))

    async def shows(self, name: str, right: Callable[[str], bool]) -> None:
        """Return when a part is sent that is right."""
        found = await self.parts()
        while name not in found or not right(found[name]):
            found = await self.parts()

    async def ends(self) -> None:
        async with asyncio.timeout(30):
            async for _ in self.lines:
                pass


@asynccontextmanager
async def streaming(api: ServedApi, page: str, has: str = "", **headers: str) -> AsyncIterator[Stream]:
    async with (
        httpx.AsyncClient(base_url=api.url, headers=headers, timeout=60) as client,
        client.stream("GET", f"/live?page={quote(page)}&has={has}") as answer,
    ):
        yield Stream(answer.aiter_lines(), answer.status_code)


async def test_viewers_share_a_look_and_are_sent_what_has_changed(
    api: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.web.pages.live.viewers import LivePages

    looks: list[str] = []
    make = LivePages._made

    async def counted(self: LivePages, asked: Any, scope: Any) -> Any:
        looks.append(asked.path)
        return await make(self, asked, scope)

    monkeypatch.setattr(LivePages, "_made", counted)
    async with streaming(api, "/?state=bad") as first:
        whole = await first.parts()
        assert {"verdict", "tiles", "matrix", "area-table"} <= whole.keys()
        async with streaming(api, "/?state=bad") as second, streaming(api, "/work") as other:
            assert await second.parts() == whole
            assert {"run-table"} <= (await other.parts()).keys()
            before = looks.count("/")
            await keep_hostile_work(api)
            changed = await first.parts()
            assert "fires" in changed["title"]
            assert "area-table" not in changed
            assert (await second.parts()).keys() == changed.keys()
            assert looks.count("/") - before <= 4
    async with httpx.AsyncClient(base_url=api.url) as client:
        text = (await client.get("/work")).text
        digest = text.partition('id="run-table" data-part="')[2][:12]
        assert (await client.get("/live?page=//elsewhere")).status_code == 422
        assert (await client.get("/live?page=/work", headers={"Host": "evil.example"})).status_code == 421
    async with streaming(api, "/work", f"run-table:{digest}") as late:
        assert "run-table" not in await late.parts()


async def test_a_stream_ends_with_its_key_and_tells_why(api: ServedApi) -> None:
    key = await api.key(AccessScope.OPERATE, name="viewer")
    limited = await api.key(name="limited", items=("load_actual",))
    signed = {"Authorization": f"Bearer {key}", **AFAR}
    async with streaming(api, "/alerts", **signed) as mine, streaming(api, "/") as nobody:
        assert "sign in to read" in await nobody.next("ended")
        await mine.next("parts")
        await api.access.revoke("viewer", ADMINISTRATOR)
        assert "is revoked" in await mine.next("ended")
        await mine.ends()
    async with streaming(api, "/", Authorization=f"Bearer {limited}") as refused:
        assert "some areas and items only" in await refused.next("ended")


async def test_a_stream_says_that_the_database_is_gone_goes_on_with_it_and_ends_with_the_service(
    api: ServedApi, postgres_server: EmbeddedServer
) -> None:
    name = api.container.database().address.name.rpartition("/")[2]
    async with streaming(api, "/work") as stream:
        await stream.next("parts")
        with psycopg.connect(postgres_server.url, autocommit=True) as other:
            try:
                other.execute(f'alter database "{name}" allow_connections false')
                other.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
                assert "database" in await stream.next("trouble")
            finally:
                other.execute(f'alter database "{name}" allow_connections true')
        await stream.next("parts")
        await api.container.storage().notices().close()
        await stream.ends()


async def test_monitors_change_with_their_events_and_a_website_with_its_results(api: ServedApi) -> None:
    """No part of these pages is made anew by the clock in the time of a test."""
    numbers = await keep_websites(api)
    number = numbers["up"]
    websites = api.container.probes().websites()
    async with (
        streaming(api, f"/monitors/websites/{number}") as one,
        streaming(api, f"/monitors/websites/{numbers['moved']}") as another,
        streaming(api, "/monitors") as all_of_them,
    ):
        await one.parts()
        await another.parts()
        await all_of_them.parts()
        await keep_result(api, number, "timeout")
        await one.shows("results-table", lambda text: ">timeout<" in text)
        await websites.enable(number, enabled=False)
        await one.shows("standing", lambda text: "paused" in text)
        await all_of_them.shows(f"website-{number}", lambda text: "paused" in text)
        [plan] = await api.container.probes().maintenance().plans()
        await api.container.probes().maintenance().remove(plan.plan_id)
        await another.shows("standing", lambda text: "Maintenance “" not in text)


async def test_whoever_comes_with_a_newer_page_is_not_sent_the_one_before(api: ServedApi) -> None:
    """As after a form: the page that follows is newer than the last look for the window that has just been left."""
    number = (await keep_websites(api))["up"]
    path = f"/monitors/websites/{number}"
    async with streaming(api, path) as left, httpx.AsyncClient(base_url=api.url) as client:
        await left.parts()
        async with api.container.database().connection() as connection:
            await connection.execute("update website_states set checked_at = '2026-01-01T12:00Z'")
        text = (await client.get(path)).text
        digests = re.findall(r'id="([\w-]+)"[^>]* data-part="(\w+)"', text)
        async with streaming(api, path, ",".join(f"{name}:{digest}" for name, digest in digests)) as come:
            assert "standing" not in await come.parts()
        await left.shows("standing", lambda text: "2026-01-01" in text)
