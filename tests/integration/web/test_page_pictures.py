"""What the pages look like: in light, in dark and on a phone, compared with kept pictures within a tolerance.

`make pictures` keeps them anew. Where text is drawn with other fonts nothing can be compared, and the test says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.support.api_factory import ServedApi, served_api
from tests.support.browser import chromium, need_browser, visiting
from tests.support.interface_factory import keep_service, keep_suite
from tests.support.monitor_factory import keep_websites
from tests.support.page_factory import keep_lateness, keep_series
from tests.support.picture_book import PictureBook

pytestmark = [pytest.mark.xdist_group("browser")]

PAGES = {
    "overview": "/?map=freshness",
    "series": "/data/1?from=2026-01-10&to=2026-01-14",
    "coverage": "/coverage?from=2025-12&to=2026-02",
    "sign-in": "/sign-in",
}
MONITORS = {"monitors": "/monitors", "service": "/monitors/services/shop"}
"""Of websites and a service that are there after the pictures of the others have been taken."""
LOOKS = {"light": (1280, False), "dark": (1280, True), "phone": (360, False)}
# Instants and what follows from them are other ones each time.
# Head and foot are the same on each page; the head changes with each page that there is more, the foot when a stream begins.
STILL = """() => {
  for (const one of document.querySelectorAll("header.top, .banner, footer")) one.remove();
  for (const one of document.querySelectorAll("time")) one.textContent = "2026-01-10 12:00 CET";
  for (const one of document.querySelectorAll("#known, input[name=day], input[name=hour]")) one.style.visibility = "hidden";
}"""

# What a stream brings meanwhile would have its own instants.
NO_STREAM = "window.EventSource = class { addEventListener() {} close() {} };"


@pytest.fixture
async def api(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServedApi]:
    monkeypatch.setattr("app.web.pages.overview.views.FRESH_SECONDS", -1.0)
    async with served_api(database_url, instance="pictures") as served:
        await keep_series(served)
        for item, area, late in (
            ("load_actual", "10YFR-RTE------C", 0),
            ("load_actual", "10YNL----------L", 20),
            ("price_day_ahead", "10YFR-RTE------C", 0),
            ("flow_physical", "10YFR-RTE------C>10YBE----------2", 200),
        ):
            await keep_lateness(served, (item, area, late))
        yield served


async def _shown(page: Page, address: str, path: str) -> bytes:
    await page.goto(f"{address}{path}")
    if path.startswith("/data/"):
        await page.locator("#chart[data-state=complete]").wait_for()
    await page.evaluate(STILL)
    return await page.screenshot()


@pytest.mark.long
async def test_pages_look_as_they_did(api: ServedApi, tmp_path: Path) -> None:
    need_browser()
    async with chromium() as browser:
        book = await PictureBook.opened(browser, tmp_path / "pictures")
        if other := await book.other_fonts():
            pytest.skip(f"this machine draws text with other fonts than the one of the kept pictures ({other})")
        found = await _differences(browser, book, api, PAGES)
        await keep_websites(api)
        service, _ = await keep_service(api)
        await keep_suite(api, service)
        found += await _differences(browser, book, api, MONITORS)
        assert [one for one in found if one] == []


async def _differences(browser: Browser, book: PictureBook, api: ServedApi, pages: Mapping[str, str]) -> list[str]:
    found = []
    for look, (width, dark) in LOOKS.items():
        async with visiting(browser, width=width, dark=dark) as visit:
            await visit.page.add_init_script(NO_STREAM)
            for name, path in pages.items():
                found.append(await book.difference(f"{name}-{look}", await _shown(visit.page, api.url, path)))
    return found
