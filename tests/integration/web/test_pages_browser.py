"""The pages in a real browser: what axe finds, what the policy refuses, with a keyboard, on a phone, without scripts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.support.api_factory import ServedApi, served_api
from tests.support.browser import REQUIRED, chromium, installed_browser, visiting
from tests.support.page_factory import HOSTILE, keep_lateness
from tests.support.timescale_server import TierUnavailable

pytestmark = [pytest.mark.xdist_group("browser")]

PAGES = ["/"]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    try:
        installed_browser()
    except TierUnavailable as error:
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))
    async with chromium() as running:
        yield running


@pytest.fixture
async def api(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServedApi]:
    monkeypatch.setattr("app.web.pages.overview.FRESH_SECONDS", -1.0)
    async with served_api(database_url, instance=HOSTILE) as served:
        fr, nl = "10YFR-RTE------C", "10YNL----------L"
        await keep_lateness(
            served,
            ("load_actual", fr, 0),
            ("load_actual", nl, 20),
            ("flow_physical", f"{fr}>{nl}", 200),
            (HOSTILE, HOSTILE, 5),
        )
        yield served


async def test_pages_are_accessible_obey_their_policy_and_fit_every_window(browser: Browser, api: ServedApi) -> None:
    for options in ({}, {"dark": True}, {"width": 360}):
        chosen: dict[str, Any] = options
        async with visiting(browser, **chosen) as visit:
            for path in PAGES:
                await visit.page.goto(f"{api.url}{path}", wait_until="networkidle")
                assert await visit.violations() == [], (path, options)
                assert await visit.overflow() <= 0, (path, options)
                assert visit.wrong == [], (path, options)


async def test_a_keyboard_alone_gets_to_the_content_and_switches_theme_and_zone(
    browser: Browser, api: ServedApi
) -> None:
    async with visiting(browser) as visit:
        page = visit.page
        await page.goto(api.url)
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "content"
        times = await page.locator("footer time").inner_text()
        for button, label in (("theme-switch", "Theme: light"), ("zone-switch", "Times: mine")):
            await page.focus(f"#{button}")
            await page.keyboard.press("Enter")
            assert await page.locator(f"#{button}").inner_text() == label
        assert await page.evaluate("document.documentElement.dataset.theme") == "light"
        assert await page.locator("footer time").inner_text() != times or "UTC" in times
        await page.reload()
        assert await page.locator("#theme-switch").inner_text() == "Theme: light"
        assert visit.wrong == []


async def test_the_overview_is_whole_without_scripts(browser: Browser, api: ServedApi) -> None:
    async with visiting(browser, scripts=False) as visit:
        page = visit.page
        await page.goto(api.url)
        assert "3 of 4 pairs of item and area are late" in await page.locator("h1").inner_text()
        assert not await page.locator(".switches").is_visible()
        await page.select_option("select[name=area]", "FR")
        await page.get_by_role("button", name="Show").click()
        assert "area=FR" in page.url
        assert await page.locator("#matrix tbody tr").count() == 1


async def test_an_open_overview_keeps_itself_up_to_date_and_says_when_it_cannot(
    browser: Browser, api: ServedApi
) -> None:
    async with visiting(browser) as visit:
        page = visit.page
        await page.clock.install()
        await page.goto(api.url)
        await keep_lateness(api, ("price_day_ahead", "10YCH-SWISSGRIDZ", 0))
        await page.clock.run_for(16_000)
        await page.get_by_text("of 5 pairs").first.wait_for()
        await page.route("**/*", lambda route: route.abort())
        await page.clock.run_for(16_000)
        await page.locator("#stale").wait_for(state="visible")
        await page.unroute("**/*")
        await page.clock.run_for(16_000)
        await page.locator("#stale").wait_for(state="hidden")
