"""What a website asks of the check, and what is kept of its result."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from app.db.migrations.versions.v0112_websites import REASONS
from app.errors import ConfigurationError
from app.probes.kept import reason_of
from app.probes.models import CheckFailure, CheckPhases, CheckResult
from app.probes.vault import UNREADABLE
from app.probes.websites.checks import host_checked, policy_of, record_of, request_of
from app.probes.websites.models import (
    OURS,
    StatusWindow,
    Website,
    WebsiteDraft,
    WindowKind,
    is_secret_header,
    with_secrets,
)
from app.probes.websites.state import begun, edited
from app.probes.websites.wheel import DueWheel, longest_wait

T0 = datetime(2026, 3, 1, tzinfo=UTC)
DRAFT = WebsiteDraft("https://example.com", "Example", conditions=("status 200",), follow_redirects=False)


def test_a_website_asks_for_a_check_of_its_own() -> None:
    request = request_of(DRAFT)
    assert (request.url, request.redirects, [one.text for one in request.conditions]) == (
        "https://example.com",
        0,
        ["status 200"],
    )
    with pytest.raises(ConfigurationError, match=r"conditions\.0"):
        request_of(replace(DRAFT, conditions=("soon",)))
    with pytest.raises(ConfigurationError, match="no body"):
        request_of(replace(DRAFT, body="a"))


def test_the_reasons_that_are_kept_are_those_of_the_check() -> None:
    assert {reason.value for reason in CheckFailure} == {part.strip(" \n'") for part in REASONS.split(",")}
    assert CheckFailure.OURS.value == OURS


def test_a_result_is_kept_without_what_no_database_holds() -> None:
    result = CheckResult(T0, CheckFailure.STATUS, "a\0b", phases=CheckPhases(whole=1.5), excerpt="\0")
    record = record_of(result)
    assert (record.ok, record.reason, record.total_ms, record.message) == (False, "status", 1.5, "a\ufffdb")
    assert record_of(CheckResult(T0, None)).ok


def test_who_asks_for_fewer_requests_is_not_down() -> None:
    throttled = CheckResult(T0, CheckFailure.STATUS, status=429)
    assert (reason_of(throttled), record_of(throttled).ok) == ("", True)
    assert reason_of(CheckResult(T0, CheckFailure.CONDITION, status=429)) == "condition"


def test_phases_are_stable_and_spread_evenly() -> None:
    phases = sorted(policy_of(number, DRAFT).phase for number in range(1, 101))
    assert max(two - one for one, two in pairwise([*phases, 1 + phases[0]])) < 0.02
    assert policy_of(7, DRAFT) == policy_of(7, replace(DRAFT, name="Other"))
    assert host_checked("https://EXAMPLE.com:8443/a") == "example.com"


def test_the_wheel_gives_what_is_due_once_the_earliest_first() -> None:
    state = begun(T0, enabled=True).state
    websites = [
        Website(number, DRAFT, T0, T0, replace(state, due_at=T0 + timedelta(minutes=minutes)))
        for number, minutes in ((1, 3), (2, 1), (3, 10_000))
    ]
    wheel = DueWheel()
    assert (wheel.pop(T0), wheel.seconds_until_next(T0)) == (None, float("inf"))
    for website in websites:
        wheel.put(website, T0)
    wheel.push(9, T0)
    wheel.drop(9)
    wheel.drop(9)
    assert (wheel.pop(T0), wheel.seconds_until_next(T0), len(wheel)) == (None, 60, 3)
    wheel.push(1, T0)
    assert [wheel.pop(T0 + timedelta(minutes=5)) for _ in range(3)] == [1, 2, None]
    # The clock went back: nothing waits longer than it could have.
    assert wheel.pop(T0 + longest_wait(websites[2])) == 3


def test_headers_are_secret_unless_they_are_known_as_harmless() -> None:
    assert [is_secret_header(name) for name in ("Accept", "X-Key", "cookie")] == [False, True, True]


def test_a_window_that_begins_in_the_future_has_lasted_no_time() -> None:
    assert StatusWindow(WindowKind.DOWN, T0).lasted(T0 - timedelta(1)) == timedelta(0)
    assert StatusWindow(WindowKind.DOWN, T0, T0 + timedelta(1)).lasted(T0) == timedelta(1)


def test_secrets_that_cannot_be_opened_are_ours_to_mend() -> None:
    sealed = with_secrets(replace(DRAFT, headers={"Accept": "a", "X-Key": "b"}, body="c"), lambda _: UNREADABLE)
    assert (dict(sealed.headers), sealed.body) == ({"Accept": "a", "X-Key": UNREADABLE}, UNREADABLE)
    with pytest.raises(ConfigurationError, match="another key"):
        request_of(sealed)


def test_a_website_that_is_paused_and_resumed_is_unknown_until_its_next_result() -> None:
    first = begun(T0, enabled=True).state
    still = edited(first, DRAFT, replace(DRAFT, enabled=False), T0).state
    again = edited(still, replace(DRAFT, enabled=False), DRAFT, T0)
    assert [(one.kind, one.end is None) for one in again.changes] == [
        (WindowKind.PAUSED, False),
        (WindowKind.UNKNOWN, True),
    ]
    assert (again.state.unknown, again.state.due_at == again.state.latest_at) == (True, True)
