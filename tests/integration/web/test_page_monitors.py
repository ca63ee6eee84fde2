"""Websites on the pages: the list with its bars, what is hostile or secret, filters, and paging."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape

import pytest

from app.access.models import AccessScope
from app.probes.monitors.bars import BarLength
from app.probes.monitors.models import MonitorFilter
from app.probes.websites.models import WebsiteDraft, WindowKind
from tests.support.api_factory import ServedApi, served_api
from tests.support.monitor_factory import SECRET, STATES, keep_website, keep_websites
from tests.support.page_factory import HOSTILE
from tests.support.page_person import page_person

FIELDS = {
    "url": "https://up.example/", "name": "Up", "check_interval": "2 min", "method": "GET", "timeout": "5",
    "conditions": "status 200\r\nlatency < 2 s\r\nlatency < 900", "headers": "X-Key: ***", "failures": "3", "successes": "2",
    "labels": "group=web",
}  # fmt: skip
"""What the form of a website holds."""
_ROW = re.compile(r'<li id="website-(\d+)" class="monitor (\w+)"')


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ServedApi]:
    async with served_api(database_url) as served:
        yield served


def rows_of(page: str) -> dict[int, str]:
    """What stands in the row of each website, in the order of the page."""
    pieces = _ROW.split(page)
    return {int(number): text.partition("</li>")[0] for number, text in zip(pieces[1::3], pieces[3::3], strict=True)}


async def test_websites_stand_by_group_the_worst_first_with_what_their_checks_have_shown(api: ServedApi) -> None:
    async with page_person(api, None) as somebody:
        assert "No website is checked yet" in await somebody.page("/monitors")
    numbers = await keep_websites(api)
    async with page_person(api, AccessScope.READ) as person:
        page = await person.page("/monitors")
        assert "6 websites: 1 down, 1 not seen because of this machine, 1 down in maintenance, 2 up, 1 paused" in page
        assert SECRET not in page
        rows = rows_of(page)
        assert list(rows) == [numbers[name] for name in ("down", "ours", "moved", "failing", "paused", "up")]
        down = rows[numbers["down"]]
        assert 'aria-label="The last 90 checks: 4 good, 6 failed, 80 without a check"' in down
        assert re.search(r"<title>[-0-9]+ [:0-9]+ CET?S?T?: failed \(timeout\)</title>", down)
        assert f"timeout; acknowledged by {HOSTILE}: {HOSTILE}" in down
        assert "pause after failures" in down
        assert "1 of 2 failed checks that mean down" in rows[numbers["failing"]]
        assert f"maintenance “{HOSTILE}” until" in rows[numbers["moved"]]
        assert "90 good" in rows[numbers["up"]]
        assert '<polyline points="' in rows[numbers["up"]]
        monitors = api.container.monitoring().monitors()
        counts = (await monitors.counts()).websites
        assert counts == (await monitors.page(MonitorFilter(), BarLength.CHECKS, 1)).counts
        tile = (await person.page("/")).partition('data-key="Monitors"')[2].partition("</li>")[0]
        assert '<span class="figure">2 of 6</span>' in tile
        assert "1 website down, 1 unknown" in tile
        for query, found in (
            ("q=DOWN", ["down"]),
            ("q=example+timeout", []),
            ("q=team", ["up"]),
            ("state=up", ["up", "failing"]),
            ("state=maintenance&group=shop", ["moved"]),
            ("group=-", []),
        ):
            assert list(rows_of(await person.page(f"/monitors?{query}"))) == [numbers[name] for name in found], query
        assert "No website is like that." in await person.page("/monitors?q=nothing")
        assert "There is no state 'x'." in await person.page("/monitors?state=x", 422)
        for query in ("show=weeks", "page=0", "sort=1"):
            await person.page(f"/monitors?{query}", 422)
        german = await person.page("/monitors?lang=de")
        assert "6 Websites: 1 " in german
        assert "Die letzten 90 Prüfungen: 4 gut, 6 fehlgeschlagen, 80 ohne Prüfung" in german
    async with page_person(api, None) as stranger:
        await stranger.page("/monitors", 401)


async def test_bars_are_hours_and_days_too_with_what_is_not_added_up_yet(api: ServedApi) -> None:
    numbers = await keep_websites(api)
    await api.container.probes().rollups()._rows.add_up(api.container.clock().now())
    async with page_person(api, None) as person:
        for length in ("hours", "days"):
            row = rows_of(await person.page(f"/monitors?show={length}"))[numbers["up"]]
            good = sum(int(found) for found in re.findall(r"(\d+) of \d+ checks? good", row))
            assert good == len(STATES["up"]) - 1, length
            assert "without a check" in row


async def test_of_many_what_is_wrong_in_any_group_comes_first(api: ServedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.probes.monitors.service.PAGE_ROWS", 2)
    numbers = await keep_websites(api)
    draft = (await api.container.probes().websites().read(numbers["up"])).draft
    other = replace(draft, url="https://other.example/", name="other", headers={}, labels={})
    last = await keep_website(api, other, ["status"] * 3)
    async with page_person(api, None) as person:
        page, path, found = "", "/monitors?show=hours", []
        while path:
            page = await person.page(path)
            found.append(list(rows_of(page)))
            following = page.partition('rel="next" href="')[2].partition('"')[0]
            path = f"/monitors{following}" if following else ""
        assert found[0] == [numbers["down"], last]
        assert sorted(number for part in found for number in part) == sorted([*numbers.values(), last])
        assert "page 4 of 4" in page
        assert "all 5" in await person.page("/monitors")
        assert "page 4 of 4" in await person.page("/monitors?page=9")


async def test_a_website_tells_why_it_is_down_and_shows_nothing_that_is_secret(api: ServedApi) -> None:
    numbers = await keep_websites(api)
    async with page_person(api, AccessScope.READ) as person:
        page = await person.page(f"/monitors/websites/{numbers['down']}")
        standing = page.partition('id="standing"')[2].partition("</section>")[0]
        assert f"timeout; acknowledged by {HOSTILE}: {HOSTILE}" in standing
        assert f"<p>{HOSTILE}</p>" in standing, "the message of the last check"
        assert "Checks pause after failures" in standing
        assert "in 8 days" in standing
        assert page.count('<tr data-key="20') == 10
        assert page.count('class="badge bad">timeout') == 6
        assert f'<details><summary>What came</summary><div class="text">{HOSTILE}' in page
        assert page.count('<tr data-key="downtime-') == 1
        assert 'class="phase-first_byte" d="M' in page
        assert '<rect class="window-down"' in page
        assert "99.9 %" in page.partition('id="months"')[2]
        assert "sign in</a> with scope <strong>operate" in page
        assert "/check" not in page
        up = await person.page(f"/monitors/websites/{numbers['up']}")
        assert SECRET not in up
        assert "<code>X-Key: ***</code>" in up
        first, second = re.findall(r"<tr data-key=\"(20[^\"]+)", up), []
        following = up.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
        older = await person.page(f"/monitors/websites/{numbers['up']}{following}")
        second = re.findall(r"<tr data-key=\"(20[^\"]+)", older)
        assert (len(first), len(second), len({*first, *second})) == (50, 50, 100)
        failed = await person.page(f"/monitors/websites/{numbers['up']}?results=failed&range=week")
        assert len(re.findall(r"<tr data-key=\"20", failed)) == 1
        for span in ("quarter", "year"):
            assert 'class="phase-whole"' in await person.page(f"/monitors/websites/{numbers['up']}?range={span}")
        for path, status in (("99", 404), ("1?range=x", 422), ("1?before=x", 422), ("new", 403), ("1/edit", 403)):
            await person.page(f"/monitors/websites/{path}", status)


async def test_an_operator_checks_acknowledges_edits_and_removes_and_a_reader_does_not(api: ServedApi) -> None:
    numbers = await keep_websites(api)
    down, up = numbers["down"], numbers["up"]
    path = f"/monitors/websites/{down}"
    async with page_person(api, AccessScope.READ) as reader, page_person(api, AccessScope.OPERATE) as person:
        for action in ("check", "pause", "remove", "edit"):
            assert (await reader.send("/sign-in", f"{path}/{action}")).status_code == 403, action
        assert "is checked within a second" in await person.do(path, f"{path}/check")
        assert "is paused: nobody checks it" in await person.do(path, f"{path}/pause")
        assert "is checked again" in await person.do(path, f"{path}/resume")
        [window] = await api.container.probes().website_rows().windows(
            down, WindowKind.DOWN, before=None, limit=9
        )  # fmt: skip
        note = f"{path}/downtime/{window.window_id}"
        assert HOSTILE in await person.page(note)
        page = await person.do(note, note, acknowledged="no", note="over")
        assert "is looked after by nobody" in page
        assert "is looked after by operate-1" in await person.do(note, note, acknowledged="yes", note=HOSTILE)
        assert (await person.send(note, f"{path}/downtime/99", note="")).status_code == 404
        form = await person.page(f"/monitors/websites/{up}/edit")
        assert SECRET not in form
        fields = FIELDS
        edit = f"/monitors/websites/{up}/edit"
        for wrong, said in (
            ({"check_interval": "2 s"}, "Time between two checks: it must be a number of seconds from 60 to 3600"),
            ({"timeout": "nan"}, "Time-out in seconds: it must be a number of seconds from 0.1 to 55"),
            ({"failures": "x"}, "Failed checks in a row that mean down: 'x' is no whole number"),
            ({"url": "http://[fe80::1]/", "headers": ""}, "Address: fe80::1 is a link-local or metadata address"),
            ({"check_interval": "often"}, "Time between two checks: 'often' is no duration"),
            ({"labels": "web"}, "Labels: one a line, as name=value"),
            ({"url": "https://down.example/", "headers": ""}, "has this address already"),
            ({"url": "https://else.example/"}, "say its value again"),
            ({"conditions": "status x"}, "Conditions: 'status x'"),
        ):
            answer = await person.send(edit, edit, **(fields | wrong))
            assert (answer.status_code, said in unescape(answer.text)) == (422, True), (said, answer.text[-3000:])
            assert "status 200" in answer.text or "conditions" in wrong
        page = await person.do(edit, edit, **fields)
        assert "Up is changed." in page
        assert ("latency < 2 s" in page, "latency < 900 ms" in page) == (True, True)
        kept = (await api.container.probes().websites().read(up)).draft
        assert (kept.headers, kept.check_interval, kept.follow_redirects) == ({"X-Key": SECRET}, 120, False)
        new = {**fields, "url": "https://new.example/", "name": HOSTILE, "headers": "", "follow_redirects": "yes"}
        page = await person.do("/monitors/websites/new", "/monitors/websites", **new)
        assert f"{HOSTILE} is checked from now on." in page
        [new_id] = [one.website_id for one in await api.container.probes().websites().all() if "new" in one.draft.url]
        remove = f"/monitors/websites/{new_id}/remove"
        assert f"Remove {HOSTILE}?" in await person.page(remove)
        page = await person.do(remove, remove)
        assert f"{HOSTILE} is removed." in page
        await person.page(f"/monitors/websites/{new_id}", 404)
    entries = await api.access.audit(before=None, actor=None, limit=100)
    assert {"check_website_now", "pause_website", "change_website", "delete_website", "create_website"} <= {
        one.action for one in entries
    }


async def test_what_a_file_owns_is_read_only_and_says_which(api: ServedApi) -> None:
    draft = WebsiteDraft("https://file.example/", "of a file")
    await api.container.probes().websites().follow("config/probes.yaml", [draft])
    async with page_person(api, AccessScope.OPERATE) as person:
        page = await person.page("/monitors/websites/1")
        assert "Belongs to the file <code>config/probes.yaml</code>" in page
        assert "Check now</button>" in page
        assert "Pause</button>" not in page
        for action in ("pause", "remove"):
            answer = await person.send("/monitors/websites/1", f"/monitors/websites/1/{action}")
            assert (answer.status_code, "config/probes.yaml" in answer.text) == (409, True)
        await person.page("/monitors/websites/1/edit", 409)


async def test_maintenance_is_planned_listed_and_ended(api: ServedApi) -> None:
    numbers = await keep_websites(api)
    asked = {"website": str(numbers["down"]), "name": HOSTILE, "from": "now", "for": "2h", "zone": "UTC", "days": "all"}
    new, kept = "/monitors/maintenance/new", "/monitors/maintenance"
    async with page_person(api, AccessScope.OPERATE) as person:
        assert f'value="{numbers["down"]}" selected' in await person.page(f"{new}?website={numbers['down']}")
        assert ">group=shop</textarea>" in await person.page(f"{new}?group=shop")
        await api.container.probes().websites().add(WebsiteDraft("https://twin.example/", "down"))
        assert f">down ({numbers['down']})</option>" in await person.page(new)
        for wrong, said in (
            ({"from": ""}, "Begins: say when it begins: now"),
            ({"from": "", "cron": "x"}, "Or again and again, as cron has it: 'x' has 1 field"),
            ({"cron": "0 3 * * 0"}, "not both"),
            ({"for": "5 weeks"}, "Lasts: a maintenance lasts 1 min to 31 d"),
            ({"for": "x"}, "Lasts: 'x' is no duration"),
            ({"from": "soon"}, "Begins"),
            ({"from": "", "zone": "Mars", "cron": "0 3 * * 0"}, "Time zone: 'Mars' is no time zone"),
            ({"from": "9999-12-31T23:00Z"}, "lies outside"),
            ({"labels": "group=shop"}, "Labels: say one website or labels, not both"),
            ({"website": "99"}, "Plan maintenance"),
            ({"website": "abc"}, "Website"),
            ({"website": ""}, "choose a website"),
        ):
            answer = await person.send(new, kept, **(asked | wrong))
            assert (answer.status_code in {404, 422}, said in unescape(answer.text)) == (True, True), (
                said,
                answer.text,
            )
        page = await person.do(new, kept, **asked)
        assert f"Maintenance “{HOSTILE}” is planned. It is under way." in page
        assert "down in it is no downtime" in page
        number = re.findall(r'<tr data-key="plan-(\d+)">', await person.page(kept))[0]
        every = await person.do(new, kept, **(asked | {"website": "", "every": "yes", "name": "all"}))
        assert "for every website" in every or "every website" in every
        again = {**asked, "from": "", "website": "", "labels": "group=shop", "cron": "0 3 * * 0", "name": "Sundays"}
        page = await person.do(new, kept, **again)
        assert '<td class="right">5</td>' in page.partition("Sundays")[2], "the websites that it is for"
        nobody = await person.do(new, kept, **(again | {"labels": "group=none", "name": "nobody"}))
        assert "⚠ Maintenance “nobody” is planned. But: no website has the labels group=none yet" in nobody
        await person.do(new, kept, **(asked | {"from": "1.2.2020", "name": "long ago"}))
        gone = (await person.page(kept)).partition("long ago")[2].partition("</tr>")[0]
        assert ("over" in gone, "/end" in gone) == (True, False)
        path = f"{kept}/{number}/end"
        assert "It ends now" in await person.page(path)
        assert f"Maintenance {number} is over." in await person.do(path, path)
        assert f"plan-{number}" not in await person.page(kept)
        assert f"plan-{number}" in await person.page(f"{kept}?all=true")
        await person.page(path, 404)


async def test_regions_are_chosen_in_the_form_and_each_is_shown_with_its_vote(api: ServedApi) -> None:
    up = (await keep_websites(api))["up"]
    edit = f"/monitors/websites/{up}/edit"
    async with page_person(api, AccessScope.OPERATE) as person:
        regional = FIELDS | {"regions": "eu, us\nap", "quorum": "2", "address_family": "ipv6"}
        refused = await person.send(edit, edit, **(regional | {"quorum": "4"}))
        assert (refused.status_code, "can never agree" in unescape(refused.text)) == (422, True)
        await person.do(edit, edit, **regional)
        kept = (await api.container.probes().websites().read(up)).draft
        assert (kept.regions, kept.quorum, kept.address_family) == (("eu", "us", "ap"), 2, "ipv6")
        form = await person.page(edit)
        assert 'value="eu us ap"' in form
        assert '<option value="ipv6" selected>' in form
        async with api.container.database().connection() as connection:
            await connection.execute("""
                update website_region_states
                set status = 'down', unknown = false, known_until = now() + interval '1 h', reason = 'refused'
                where region = 'us'
            """)
            await connection.execute(
                "update website_region_states set due_at = now() - interval '1 h' where region = 'ap'"
            )
        page = await person.page(f"/monitors/websites/{up}")
        seen = page.partition('id="regions"')[2].partition("</table>")[0]
        assert "It is down when 2 of 3 regions say so." in seen
        assert seen.count("no process of this region asks") == 1
        assert "due since" in seen.partition('data-key="region-ap"')[2].partition("</tr>")[0]
        assert "1 says down; 2 have no vote." in seen
        assert re.findall(r'data-key="region-(\w+)"', seen) == ["ap", "eu", "us"]
        assert '<span class="badge bad">down</span>' in seen.partition('data-key="region-us"')[2]
