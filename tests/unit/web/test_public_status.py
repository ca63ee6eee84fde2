"""Badges, and the rows of the public status page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from xml.etree import ElementTree as ET

import pytest

from app.monitoring.models import Lateness
from app.monitoring.summary import Standing
from app.probes.websites.models import StatusWindow, WebsiteStatus, WindowKind
from app.scheduling.models import JobOutcome
from app.settings import WebSettings
from app.web.pages.public.badges import LONGEST, badge
from app.web.pages.public.names import unmatched_names
from app.web.pages.public.status import StatusFacts, maintenance_rows, status_rows

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Thing:
    """Whatever has these attributes."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


def late(area: str, minutes: int) -> Lateness:
    return Lateness("load_actual", area, NOW, "PT15M", NOW, timedelta(minutes=minutes))


def facts(*lateness: Lateness, websites: Any = (), jobs: Any = ()) -> StatusFacts:
    return StatusFacts(cast("Any", Thing(lateness=lateness)), websites, jobs)


def test_a_badge_is_well_formed_whatever_it_says() -> None:
    root = ET.fromstring(badge("<a&b>" * 40, "\"'>", Standing.BAD))
    texts = [one.text or "" for one in root.iter() if one.tag.endswith("text")]
    assert (len(texts[0]), texts[1]) == (LONGEST, "\"'>")
    assert int(root.attrib["width"]) > 100


def test_the_rows_are_what_was_chosen_in_that_order() -> None:
    website = Thing(
        website_id=1,
        draft=Thing(name="Shop", labels={"group": "sales"}),
        status=lambda _now: WebsiteStatus.DOWN,
        since=lambda _now: NOW,
    )
    job = Thing(job=Thing(name="prices"), last=Thing(outcome=JobOutcome.FAILED, finished_at=NOW))
    waits = Thing(job=Thing(name="loads"), last=None)
    runs = Thing(job=Thing(name="flows"), last=Thing(outcome=None, finished_at=None))
    found = status_rows(
        [
            "job:prices",
            "job:loads",
            "job:flows",
            "websites:sales",
            "website:Shop",
            "website:Other",
            "series:load_actual",
        ],
        facts(late("FR", 0), late("NL", 90), websites=[website], jobs=[job, waits, runs]),
        NOW,
    )
    assert [(row.name, row.condition, row.said) for row in found] == [
        ("prices", Standing.BAD, "failed"),
        ("loads", Standing.IDLE, "has not run yet"),
        ("flows", Standing.IDLE, "runs"),
        ("Shop", Standing.BAD, "down"),
        ("Shop", Standing.BAD, "down"),
        ("Other", Standing.IDLE, "nothing is known"),
        ("load actual", Standing.BAD, "on time in 1 of 2 areas, the latest by 1 h 30 min"),
    ]
    [fine] = status_rows(["series:load_actual"], facts(late("FR", 0)), NOW)
    assert (fine.condition, fine.said) == (Standing.GOOD, "on time in 1 of 1 areas")
    [one] = status_rows(["series:load_actual/NL"], facts(late("FR", 0), late("NL", 20)), NOW)
    assert (one.name, one.condition, one.said) == ("load actual, NL", Standing.WARN, "late 20 min")
    assert status_rows(["series:price_day_ahead"], facts(late("FR", 0)), NOW)[0].said == "nothing is known"


def test_services_and_maintenance_are_shown_where_the_owner_chooses_them() -> None:
    def service(name: str, status: str, failing: int) -> Thing:
        return Thing(
            name=name, status=status, failing=failing, operations=3, failing_since=NOW, auth_failing_since=None
        )

    website = Thing(
        website_id=7,
        draft=Thing(name="Shop", labels={}),
        status=lambda _now: WebsiteStatus.DOWN,
        since=lambda _now: NOW,
    )
    hour = timedelta(hours=1)
    times = [
        StatusWindow(WindowKind.MAINTENANCE, NOW - 3 * hour, NOW - 2 * hour, "over"),
        StatusWindow(WindowKind.MAINTENANCE, NOW - hour, NOW + hour, "move"),
        *(
            StatusWindow(WindowKind.MAINTENANCE, NOW + day * 24 * hour, NOW + 25 * day * hour, "updates")
            for day in (2, 1)
        ),
    ]
    known = StatusFacts(
        cast("Any", Thing(lateness=())),
        cast("Any", [website]),
        (),
        cast(
            "Any",
            [service("a", "up", 0), service("b", "failing", 1), service("c", "failing", 3), service("d", "auth", 0)],
        ),
        {7: times},
    )
    shown = ["service:a", "service:b", "service:c", "service:d", "maintenance", "website:Shop"]
    assert [(row.name, row.condition, row.said) for row in status_rows(shown, known, NOW)] == [
        ("a", Standing.GOOD, "up"),
        ("b", Standing.BAD, "partly down"),
        ("c", Standing.BAD, "down"),
        ("d", Standing.BAD, "down"),
        ("Shop", Standing.IDLE, "down in maintenance"),
    ]
    assert [(row.name, row.websites, row.active, row.start) for row in maintenance_rows(known, NOW)] == [
        ("move", "Shop", True, NOW - hour),
        ("updates", "Shop", False, NOW + 24 * hour),
    ]


@pytest.mark.parametrize("text", ["load_actual", "gap:x", "series:", "series:nothing", "series:load_actual/XX9"])
def test_a_choice_that_means_nothing_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(ValueError, match="status_shows"):
        WebSettings(status_shows=cast("Any", text))


def test_names_that_nothing_has_are_found() -> None:
    known = {"website": {"Shop"}, "websites": {"web"}, "job": {"repair"}, "service": set[str]()}
    shown = [
        "series:load_actual",
        "website:Shop",
        "website:Shpo",
        "websites:web",
        "job:repair",
        "service:a",
        "maintenance",
    ]
    assert unmatched_names(shown, known) == ["website:Shpo", "service:a"]


@pytest.mark.parametrize("text", ["website:Example Site", "websites:shop,x"])
def test_a_name_with_blanks_needs_a_list_and_the_refusal_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="blanks as a list in JSON"):
        WebSettings(status_shows=cast("Any", text))
    assert WebSettings(status_shows=cast("Any", f'["{text}"]')).status_shows == (text,)
