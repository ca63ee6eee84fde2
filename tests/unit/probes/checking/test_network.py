"""Failures of targets and failures of our own network are told apart, and addresses known however they are spelled."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.probes.checking.addresses import AddressPolicy, refused_literal
from app.probes.checking.network import HostOutcome, host_outcome, is_network_down, without_network
from app.probes.models import CheckFailure, CheckResult

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
AWAY = [HostOutcome("a", CheckFailure.DNS), HostOutcome("b", CheckFailure.TIMEOUT), HostOutcome("c", CheckFailure.OURS)]


@pytest.mark.parametrize(
    ("outcomes", "references", "down"),
    [
        (AWAY, None, True),
        (AWAY[:2], None, False),
        ([AWAY[0], *AWAY[:2]], None, False),
        ([*AWAY, HostOutcome("d", None)], None, False),
        ([*AWAY, HostOutcome("d", CheckFailure.REFUSED)], None, False),
        ([*AWAY, HostOutcome("d", CheckFailure.STATUS)], {}, False),
        ([], None, False),
        (AWAY[:1], {"192.0.2.1:443": False, "192.0.2.2:443": False}, True),
        (AWAY, {"192.0.2.1:443": False, "192.0.2.2:443": True}, False),
        ([HostOutcome("printer.local", None), AWAY[0]], {"192.0.2.1:443": False}, True),
    ],
)
def test_network_is_down_when_references_or_all_hosts_are_away(
    outcomes: list[HostOutcome], references: dict[str, bool] | None, down: bool
) -> None:
    assert is_network_down(outcomes, references) is down


def test_only_what_was_not_reached_becomes_ours() -> None:
    results = [
        CheckResult(NOON, CheckFailure.DNS, "no such name"),
        CheckResult(NOON, CheckFailure.STATUS, "500"),
        CheckResult(NOON, None),
    ]
    changed = without_network(results)
    assert [result.failure for result in changed] == [CheckFailure.OURS, CheckFailure.STATUS, None]
    assert changed[0].detail == "this machine has no network: no such name"
    assert host_outcome("https://Example.org:8443/x", results[0]) == HostOutcome("example.org", CheckFailure.DNS)


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("http://169.254.169.254/", True),
        ("http://2852039166/", True),
        ("http://0xa9fea9fe:80", True),
        ("http://169.254.43518/x", True),
        ("http://[::ffff:169.254.169.254]/", True),
        ("http://127.1/", False),
        ("http://99999999999/", False),
        ("http://metadata.example/", False),
        ("", False),
    ],
)
def test_an_address_that_no_check_connects_to_is_known_however_it_is_spelled(url: str, *, refused: bool) -> None:
    assert (refused_literal(url, AddressPolicy()) is not None) is refused
