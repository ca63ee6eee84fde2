"""On a German page nothing of ours is left in English; what stays so is marked, or somebody's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx

from app.access.models import AccessScope
from app.web.pages.rendering import TEMPLATES
from tests.integration.web.test_pages_browser import PAGES
from tests.support.api_factory import served_api
from tests.support.interface_factory import keep_service
from tests.support.monitor_factory import keep_websites
from tests.support.page_factory import keep_finding, keep_hostile_work, keep_lateness, keep_series
from tests.support.page_person import page_person

ENGLISH = re.compile(r"\b(?:the|of|is|are|and|with|for|has|have|this|that|which|not|no|by|be|every|ago|more)\b")
"""Words that German does not have."""
SAID = re.compile(
    ENGLISH.pattern[:-3] + r"|or|it|its|from|than|must|write|take|use|say|name one|only|there|these|what|where|to|on)\b"
)
"""Words that no German sentence about a mistake has."""
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


WEBSITE = {
    "url": "https://new.example/", "name": "Neu", "check_interval": "2 min", "method": "GET", "timeout": "5", "failures": "3",
    "successes": "2", "address_family": "any",
}  # fmt: skip
MAINTENANCE = {"website": "1", "name": "Wartung", "for": "2h", "from": "now", "zone": "UTC", "days": "all"}
SILENCE = {"matchers": "rule=late", "for": "2h"}
PLANNED = {"matchers": "rule=late", "cron": "0 3 * * 0", "for": "2h", "zone": "UTC"}
EMBED = {"name": "Bild", "kind": "value", "series": "1"}
KEY = {"name": "Anna", "scope": "read"}
RELEASED = {"kind": "freshness", "series": "", "item": "load_actual", "area": "FR"}
BACKFILL = {"area": "FR", "item": "load_actual", "from": "-7d", "reprocess": "missing"}
PEM = "-----BEGIN CERTIFICATE-----"
MISTAKES: Mapping[tuple[str, str], tuple[Mapping[str, str], Mapping[str, tuple[str, ...]]]] = {
    ("/monitors/websites/new", "/monitors/websites"): (WEBSITE, {
        "url": (
            "", "https://", "ftp://x.example", "https://x y.example", "https://user:pw@x.example", "https://x.example:0",
            "https://x.example:abc", "https://x.example:99999", "https://[::g]/", "https://up.example/", "http://169.254.169.254/",
            "https://x_y..z/", "https://999.1.1.1/", "x" * 2100, "https://xn--a.example/", "https://./",
        ),
        "name": ("", "a\x07b", "x" * 201),
        "check_interval": ("bald", "0 s", "2 Wochen", "9999 w", "400 d", ""),
        "method": ("DELETE",),
        "timeout": ("", "0", "99", "viel"),
        "failures": ("", "0", "99", "x"),
        "successes": ("21", "1.5"),
        "conditions": (
            "wetter gut", "status 99", "status 1000", "latency schnell", "latency.gestern < 1 s", "latency < bald", "size < 1 XB",
            "size groß", "certificate > bald", "$..[ == 1", "$[?(@.a)] == 1", "body =~ (", "body =~ [a", "body =~ *a", "body =~ a**",
            "body =~ \\y", "body =~ (?=a)", "body =~ (?P<a", "body =~ a{2000}", "body =~ a\\", "body =~ [z-a]", "header x", "text exists",
            "body =~ " + "(a{100}){10}", "\n".join(["status 200"] * 21), "x" * 501, "$" + ".a" * 249 + "[ == 1",
        ),
        "labels": (
            "allein", "a-b=1", "a=", "a=1\na=2", "objective=101", "certificate_days=x", "slow_factor=1", "flapping=1",
            "disagree_minutes=0", "\n".join(f"a{number}=1" for number in range(21)),
        ),
        "headers": ("allein", "Host: x", "a b: 1", "X: 1\nx: 2", "X-Key: ***", "Connection: close", "Upgrade: x", "X: " + "y" * 4001),
        "body": ("Inhalt", "***", "a\x07"),
        "regions": ("eu eu", "e/u", " ".join(f"r{number}" for number in range(20))),
        "quorum": ("1", "17", "-1", "x"),
        "proxy": ("gestern", "http://p.example/weg", "http://***@p.example:3128"),
        "client_certificate": (PEM, "***"),
        "client_key": (PEM,),
        "address_family": ("ipv5",),
        "note": ("x" * 2001,),
    }),
    ("/monitors/websites/1/edit", "/monitors/websites/1/edit"): (WEBSITE, {
        "url": ("https://",), "conditions": ("status 99",), "regions": ("e/u",), "quorum": ("2",), "headers": ("X-New: ***",),
    }),
    ("/monitors/maintenance/new", "/monitors/maintenance"): (MAINTENANCE, {
        "website": ("", "99", "x"),
        "name": ("x" * 201,),
        "for": ("bald", "1 s", "5 w", ""),
        "from": ("bald", "2026-13-01", "9999-12-31T23:00Z", "1.1.1", "31.02.2026"),
        "zone": ("Mars",),
        "labels": ("allein", "group=web", "objective=101"),
        "days": ("holidays", "montags"),
        "cron": ("0 3 * * 0",),
        "country": ("XX",),
        "note": ("x" * 2001,),
    }),
    ("/monitors/maintenance/new#cron", "/monitors/maintenance"): (MAINTENANCE | {"from": "", "cron": "0 3 * * 0"}, {
        "cron": ("x", "* * *", "61 * * * *", "0 25 * * *", "0 0 32 * *", "0 0 30 2 *", "0 0 1 13 *", "0 0 * * 9", "* * * * *"),
        "zone": ("Mars",),
        "days": ("holidays",),
        "country": ("XX", "DE XX"),
    }),
    ("/monitors/maintenance/new#days", "/monitors/maintenance"): (
        MAINTENANCE | {"from": "", "cron": "0 3 * * 6", "days": "business_days"}, {"country": ("DE", "XX", "DE XX", "DE BW")}
    ),
    ("/alerts/silences/new", "/alerts/silences"): (SILENCE, {
        "matchers": (
            "", "allein", "area=~.*", "area=FR,DE", 'area="FR', "area=~(", "area=~a**", "area=~" + "a" * 300, "area=~(a{100}){50}",
            "\n".join(["a=1"] * 60), "a=" + "x" * 3000,
        ),
        "for": ("", "bald", "0m", "9999 d", "800 d"),
        "until": ("bald", "2020-01-01T00:00Z", "2026-01-01T00:00", "9999-01-01T00:00Z", "bald Europe/Berlin", "2026-01-01T00:00 Mars/X"),
        "from": ("bald", "9000-01-01T00:00Z", "1900-01-01T00:00Z"),
        "comment": ("x" * 501,),
    }),
    ("/alerts/maintenance/new", "/alerts/maintenance"): (PLANNED, {
        "matchers": ("", "allein", "area=~.*"),
        "cron": ("", "x", "0 25 * * *", "0 0 30 2 *"),
        "for": ("", "bald", "0m", "60 d"),
        "zone": ("Mars", ""),
        "comment": ("x" * 501,),
    }),
    ("/embeds", "/embeds"): (EMBED, {
        "name": ("", "ein Bild", "x" * 70, "gk_" + "a" * 43),
        "kind": ("", "bild"),
        "series": ("", "x", "99"),
        "days": ("x", "99"),
    }),
    ("/embeds#freshness", "/embeds"): (EMBED | RELEASED, {"item": ("", "wetter"), "area": ("", "Frankreich", "10YFR-RTE------X")}),
    ("/settings/keys", "/settings/keys"): (KEY, {
        "name": ("", "eine Person", "gk_" + "a" * 43),
        "scope": ("alles",),
        "areas": ("Frankreich", '["FR"', "FR>FR", "10YFR-RTE------X", "10YFR-RTE------ß"),
        "items": ("wetter", "load"),
        "expires": ("bald", "2020-01-01", "9999 d", "9999-01-01"),
    }),
    ("/settings/keys#operate", "/settings/keys"): (KEY | {"scope": "operate"}, {"areas": ("FR",)}),
    ("/work/backfills/new", "/work/backfills"): (BACKFILL, {
        "area": ("Frankreich", "FR>FR", ","),
        "item": ("wetter", "load"),
        "from": ("bald", "", "+3d", "1900-01-01"),
        "to": ("bald", "2020-01-01", "9999-12-31"),
        "reprocess": ("alles",),
        "description": ("x" * 501,),
    }),
    ("/quality/findings/1", "/quality/findings/1/accept"): ({}, {"reason": ("", "x" * 5000)}),
    ("/monitors/websites/1", "/monitors/websites/1/downtime/9999"): ({"note": "x"}, {"note": ("x", "x" * 2001)}),
}  # fmt: skip
"""Page and action of each form: what is right in it, and what is wrong with one field of it."""
ADDRESSES = {
    "/": {"area": "Frankreich", "item": "wetter", "state": "gut", "map": "wetter", "day": "bald", "hour": "25"},
    "/data": {"area": "Frankreich", "item": "wetter", "after": "x"},
    "/data/1": {
        "from": "bald", "to": "2000-01-01", "as_of": "bald", "resolution": "P9D", "with": "x", "add": "wetter",
    },
    "/data/1/revisions": {"at": "bald", "days": "999"},
    "/coverage": {"from": "bald", "to": "1900-01", "item": "wetter", "area": "Frankreich", "page": "0"},
    "/coverage/days?item=load_actual&area=FR": {"from": "bald", "to": "2000-01"},
    "/coverage/hours?item=load_actual&area=FR": {"month": "bald"},
    "/quality": {"area": "Frankreich", "item": "wetter"},
    "/quality/findings": {"area": "Frankreich", "rule": "wetter", "severity": "x", "state": "x", "from": "bald", "to": "bald"},
    "/alerts": {"rule": "wetter", "severity": "x", "label": "x", "state": "x"},
    "/alerts/channels": {"status": "x", "before": "x"},
    "/monitors": {"state": "x", "show": "x", "page": "x"},
    "/work": {"job": "wetter", "outcome": "x", "before": "x"},
    "/work/backfills/new?from=-7d": {
        "area": "Frankreich", "item": "wetter", "to": "bald", "reprocess": "x", "order": "x", "description": "x" * 501,
    },
    "/work/backfills/new?area=FR&item=load_actual": {"from": "bald"},
    "/work/run?job=kept": {"at": "bald"},
    "/reports": {"kind": "x", "day": "bald"},
    "/reports?kind=weekly": {"day": "2024-W60"},
    "/reports?kind=daily": {"day": "2099-01-01"},
    "/sign-in": {"lang": "xx"},
}  # fmt: skip
"""What is wrong with one parameter of an address."""


def test_every_form_that_takes_words_is_tried() -> None:
    asks = re.compile(r'<form[^>]*method="post"(?:(?!</form>).)*?<label', re.DOTALL)
    found = {
        path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html") if asks.search(path.read_text())
    }
    assert found == {
        "account.html", "alerting/alert.html", "alerting/new_maintenance.html", "alerting/new_silence.html", "embeds.html",
        "monitors/downtime.html", "monitors/edit_website.html", "monitors/new_maintenance.html", "monitors/website.html",
        "quality/finding.html", "settings/keys.html", "welcome.html",
    }, "give MISTAKES what can be wrong in a new form"  # fmt: skip


async def test_what_is_wrong_in_a_form_or_an_address_is_said_in_german(database_url: str) -> None:
    async with served_api(database_url, instance="grid-1") as served:
        await keep_series(served)
        await keep_finding(served, datetime.now(UTC) - timedelta(days=1))
        await keep_hostile_work(served)
        await keep_websites(served)
        found: dict[str, list[str]] = {}
        async with page_person(served, AccessScope.ADMIN) as person:
            await person.get("/account?lang=de")
            for (page, action), (good, wrong) in MISTAKES.items():
                hidden = await person.hidden(page)
                for field, text in ((field, text) for field, texts in wrong.items() for text in texts):
                    fields = hidden | dict(good) | {field: text}
                    answer = await person.send_again(
                        action, {name: said for name, said in fields.items() if name != "once"}
                    )
                    case = f"{action} {field}={text[:40]!r}"
                    refused = answer.status_code in {404, 409, 422}
                    found[case] = left_in(answer.text) if refused else [f"{answer.status_code}: it is taken"]
            answer = await person.send_again(
                "/sign-in", await person.hidden("/settings/keys") | {"name": "x", "password": "x"}
            )
            found["/sign-in"] = left_in(answer.text)
            for page, parameters in ADDRESSES.items():
                for name, text in parameters.items():
                    answer = await person.get(f"{page}{'&' if '?' in page else '?'}{urlencode({name: text})}")
                    case = f"{page} {name}={text[:40]!r}"
                    assert answer.status_code in {200, 404, 422}, (case, answer.status_code)
                    found[case] = left_in(answer.text)
    assert {case: left for case, left in found.items() if left} == {}


def left_in(page: str) -> list[str]:
    """What stays English on a page that says what is wrong: anything of it, and any word of what it says."""
    said = re.findall(r'<p class="problem"[^>]*>(.*?)</p>|<h1>(.*?)</h1>\s*<p>(.*?)</p>', page, re.DOTALL)
    texts = [re.sub(r"<code>.*?</code>|&#39;.*?&#39;|<[^>]+>", "", text) for found in said for text in found]
    return sorted({*remains(page), *(text for text in texts if SAID.search(text))})
