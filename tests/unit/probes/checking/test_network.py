"""Failures of targets and failures of our own network are told apart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

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
