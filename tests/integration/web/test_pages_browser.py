"""The pages in a real browser: what axe finds, what the policy refuses, with a keyboard, on a phone, without scripts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from app.access.models import AccessScope
from tests.support.api_factory import ServedApi, served_api
from tests.support.browser import chromium, need_browser, visiting
from tests.support.interface_factory import keep_service, keep_suite
from tests.support.monitor_factory import keep_regions, keep_websites
from tests.support.page_factory import (
    HOSTILE,
    keep_event,
    keep_finding,
    keep_forecast,
    keep_hostile_work,
    keep_lateness,
    keep_series,
)

pytestmark = [pytest.mark.xdist_group("browser")]

RULES_OF_COLOURS = ("color-contrast", "link-in-text-block")
STREAMS = re.compile(r"/live\?page=")
PAGES = [
    "/",
    "/data",
    "/data/1",
    "/data/1/revisions?at=2026-01-10&days=1",
    "/coverage?from=2025-12&to=2026-02",
    "/coverage/days?item=load_actual&area=FR&from=2025-12&to=2026-02",
    "/coverage/hours?item=load_actual&area=FR&month=2026-01",
    "/quality",
    "/quality/findings",
    "/quality/findings/1",
    "/alerts",
    "/alerts?state=past",
    "/alerts/1",
    "/alerts/history",
    "/alerts/silences",
    "/alerts/rules",
    "/alerts/rules/job_failing",
    "/alerts/channels",
    "/monitors",
    "/monitors?show=hours&q=e",
    "/monitors/websites/1",
    "/monitors/websites/7",
    "/monitors/services",
    "/monitors/services/shop",
    "/monitors/services/shop?view=documents",
    "/monitors/operations/1",
    "/monitors/operations/4",
    "/monitors/maintenance",
    "/work",
    "/work/run?job=kept&at=2026-01-01T00:00Z",
    "/work/backfills/1",
    "/work/backfills/new?area=FR&item=load_actual&from=-7d",
    "/reports?kind=quality",
    "/settings",
    "/sign-in",
    "/account",
    "/status",
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    need_browser()
    async with chromium() as running:
        yield running


@pytest.fixture
async def api(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServedApi]:
    monkeypatch.setattr("app.web.pages.overview.views.FRESH_SECONDS", -1.0)
    async with served_api(
        database_url,
        instance=HOSTILE,
        web={"port": 0, "status_shows": "series:load_actual,job:kept,websites:shop,service:shop,maintenance"},
    ) as served:
        fr, nl = "10YFR-RTE------C", "10YNL----------L"
        await keep_lateness(
            served,
            ("load_actual", fr, 0),
            ("load_actual", nl, 20),
            ("flow_physical", f"{fr}>{nl}", 200),
            (HOSTILE, HOSTILE, 5),
        )
        await keep_series(served)
        await keep_finding(served, datetime.now(UTC) - timedelta(days=1))
        await keep_hostile_work(served)
        await keep_websites(served)
        await keep_regions(served)
        service, _ = await keep_service(served)
        await keep_suite(served, service)
        yield served


async def test_pages_are_accessible_obey_their_policy_and_fit_every_window(browser: Browser, api: ServedApi) -> None:
    async with visiting(browser) as visit:
        page = visit.page
        for path in PAGES:
            await page.emulate_media(color_scheme="light")
            await drawn(page, api, path)
            assert await visit.violations() == [], path
            assert await visit.overflow() <= 0, path
            await page.emulate_media(color_scheme="dark")
            assert await visit.violations(*RULES_OF_COLOURS) == [], (path, "dark")
            assert visit.wrong == [], path
    for locale in ("en-GB", "de-DE"):
        async with visiting(browser, width=360, locale=locale) as visit:
            for path in PAGES:
                await drawn(visit.page, api, path)
                assert await visit.overflow() <= 0, (path, locale)
                assert visit.wrong == [], (path, locale)


async def drawn(page: Page, api: ServedApi, path: str) -> None:
    """Open a page and wait for its chart, if it has one."""
    await page.goto(f"{api.url}{path}")
    if path == "/data/1":
        await page.locator("#chart[data-state=complete]").wait_for()


async def test_what_is_printed_is_not_cut_off(browser: Browser, api: ServedApi) -> None:
    async with visiting(browser, width=718) as visit:  # a sheet of A4 within its margins
        await visit.page.emulate_media(media="print")
        for path in ("/reports?kind=quality", "/coverage?from=2024-03&to=2026-02", "/quality", "/alerts/1"):
            await visit.page.goto(f"{api.url}{path}")
            assert await visit.overflow() <= 0, path


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
        times = await page.locator("footer p:last-of-type time").inner_text()
        for button, label in (("theme-switch", "Theme: light"), ("zone-switch", "Times: mine")):
            await page.focus(f"#{button}")
            await page.keyboard.press("Enter")
            assert await page.locator(f"#{button}").inner_text() == label
        assert await page.evaluate("document.documentElement.dataset.theme") == "light"
        assert await page.locator("footer p:last-of-type time").inner_text() != times or "UTC" in times
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
        await page.locator("#fresh").get_by_role("button", name="Show").click()
        assert "area=FR" in page.url
        assert await page.locator("#matrix tbody tr").count() == 1
        await page.select_option("select[name=map]", "freshness")
        await page.locator("#map").get_by_role("button", name="Show").click()
        assert "on time" in await page.locator(".row-8.column-2").inner_text()


async def test_pages_are_german_or_chinese_for_who_chooses_it_without_scripts_and_with_them(
    browser: Browser, api: ServedApi
) -> None:
    async with visiting(browser, scripts=False) as visit:
        page = visit.page
        await page.goto(f"{api.url}/quality/findings/1")
        await page.get_by_role("link", name="Deutsch").click()
        assert await page.locator("html").get_attribute("lang") == "de"
        assert "2,5" in await page.get_by_text("Stärke").locator("xpath=..").inner_text()
        await page.locator("nav a[href$=quality]").first.click()
        assert await page.locator("h1").inner_text() == "Qualität"
        await page.get_by_role("link", name="中文").click()
        assert await page.locator("html").get_attribute("lang") == "zh-Hans"
        assert await page.locator("h1").inner_text() == "质量"
        assert visit.wrong == []
    async with visiting(browser, locale="de-DE") as visit:
        page = visit.page
        await page.goto(f"{api.url}/data/1?from=2026-01-10&to=2026-01-14")
        await page.get_by_text("schattiert").or_(page.get_by_text("Über das Diagramm ziehen")).wait_for()
        assert "360 Werte zwischen 48" in str(await page.locator("#chart").get_attribute("aria-label"))
        assert re.search(r"\d,\d", str(await page.locator("#chart").get_attribute("aria-label")))
        assert await page.locator("#zone-switch").inner_text() == "Zeiten: Markt"
        await page.locator("#zone-switch").click()
        assert re.search(r"\d\d\.\d\d\.2026 \d\d:\d\d", await page.locator("footer time").last.inner_text())
        assert visit.wrong == []


async def test_an_open_overview_is_told_what_changes_and_leaves_alone_what_somebody_is_busy_with(
    browser: Browser, api: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.pages.live.viewers.SPACING", 0.1)
    monkeypatch.setattr("app.web.pages.live.viewers.TIMES_ITS_COST", 0)
    async with visiting(browser) as visit:
        page = visit.page
        await page.goto(api.url)
        await page.get_by_text("Live, as of").wait_for()
        await page.locator(".verdict summary").click()
        await page.select_option("select[name=state]", "bad")
        await page.get_by_role("link", name="FR", exact=True).first.focus()
        rows = await page.locator("#matrix tbody th").all_inner_texts()
        await keep_lateness(
            api, ("price_day_ahead", "10YFR-RTE------C", 900), ("price_day_ahead", "10YCH-SWISSGRIDZ", 0)
        )
        await keep_event(api)
        await page.get_by_text("of 6 pairs").first.wait_for()
        assert await page.locator("#matrix tbody th").all_inner_texts() == [*rows, "CH"]
        assert await page.evaluate("document.activeElement.textContent") == "FR"
        assert not await page.locator(".verdict details").evaluate("one => one.open")
        assert await page.locator("select[name=state]").input_value() == "bad"
        assert await page.locator("[data-resort=matrix-rows]").is_visible()
        assert "of 6 pairs" in await page.title()
        assert visit.wrong == []


async def test_the_map_changes_in_place_with_what_is_chosen_and_arrows_go_over_it(
    browser: Browser, api: ServedApi
) -> None:
    async with visiting(browser) as visit:
        page = visit.page
        await page.goto(f"{api.url}/?area=FR")
        await page.get_by_text("Live, as of").wait_for()
        await page.select_option("select[name=map]", "freshness")
        await page.get_by_text("How late the latest item of the zone is").wait_for()
        assert page.url == f"{api.url}/?area=FR&map=freshness"
        await page.focus("input[name=hour]")
        # Whatever hour it is now, it is one of these two at most.
        await page.keyboard.press("End")
        await page.keyboard.press("ArrowLeft")
        await page.wait_for_url("**/?area=FR&map=freshness&day=*&hour=22")
        assert await page.evaluate("document.activeElement.name") == "hour"
        assert "hour%3D22" in str(await page.locator("#live").get_attribute("data-address"))
        await page.focus(".zones a")
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
            await page.keyboard.press(key)
        assert await page.evaluate("document.activeElement.querySelector('b').textContent") == "NO 3"
        assert visit.wrong == []


async def test_a_stream_that_breaks_says_so_and_mends_itself(browser: Browser, api: ServedApi) -> None:
    async with visiting(browser) as visit:
        page = visit.page
        await page.route(STREAMS, lambda route: route.abort())
        await page.goto(api.url)
        await page.get_by_text("the connection to the service is broken").wait_for()
        await page.unroute(STREAMS)
        await page.locator("#stale").wait_for(state="hidden")
        assert await page.locator("#live").is_visible()


async def test_a_chart_is_drawn_with_its_holes_follows_the_theme_and_opens_a_range(
    browser: Browser, api: ServedApi
) -> None:
    async with visiting(browser) as visit:
        page = visit.page
        await page.goto(f"{api.url}/data/1?from=2026-01-10&to=2026-01-14&as_of=2026-01-15T12:00Z")
        await page.locator("#chart canvas").wait_for()
        assert "360 values between 48" in str(await page.locator("#chart").get_attribute("aria-label"))
        assert await page.locator("#chart .u-series").count() == 3
        await page.locator("#chart[data-state=complete]").wait_for()
        await page.locator("#theme-switch").click()
        await page.locator("#chart .u-over").scroll_into_view_if_needed()
        box = await page.locator("#chart .u-over").bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + 100, box["y"] + 50)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 300, box["y"] + 60)
        await page.mouse.up()
        await page.get_by_role("link", name="Open this range").click()
        await page.locator("#chart[data-state=complete]").wait_for()
        assert "from=2026-01-1" in page.url
        assert "as_of=2026-01-15" in page.url
        number = await keep_forecast(api)
        await page.goto(f"{api.url}/data/1?from=2026-01-10&to=2026-01-14")
        await page.get_by_role("link", name="compare with load forecast day ahead").click()
        await page.locator("#chart[data-state=complete]").wait_for()
        assert f"with={number}" in page.url
        assert await page.locator("#chart .u-series").count() == 3
        await page.goto(f"{api.url}/data/{number}?from=2026-01-10&to=2026-01-14&with=1")
        await page.locator("#chart[data-state=complete]").wait_for()
        assert await page.locator("#chart .u-series").count() == 4, "the filled values are drawn by themselves"
        assert "rule repeats" in await page.locator("#chart-note").inner_text()
        await page.locator("#chart .u-over").click(position={"x": 200, "y": 50})
        await page.get_by_role("link", name="What was believed of the value").click()
        assert await page.locator("#revisions tbody tr").count() == 1
        await page.go_back()
        await page.locator("#known-at").focus()
        for _ in range(3):
            await page.keyboard.press("ArrowLeft")
        await page.wait_for_url("**as_of=**")
        await page.locator("#chart[data-state=complete]").wait_for()
        assert "with=1" in page.url
        assert visit.wrong == []


async def test_arrow_keys_walk_over_the_map_of_coverage_which_changes_under_them_and_enter_opens_the_hours(
    browser: Browser, api: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.pages.live.viewers.SPACING", 0.1)
    monkeypatch.setattr("app.web.pages.live.viewers.TIMES_ITS_COST", 0)
    async with visiting(browser) as visit:
        page = visit.page
        await page.goto(f"{api.url}/coverage?from=2025-12&to=2026-02")
        await page.get_by_text("Live, as of").wait_for()
        await page.locator("table.heat tbody td").first.focus()
        await page.keyboard.press("ArrowRight")
        before = await page.evaluate("document.activeElement.textContent")
        async with api.container.database().connection() as connection:
            await connection.execute("update daily_counts set stored = stored / 2 where day >= '2026-01-01'")
        await keep_event(api)
        await expect(page.locator(":focus")).not_to_have_text(before, timeout=30_000)
        assert await page.evaluate("document.activeElement.tabIndex") == 0, "where one is stays so"
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/coverage/hours?item=load_actual&area=FR&month=2026-01")
        assert visit.wrong == []


async def test_an_operator_with_a_phone_acknowledges_and_silences_and_a_developer_without_scripts_pauses(
    browser: Browser, api: ServedApi
) -> None:
    key = await api.key(AccessScope.OPERATE, name="night")
    async with visiting(browser, width=360) as visit:
        page = visit.page
        await _sign_in(page, api.url, key)
        await page.goto(f"{api.url}/alerts")
        await page.locator("a[href='alerts/1']").click()
        await page.locator("form", has_text="No reminders").get_by_label("Comment").fill("I look at it")
        await page.get_by_role("button", name="Acknowledge").click()
        await page.get_by_role("status").get_by_text("is acknowledged").wait_for()
        await page.get_by_text("by night: I look at it").wait_for()
        await page.locator("select[name=for]").select_option("4h")
        await page.get_by_role("button", name="Silence").click()
        await page.get_by_role("status").get_by_text("Silence 2 is made").wait_for()
        ends = await page.get_by_role("link", name="End silence 2").get_attribute("href")
        for path in (f"/{ends}".replace("../", ""), "/alerts/silences/new?alert=1", "/alerts/maintenance/new"):
            await page.goto(f"{api.url}{path}")
            assert await visit.overflow() <= 0, path
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                assert await visit.violations() == [], (path, scheme)
        assert visit.wrong == []
    async with visiting(browser, scripts=False) as visit:
        page = visit.page
        await _sign_in(page, api.url, key)
        await page.goto(f"{api.url}/work")
        await page.get_by_role("button", name="Run now housekeeping").click()
        await page.get_by_text("A run of housekeeping is asked for.").wait_for()
        await page.get_by_role("link", name="Backfill 1", exact=True).click()
        await page.get_by_role("button", name="Pause backfill 1").click()
        await page.get_by_text("Backfill 1 is paused.").wait_for()
        assert visit.wrong == []


async def test_an_operator_with_a_phone_finds_the_website_that_is_down_acknowledges_it_and_plans_maintenance(
    browser: Browser, api: ServedApi
) -> None:
    key = await api.key(AccessScope.OPERATE, name="night")
    async with visiting(browser, width=360) as visit:
        page = visit.page
        await _sign_in(page, api.url, key)
        await page.get_by_role("link", name="Monitors", exact=True).click()
        await page.locator("li.monitor.bad a", has_text="down").click()
        await page.get_by_role("heading", name="down").first.wait_for()
        assert "timeout" in await page.locator("#standing").inner_text()
        await page.get_by_label("Note").first.fill("provider informed")
        await page.get_by_role("button", name="Keep the note").click()
        await page.get_by_role("status").get_by_text("is looked after by").wait_for()
        assert "provider informed" in await page.locator("#downtimes").inner_text()
        await page.get_by_role("link", name="Plan maintenance").click()
        await page.get_by_label("What it is").fill("Move")
        await page.get_by_role("button", name="Plan it").click()
        await page.get_by_role("status").get_by_text("It is under way.").wait_for()
        assert "no downtime" in await page.locator("#standing").inner_text()
        for path in (
            "/monitors/websites/new",
            "/monitors/websites/1/edit",
            "/monitors/maintenance/new",
            "/monitors/maintenance/1/end",
        ):
            await page.goto(f"{api.url}{path}")
            assert await visit.overflow() <= 0, path
            assert await visit.violations() == [], path
        assert visit.wrong == []


@pytest.mark.long
async def test_monitors_are_worked_with_a_keyboard_alone_and_without_scripts(browser: Browser, api: ServedApi) -> None:
    key = await api.key(AccessScope.OPERATE, name="night")
    async with visiting(browser, dark=True) as visit:
        page = visit.page
        await _sign_in(page, api.url, key)
        await page.goto(f"{api.url}/monitors")
        await _tab_to(page, "Search")
        await page.keyboard.type("failing")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/monitors?q=failing**")
        await _tab_to(page, "failing")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/monitors/websites/*")
        await _tab_to(page, "Pause")
        await page.keyboard.press("Enter")
        await page.get_by_role("status").get_by_text("is paused").wait_for()
        await _tab_to(page, "Edit")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/edit")
        await _tab_to(page, "Regions")
        await page.keyboard.type("eu, us")
        assert await visit.violations() == []
        await page.keyboard.press("Enter")
        await page.get_by_role("status").get_by_text("is changed").wait_for()
        assert await page.locator("#regions tbody tr").count() == 2
        for path in ("websites/1/remove", "websites/new", "maintenance/new?group=shop", "websites/1"):
            await page.goto(f"{api.url}/monitors/{path}")
            assert await visit.violations() == [], path
        await page.get_by_role("link", name="Note on the downtime of").click()
        assert await visit.violations() == []
        assert visit.wrong == []
    async with visiting(browser, scripts=False) as visit:
        page = visit.page
        await _sign_in(page, api.url, key)
        await page.goto(f"{api.url}/monitors")
        await page.get_by_role("link", name="Add a website").click()
        await page.get_by_label("Address", exact=True).fill("https://new.example/")
        await page.get_by_label("Name").fill("New")
        await page.get_by_role("button", name="Check it").click()
        await page.get_by_text("New is checked from now on.").wait_for()
        await page.get_by_role("button", name="Pause").click()
        await page.get_by_text("New is paused").wait_for()
        await page.get_by_role("link", name="Plan maintenance").click()
        await page.get_by_label("What it is").fill("Move")
        await page.get_by_role("button", name="Plan it").click()
        await page.get_by_text("Maintenance “Move” is planned.").wait_for()
        await page.goto(f"{api.url}/monitors/websites/1")
        assert "timeout" in await page.locator("#downtimes tbody tr").inner_text()
        await page.get_by_role("link", name="failed", exact=True).click()
        assert await page.locator("#results-table tbody tr").count() == 6
        assert visit.wrong == []


async def _tab_to(page: Page, name: str) -> None:
    """Press Tab until what has this name, or a label that begins with it, is focused."""
    here = """() => {
      const one = document.activeElement;
      return (one.labels?.[0] ?? one).textContent.trim();
    }"""
    for _ in range(120):
        await page.keyboard.press("Tab")
        if (await page.evaluate(here)).startswith(name):
            return
    raise AssertionError(f"no Tab leads to {name}")


async def _sign_in(page: Page, url: str, key: str) -> None:
    await page.goto(f"{url}/sign-in")
    await page.get_by_text("With an API key").click()
    await page.locator("input[name=key]").fill(key)
    await page.get_by_role("button", name="Sign in with the key").click()
    await page.get_by_role("button", name="Sign out").wait_for()


async def test_a_picture_is_released_on_the_page_and_shown_by_another_site(browser: Browser, api: ServedApi) -> None:
    key = await api.key(AccessScope.ADMIN)
    address = ""
    for dark in (False, True):
        async with visiting(browser, dark=dark) as visit:
            page = visit.page
            await page.goto(f"{api.url}/sign-in?next=/embeds%3Fkind%3Dchart%26series%3D1")
            await page.get_by_text("With an API key").click()
            await page.locator("input[name=key]").fill(key)
            await page.get_by_role("button", name="Sign in with the key").click()
            await page.wait_for_url("**/embeds?kind=chart&series=1")
            await page.get_by_label("Name").fill(f"load-{dark}")
            await page.get_by_role("button", name="Release it").click()
            address = await page.locator("#address").inner_text()
            assert "/embed/" in address
            assert await visit.violations() == []
            assert await visit.overflow() <= 0
            assert visit.wrong == []
    async with visiting(browser) as visit:
        page = visit.page
        async with await asyncio.start_server(_another_site(address), "127.0.0.1") as site:
            await page.goto(f"http://127.0.0.1:{site.sockets[0].getsockname()[1]}/")
            picture = page.frame_locator("iframe").locator("img")
            await picture.wait_for()
            assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 760
            assert visit.wrong == []


def _another_site(address: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A page of another origin, with a frame and no policy of its own."""
    body = f'<link rel="icon" href="data:,"><iframe src="{address}"></iframe>'
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    return answer


async def test_who_administers_makes_a_key_that_is_shown_once(browser: Browser, api: ServedApi) -> None:
    async with visiting(browser, width=360) as visit:
        page = visit.page
        await _sign_in(page, api.url, await api.key(AccessScope.ADMIN))
        await page.goto(f"{api.url}/settings/keys")
        assert await visit.overflow() <= 0
        assert await visit.violations() == []
        await page.get_by_label("Name of the person or program").fill("notebook")
        await page.get_by_role("button", name="Make the key").click()
        assert (await page.locator("#token").inner_text()).startswith("gk_")
        for path in (
            "/settings/keys/notebook/revoke",
            "/work/backfills/1/cancel",
            "/alerts/silences/1/end",
            "/settings/keys",
        ):
            await page.goto(f"{api.url}{path}")
            assert await visit.overflow() <= 0, path
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme)
                assert await visit.violations() == [], (path, scheme)
        await page.get_by_role("link", name="Revoke notebook").click()
        await page.wait_for_url("**/settings/keys/notebook/revoke")
        await page.get_by_role("button", name="Revoke it").click()
        await page.get_by_text("The key notebook is revoked").wait_for()
        assert visit.wrong == []
