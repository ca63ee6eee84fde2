"""What goes wrong on purpose in the sandbox, and the limit of requests."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.errors import ConfigurationError
from app.sandbox.faults import BusiestMinute, Fault, Throttle, fault_of, html_instead, throttled, unavailable
from app.sandbox.settings import SandboxSettings


def test_faults_are_a_function_of_seed_and_number() -> None:
    settings = SandboxSettings(seed=5, rate_503=0.3, rate_drop=0.3)
    faults = [fault_of(settings, number) for number in range(200)]
    assert faults == [fault_of(settings, number) for number in range(200)]
    assert faults != [fault_of(SandboxSettings(seed=6, rate_503=0.3, rate_drop=0.3), number) for number in range(200)]


def test_faults_come_at_their_rates() -> None:
    settings = SandboxSettings(rate_503=0.1, rate_429=0.1, rate_drop=0.1, rate_html=0.1, rate_truncate=0.2)
    found = Counter(fault_of(settings, number) for number in range(5000))
    assert set(found) == set(Fault)
    assert found[Fault.NONE] == pytest.approx(2000, abs=150)
    assert found[Fault.CUT_DOCUMENT] == pytest.approx(500, abs=100)


def test_without_rates_nothing_goes_wrong() -> None:
    assert {fault_of(SandboxSettings(), number) for number in range(500)} == {Fault.NONE}


def test_a_rate_of_one_hits_every_request() -> None:
    assert {fault_of(SandboxSettings(rate_html=1), number) for number in range(500)} == {Fault.HTML}


def test_the_limit_holds_in_any_minute_and_is_followed_by_a_ban() -> None:
    throttle = Throttle(limit=3, ban_seconds=600)
    assert [throttle.refuse(at) for at in (0, 10, 20)] == [None, None, None]
    assert throttle.refuse(59) == 600
    assert throttle.refuse(60) == 599
    assert throttle.refuse(658) == 1
    assert throttle.refuse(659) is None


def test_requests_that_are_a_minute_old_no_longer_count() -> None:
    throttle = Throttle(limit=2, ban_seconds=600)
    assert [throttle.refuse(at) for at in (0, 30, 60, 90, 120)] == [None] * 5


def test_no_limit_refuses_nobody() -> None:
    throttle = Throttle(limit=None, ban_seconds=600)
    assert {throttle.refuse(0) for _ in range(1000)} == {None}


def test_the_page_of_a_429_names_limit_and_wake_up_time_rounded_up() -> None:
    page = throttled(400, datetime(2026, 5, 7, 13, 39, 59, 1, tzinfo=UTC))
    assert (page.status, page.content_type) == (429, "text/html")
    assert b"exceeded the API throttling limit of 400 requests per minute" in page.body
    assert b"The platform will respond again at 2026-05-07 13:40:00 UTC." in page.body


def test_the_maintenance_page_is_large_and_the_html_instead_is_a_200() -> None:
    assert unavailable().status == 503
    assert 80_000 < len(unavailable().body) < 120_000
    assert html_instead().status == 200
    assert html_instead().body.startswith(b"<html>")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rate_503": 1.5}, "sandbox rate_503 is a share"),
        ({"hole_share": -0.1}, "sandbox hole_share is a share"),
        ({"rate_503": 0.7, "rate_drop": 0.7}, "add up to more than 1"),
        ({"latency": -1}, "sandbox latency must not be negative"),
        ({"port": 70_000}, "sandbox port must lie between 0"),
        ({"limit_per_minute": 0}, "sandbox limit_per_minute must be at least 1"),
        ({"token": ""}, "sandbox token is empty"),
    ],
)
def test_impossible_settings_name_the_field_and_the_remedy(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        SandboxSettings(**options)


def test_the_token_is_not_shown() -> None:
    assert "secret" not in repr(SandboxSettings(token="secret", replay=Path("recordings")))


def test_the_busiest_minute_is_counted_over_any_sixty_seconds() -> None:
    minute = BusiestMinute()
    for at in (0.0, 50.0, 59.9, 60.0, 61.0, 300.0):
        minute.note(at)
    assert minute.most == 4
