"""Alerts on the pages: evidence, acknowledging, silences, maintenance, rules and channels."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from app.access.models import AccessScope
from app.alerting.models import Phase
from tests.support.api_factory import ServedApi, served_api
from tests.support.page_factory import HOSTILE, keep_hostile_work
from tests.support.page_person import page_person


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[ServedApi]:
    channels = tmp_path / "channels.yaml"
    channels.write_text("channels:\n  journal: {type: log}\n  gone: {type: webhook, url: 'http://127.0.0.1:9/'}\n")
    async with served_api(database_url, notifications={"channels_file": channels}) as served:
        await keep_hostile_work(served)
        yield served


async def audit(api: ServedApi) -> list[tuple[str, int | None, str]]:
    entries = await api.access.audit(before=None, actor=None, limit=50)
    return [(one.action, one.status, one.target) for one in reversed(entries) if one.action != "create_key"]


async def test_an_alert_has_its_evidence_its_history_and_every_attempt_at_its_messages(api: ServedApi) -> None:
    async with page_person(api, AccessScope.READ) as person:
        page = await person.page("/alerts/1")
        picture = page.partition('<figure class="evidence">')[2].partition("</figure>")[0]
        assert "between 41 and 100, threshold 60, in 49 evaluations" in picture
        assert picture.count('class="drawn-value"') == 2, "a line ends where nothing was read"
        assert 'class="drawn-fired"' in picture
        assert "<title>fired</title>" in picture
        assert {"bad", "good"} <= set(re.findall(r'class="drawn-strip (\w+)"', picture))
        assert f'refused</span> 400 in 0.2 s <span class="quiet">{HOSTILE}' in page
        assert "The rule is no longer in the book." in page
        for path, status in (("/alerts/99", 404), ("/alerts/x", 404), ("/alerts/silences/new", 403)):
            await person.page(path, status)


async def test_an_operator_acknowledges_and_silences_and_a_reader_does_not(
    api: ServedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with page_person(api, AccessScope.READ) as reader, page_person(api, AccessScope.OPERATE) as operator:
        assert "gridkeeper alerts ack 1" in await reader.page("/alerts/1")
        assert "Acknowledge</button>" not in await reader.page("/alerts")
        refused = await reader.send("/sign-in", "/alerts/1/acknowledge")
        assert (refused.status_code, "needs a key of scope operate" in refused.text) == (403, True)
        assert "Acknowledge</button>" in await operator.page("/alerts")
        page = await operator.do("/alerts/1", "/alerts/1/acknowledge", comment=HOSTILE)
        assert "is acknowledged: no reminders until it ends" in page
        assert f"by operate-1: {HOSTILE}" in page
        matchers = page.partition('<textarea name="matchers"')[2].partition(">")[2].partition("</textarea>")[0]
        assert len(matchers.splitlines()) == 2
        page = await operator.do("/alerts/1", "/alerts/silences", matchers=matchers, **{"for": "2h"}, comment=HOSTILE)
        assert "Silence 2 is made" in page
        row = page.partition('<th scope="row" class="right">2</th>')[2].partition("</tr>")[0]
        assert ">active<" in row
        assert '<td class="right">1</td>' in row, "how many open alerts it matches"
        assert matchers in await operator.page("/alerts/silences/new?alert=1")
        assert "1 open alert" in await operator.page("/alerts/silences/2/end")
        assert "Silence 2 is over." in await operator.do("/alerts/silences/2/end", "/alerts/silences/2/end")
        assert (await operator.send("/alerts", "/alerts/silences/2/end")).status_code == 404
        assert ">over<" in await operator.page("/alerts/silences?all=true")
        monkeypatch.setattr("app.web.pages.alerting.silences.MOST_SILENCES", 1)
        newest = await operator.page("/alerts/silences?all=true")
        assert ("?all=true&before=2" in newest, ">over<" in newest) == (True, True)
        assert 'rel="next"' not in await operator.page("/alerts/silences?all=true&before=2"), "the first ends the list"
        assert (await operator.send("/alerts", "/alerts/99/acknowledge")).status_code == 404
    [view] = await api.container.alerting().administration().alerts([Phase.FIRING])
    assert (view.alert.acknowledged_by, view.note) == ("operate-1", HOSTILE)
    assert await audit(api) == [
        ("acknowledge_alert", 403, "/alerts/1/acknowledge"),
        ("acknowledge_alert", 303, "/alerts/1/acknowledge"),
        ("add_silence", 303, "/alerts/silences"),
        ("end_silence", 303, "/alerts/silences/2/end"),
        ("end_silence", 404, "/alerts/silences/2/end"),
        ("acknowledge_alert", 404, "/alerts/99/acknowledge"),
    ]


async def test_what_is_wrong_in_a_form_is_said_beside_it_and_nothing_entered_is_lost(api: ServedApi) -> None:
    async with page_person(api, AccessScope.OPERATE) as person:
        for fields, said in (
            ({"matchers": "rule", "for": "2h"}, "is no matcher"),
            ({"matchers": "", "for": "2h"}, "Alerts that match all of: it is empty; name at least one"),
            ({"matchers": "rule=x\narea=~(", "for": "2h"}, "no regular expression"),
            ({"matchers": "rule=x", "for": "long"}, "is no duration"),
            ({"matchers": "rule=x", "until": "2020-01-01T00:00Z"}, "is over before it begins"),
            ({"matchers": "rule=x", "until": "soon"}, "Or until: &#39;soon&#39; is no instant"),
            ({"matchers": "rule=x", "until": "9999-12-31T00:00Z"}, "nobody remembers a silence so long"),
            ({"matchers": "rule=x", "for": "2h", "from": "9999-12-31T23:00Z"}, "is further away than 366 days"),
        ):
            answer = await person.send("/alerts/silences/new", "/alerts/silences", comment="kept", **fields)
            assert (answer.status_code, said in answer.text, 'value="kept"' in answer.text) == (422, True, True), said
        wrong = {"matchers": "rule=x", "cron": "x", "for": "2h", "zone": "UTC"}
        answer = await person.send("/alerts/maintenance/new", "/alerts/maintenance", **wrong)
        assert (answer.status_code, "Begins, as cron has it: &#39;x&#39; has 1 field" in answer.text) == (422, True)
        answer = await person.send("/alerts/maintenance/new", "/alerts/maintenance", **(wrong | {"zone": "Mars"}))
        assert "Time zone: &#39;Mars&#39; is no time zone" in answer.text
        page = await person.do("/alerts/maintenance/new", "/alerts/maintenance", **(wrong | {"cron": "0 3 * * 0"}))
        assert "Maintenance 1 is made" in page
        assert "It would not come again" in await person.page("/alerts/maintenance/1/end")
        ended = await person.do("/alerts/maintenance/1/end", "/alerts/maintenance/1/end")
        assert "Maintenance 1 does not come again." in ended
        assert "No maintenance is planned." in ended
        for path in ("/alerts/maintenance/1/end", "/alerts/silences/99/end"):
            await person.page(path, 404)
        assert "/api/v1" not in await person.page("/alerts/99", 404), "a page points at pages"
        said = await person.page("/alerts?severity=severe", 422)
        assert "Severity: 'severe' is none of info, warning, critical." in said


async def test_past_alerts_are_found_by_filters_page_by_page(api: ServedApi) -> None:
    now = api.container.clock().now()
    async with api.container.database().connection() as connection:
        await connection.execute(
            "insert into alerts (rule, labels, severity, phase, since, seen_at, fired_at, resolved_at) "
            "select case when n % 2 = 0 then 'data_late' else $1 end, "
            "jsonb_build_object('area', case when n % 10 = 0 then 'FR' else $1 end), "
            "case when n = 3 then 'critical' else 'warning' end, 'resolved', at, at, at, at + interval '1 minute' "
            "from (select n, $2::timestamptz - n * interval '1 hour' as at from generate_series(120, 1, -1) as n) as made",
            HOSTILE, now,
        )  # fmt: skip
    row = re.compile(r'href="[./]*alerts/\d+"')
    async with page_person(api, AccessScope.READ) as person:
        path, found = "/alerts?state=past&group=area", 0
        while path:
            page = await person.page(path)
            found += len(row.findall(page))
            following = page.partition('rel="next" href="')[2].partition('"')[0]
            path = f"/{following}" if following else ""
        assert found == 120
        day = quote((now - timedelta(days=2)).date().isoformat())
        for query, count in (
            ("label=FR", 12),
            ("label=area%3DFR&rule=data_late", 12),
            (f"label=FR&rule={quote(HOSTILE)}", 0),
            ("severity=critical", 1),
        ):
            assert len(row.findall(await person.page(f"/alerts?state=past&{query}"))) == count, query
        assert 0 < len(row.findall(await person.page(f"/alerts?state=past&label=FR&to={day}"))) < 12
        assert len(row.findall(await person.page(f"/alerts?label={quote(HOSTILE)}&severity=critical"))) == 1
        assert "No open alert is like that." in await person.page("/alerts?rule=data_late")
        for wrong in ("state=none", "severity=bad", "to=soon", "group=x", "before=0"):
            await person.page(f"/alerts?{wrong}", 422)


async def test_a_rule_is_tried_run_paused_and_resumed(api: ServedApi) -> None:
    async with page_person(api, AccessScope.OPERATE) as person:
        assert "not evaluated" in await person.page("/alerts/rules")
        page = await person.page("/alerts/rules/job_failing")
        assert "How it is written" in page
        assert "No evaluation of this time is kept" in page
        tried = await person.send("/alerts/rules/job_failing", "/alerts/rules/job_failing/try")
        assert (tried.status_code, "What it reads now" in tried.text) == (200, True)
        assert await api.container.alerting().history().rule_states() == {}, "trying writes nothing"
        assert "job_failing is evaluated" in await person.do("/alerts/rules", "/alerts/rules/job_failing/run")
        page = await person.do("/alerts/rules", "/alerts/rules/job_failing/pause")
        assert "rests: its alerts stay" in page
        assert "by operate-0" in page
        assert "is looked at again" in await person.do("/alerts/rules", "/alerts/rules/job_failing/resume")
        assert "No evaluation" not in await person.page("/alerts/rules/job_failing")
        assert "did you mean job_failing" in await person.page("/alerts/rules/job_failign", 404)
        assert (await person.send("/alerts/rules", f"/alerts/rules/{quote(HOSTILE)}/try")).status_code == 404
    actions = [(action, status) for action, status, _ in await audit(api)]
    assert actions == [("try_rule_once", 200), ("run_rule_now", 303), ("pause_rule", 303), ("resume_rule", 303), ("try_rule_once", 404)]  # fmt: skip


async def test_a_channel_is_tested_and_used_again_and_a_message_tried_again(api: ServedApi) -> None:
    async with api.container.database().connection() as connection:
        await connection.execute(
            "insert into channel_states (channel, failures, disabled_at, disabled_reason) values ('journal', 3, now(), $1)",
            HOSTILE,
        )
        content = json.dumps({"subject": "a", "text": "b", "html": ""})
        await connection.execute("update notifications set content = $1::text::jsonb", content)
    async with page_person(api, AccessScope.OPERATE) as person:
        page = await person.page("/alerts/channels")
        assert ">disabled<" in page
        assert HOSTILE in page
        assert "The test message was taken by journal." in await person.do(
            "/alerts/channels", "/alerts/channels/journal/test"
        )
        refused = await person.do("/alerts/channels", "/alerts/channels/gone/test")
        assert '<p class="banner bad" role="status">⚠ The test message was NOT taken by gone.' in refused
        assert "journal is used again." in await person.do("/alerts/channels", "/alerts/channels/journal/enable")
        assert "Message 1 is tried again." in await person.do("/alerts/channels", "/alerts/notifications/1/retry")
        assert "No such message" in await person.page("/alerts/channels?status=failed")
        assert "Try again" in await person.page("/alerts/channels?status=waiting")
        await person.page("/alerts/channels?status=lost", 422)
        assert (await person.send("/alerts/channels", "/alerts/channels/none/test")).status_code == 404
