"""What a website asks of the check, and what is kept of its result."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.db.migrations.versions.v0112_websites import REASONS
from app.errors import ConfigurationError
from app.probes.models import CheckFailure, CheckPhases, CheckResult
from app.probes.websites.checks import record_of, request_of
from app.probes.websites.models import OURS, StatusWindow, WebsiteDraft, WindowKind, is_secret_header

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


def test_headers_are_secret_unless_they_are_known_as_harmless() -> None:
    assert [is_secret_header(name) for name in ("Accept", "X-Key", "cookie")] == [False, True, True]


def test_a_window_that_begins_in_the_future_has_lasted_no_time() -> None:
    assert StatusWindow(WindowKind.DOWN, T0).lasted(T0 - timedelta(1)) == timedelta(0)
    assert StatusWindow(WindowKind.DOWN, T0, T0 + timedelta(1)).lasted(T0) == timedelta(1)
