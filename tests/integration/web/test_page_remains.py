"""On a German page nothing of ours is left in English; what stays so is marked, or somebody's own."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import httpx

from tests.integration.web.test_pages_browser import PAGES
from tests.support.api_factory import served_api
from tests.support.interface_factory import keep_service
from tests.support.monitor_factory import keep_websites
from tests.support.page_factory import keep_finding, keep_hostile_work, keep_lateness, keep_series

ENGLISH = re.compile(r"\b(?:the|of|is|are|and|with|for|has|have|this|that|which|not|no|by|be|every|ago|more)\b")
"""Words that German does not have."""
LEFT: set[str] = set()
"""What stays English all the same; the list is short, and only becomes shorter."""
EMPTY_ELEMENTS = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
OWN = {"code", "pre", "script", "style"}
SHOWN = ("title", "aria-label", "alt")


class RemainsParser(HTMLParser):
    """Texts of a page that are in English and not marked so."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        other = tag in OWN or (tag != "html" and given.get("lang") == "en") or bool(self._open and self._open[-1][1])
        if not other:
            for name in SHOWN:
                self._note(given.get(name) or "")
        if tag not in EMPTY_ELEMENTS:
            self._open.append((tag, other))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and not self._open[-1][1]:
            self._note(data)

    def _note(self, text: str) -> None:
        if ENGLISH.search(text):
            self.found.append(" ".join(text.split()))


def remains(page: str) -> list[str]:
    parser = RemainsParser()
    parser.feed(page)
    return parser.found


def test_what_remains_is_found() -> None:
    assert remains('<p title="Age of it">Alter <b>every day<br></b><i lang="en">of</i><code>is</code></p>') == [
        "Age of it",
        "every day",
    ]


async def test_a_german_page_is_german(database_url: str) -> None:
    async with served_api(
        database_url, instance="grid-1", web={"port": 0, "status_shows": "series:load_actual,job:kept"}
    ) as served:
        fr, nl = "10YFR-RTE------C", "10YNL----------L"
        await keep_lateness(
            served, ("load_actual", fr, 0), ("load_actual", nl, 20), ("flow_physical", f"{fr}>{nl}", 200)
        )
        await keep_series(served)
        await keep_finding(served, datetime.now(UTC) - timedelta(days=1))
        await keep_hostile_work(served)
        await keep_websites(served)
        await keep_service(served)
        async with httpx.AsyncClient(base_url=served.url, headers={"Accept-Language": "de"}, timeout=30) as client:
            found = {path: remains((await client.get(path)).text) for path in [*PAGES, "/nothing", "/alerts/9999"]}
    assert {path: left for path, texts in found.items() if (left := sorted(set(texts) - LEFT))} == {}
