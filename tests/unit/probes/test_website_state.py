"""Websites: when they are due, how checks that keep failing pause, and which addresses are the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import ConfigurationError
from app.probes.websites.addresses import checked_url, origin, url_key
from app.probes.websites.models import OURS, Website, WebsiteDraft, WebsiteStatus, WindowKind
from app.probes.websites.state import CheckPolicy, StateStep, after_check, begun, edited, next_slot

T0 = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = CheckPolicy(MINUTE, timedelta(seconds=30), 2, 2, timedelta(seconds=20), 0.25)
DRAFT = WebsiteDraft("https://example.com", "Example")


def after(reasons: list[str], *, every: timedelta = MINUTE, jitter: float = 0.0) -> tuple[StateStep, datetime]:
    step, at = begun(T0, enabled=True), T0
    for reason in reasons:
        at = max(at + every, step.state.break_until or at)
        step = after_check(step.state, POLICY, at, reason, now=at, jitter=jitter)
    return step, at


def test_checks_pause_after_five_failures_and_longer_each_time_up_to_a_cap() -> None:
    pauses = []
    for count in range(4, 11):
        step, at = after(["timeout"] * count)
        pauses.append(step.state.break_until and (step.state.break_until - at) / MINUTE)
    assert pauses == [None, 5, 10, 20, 30, 30, 30]
    longest, at = after(["timeout"] * 5, jitter=1.0)
    assert longest.state.break_until == at + 5.5 * MINUTE
    assert longest.state.due_at == longest.state.break_until
    good = after_check(longest.state, POLICY, at + 6 * MINUTE, "", now=at + 6 * MINUTE)
    assert (good.state.break_until, good.state.breaks, good.state.failures) == (None, 0, 0)


def test_a_check_that_somebody_asks_for_in_a_pause_makes_it_no_longer() -> None:
    step, at = after(["timeout"] * 5)
    asked = after_check(step.state, POLICY, at + MINUTE, "timeout", now=at + MINUTE)
    assert (asked.state.break_until, asked.state.breaks) == (step.state.break_until, 1)


def test_a_change_is_confirmed_soon_and_else_checks_keep_their_phase() -> None:
    good, at = after([""])
    assert good.state.due_at == at + timedelta(seconds=15)
    assert next_slot(POLICY, T0 + timedelta(seconds=14)) == T0 + timedelta(seconds=75), "one just passed"
    failed = after_check(good.state, replace(POLICY, interval=5 * MINUTE), at, "status", now=at)
    assert failed.state.due_at == at + timedelta(seconds=20)


def test_nobody_knows_how_a_website_is_that_was_not_checked_for_long() -> None:
    step, at = after([""])
    website = Website(1, DRAFT, T0, T0, step.state)
    assert website.status(at + MINUTE) is WebsiteStatus.UP
    assert website.status(at + 5 * MINUTE) is WebsiteStatus.UNKNOWN
    assert replace(website, draft=replace(DRAFT, enabled=False)).status(at) is WebsiteStatus.PAUSED
    late = after_check(step.state, POLICY, at + 60 * MINUTE, "timeout", now=at + 60 * MINUTE)
    assert [(one.kind, one.start, one.end) for one in late.changes] == [
        (WindowKind.UNKNOWN, step.state.known_until, at + 60 * MINUTE)
    ]


def test_a_pause_of_a_website_that_is_down_ends_its_downtime() -> None:
    step, at = after(["timeout"] * 2)
    paused = edited(step.state, DRAFT, replace(DRAFT, enabled=False), at + MINUTE)
    assert [(one.kind, one.start is None) for one in paused.changes] == [
        (WindowKind.DOWN, True),
        (WindowKind.PAUSED, False),
    ]
    resumed = edited(paused.state, replace(DRAFT, enabled=False), DRAFT, at + 2 * MINUTE)
    moved = edited(resumed.state, DRAFT, replace(DRAFT, url="https://other.example"), at + 3 * MINUTE)
    last = step.state.checked_at
    assert (paused.state.checked_at, resumed.state.checked_at, moved.state.checked_at) == (last, last, None)


def test_our_failure_in_a_pause_asks_nobody_more_often() -> None:
    step, at = after(["timeout"] * 5)
    ours = after_check(step.state, POLICY, at + MINUTE, OURS, now=at + MINUTE)
    assert ours.state.due_at == step.state.break_until


def test_an_edit_is_looked_at_at_once_where_it_asks_otherwise_or_more_often() -> None:
    step, at = after([""])
    now = at + timedelta(seconds=1)
    assert edited(step.state, DRAFT, replace(DRAFT, name="Other", failures=3), now).state.due_at == step.state.due_at
    assert edited(step.state, DRAFT, replace(DRAFT, check_interval=3600), now).state.due_at == step.state.due_at
    for changed in (replace(DRAFT, check_interval=60), replace(DRAFT, method="HEAD")):
        assert edited(step.state, DRAFT, changed, now).state.due_at == now
    off = replace(DRAFT, enabled=False)
    assert edited(step.state, off, replace(off, url="https://example.org"), now).changes == ()


@pytest.mark.parametrize(
    "url",
    [
        "HTTPS://Example.COM", "https://example.com:443/", "https://example.com./", "https://example.com/#top",
        " https://example.com/ ",
    ],
)  # fmt: skip
def test_ways_to_write_an_address_are_one(url: str) -> None:
    assert url_key(checked_url(url)) == "https://example.com/"


def test_other_addresses_are_others() -> None:
    keys = {url_key(f"https://example.com{rest}") for rest in ("/", "/a", "/A", "/?a", ":8443/")}
    assert len(keys | {url_key("http://example.com/")}) == 6
    assert url_key("https://bücher.example") == url_key("https://xn--bcher-kva.example/")
    assert origin("https://Example.com:443/a?b") == "https://example.com"


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com", "https://", "https:///path", "http://a b.example", "http://./",
        "https://user:password@example.com", "https://example.com:0", "https://example.com:99999", "http://[::1",
        "https://example.com/\n/a", "https://" + "a" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        url_key(checked_url(url))
