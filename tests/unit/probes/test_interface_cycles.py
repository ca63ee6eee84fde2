"""Cycles of services: their clock, what probes show of an operation, what a cycle comes to, and how hosts are spared."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.probes.interfaces.cycles import limits
from app.probes.interfaces.cycles.limits import HostLimits
from app.probes.interfaces.cycles.slots import FIRST_WITHIN, due_slot, first_slot, following_slot, held_slot
from app.probes.interfaces.cycles.statistics import cycle_statistics, percentile
from app.probes.interfaces.models import (
    CycleStatistics,
    OperationKey,
    OperationState,
    OperationStatus,
    ProbeRecord,
    StepRecord,
)
from app.probes.interfaces.state import after_probe, is_confirmed

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
UP = OperationState(OperationStatus.UP, AT)
GOOD = ProbeRecord(AT, ok=True, status=200, total_ms=4)
BAD = ProbeRecord(AT + timedelta(minutes=1), ok=False, reason="status", status=500, message="it is 500")
OURS = ProbeRecord(AT, ok=False, reason="ours")


def test_the_clock_of_a_service_begins_soon_and_never_drifts() -> None:
    firsts = [first_slot(f"service {number}", AT) for number in range(200)]
    assert all(AT <= slot < AT + FIRST_WITHIN for slot in firsts)
    assert len(set(firsts)) == 200
    assert firsts[0] == first_slot("service 0", AT)
    slot = AT
    for _ in range(1000):
        slot = following_slot(slot, QUARTER, slot + timedelta(seconds=1.7))
    assert slot == AT + 1000 * QUARTER


def test_slots_that_nobody_used_are_not_made_up() -> None:
    assert due_slot(AT, QUARTER, AT - timedelta(seconds=1)) is None
    assert due_slot(AT, QUARTER, AT) == (AT, AT + QUARTER)
    assert due_slot(AT, QUARTER, AT + 3.5 * QUARTER) == (AT + 3 * QUARTER, AT + 4 * QUARTER)


def test_a_clock_that_was_set_back_or_a_shorter_interval_hold_no_cycle_up() -> None:
    assert held_slot(AT + timedelta(days=1), QUARTER, AT) == AT + QUARTER
    assert held_slot(AT + timedelta(minutes=3), QUARTER, AT) == AT + timedelta(minutes=3)


@pytest.mark.parametrize(
    ("status", "record", "asked", "confirmed"),
    [
        (OperationStatus.UP, GOOD, 1, True),
        (OperationStatus.UP, OURS, 1, True),
        (OperationStatus.UP, BAD, 1, False),
        (OperationStatus.PENDING, BAD, 2, True),
        (OperationStatus.DOWN, BAD, 1, True),
    ],
)
def test_what_fails_is_asked_again_before_it_counts(
    status: OperationStatus, record: ProbeRecord, asked: int, confirmed: bool
) -> None:
    assert is_confirmed(replace(UP, status=status), record, asked, failures=2) is confirmed


def test_an_operation_is_down_since_the_first_failure_and_one_good_answer_ends_it() -> None:
    pending = after_probe(UP, BAD, confirmed=False)
    assert (pending.status, pending.since, pending.failures) == (OperationStatus.PENDING, AT, 1)
    later = replace(BAD, at=BAD.at + timedelta(seconds=3))
    down = after_probe(pending, later, confirmed=True)
    assert (down.status, down.since, down.failures, down.message) == (OperationStatus.DOWN, BAD.at, 2, "it is 500")
    still = after_probe(down, replace(later, at=later.at + QUARTER), confirmed=True)
    assert (still.status, still.since, still.failures) == (OperationStatus.DOWN, BAD.at, 3)
    up = after_probe(still, replace(GOOD, at=AT + QUARTER), confirmed=True)
    assert (up.status, up.since, up.failures, up.first_failed_at, up.reason) == (
        OperationStatus.UP, AT + QUARTER, 0, None, "",
    )  # fmt: skip
    # A failure that was not confirmed does not begin a new time of being up.
    assert after_probe(pending, GOOD, confirmed=True).since == AT


def test_what_is_ours_says_nothing_of_an_operation() -> None:
    assert after_probe(UP, OURS, confirmed=True) == UP
    down = replace(UP, status=OperationStatus.DOWN)
    assert after_probe(down, OURS, confirmed=True) == down
    pending = after_probe(UP, BAD, confirmed=False)
    assert after_probe(pending, OURS, confirmed=False) == pending
    settled = after_probe(pending, OURS, confirmed=True)
    assert (settled.status, settled.failures) == (OperationStatus.UNKNOWN, 0)


def test_a_cycle_counts_what_was_good_and_leaves_out_what_says_nothing() -> None:
    def key(path: str) -> OperationKey:
        return OperationKey("GET", "http://a", path)

    slow = [(key(f"/{number}"), replace(GOOD, total_ms=number)) for number in range(1, 101)]
    suite = (key("#s"), replace(GOOD, total_ms=9000, steps=(StepRecord(1, "a", "GET /a", ok=True),)))
    found = cycle_statistics([*slow, suite, (key("/bad"), replace(BAD, total_ms=7000)), (key("/ours"), OURS)])
    assert (found.checked, found.failed, found.ours) == (103, 1, 1)
    assert (found.p50_ms, found.p95_ms, found.p99_ms) == (50, 95, 99)
    assert [one["ms"] for one in found.slowest] == [100, 99, 98, 97, 96]
    assert found.success_percent == pytest.approx(100 * 101 / 102)
    assert (CycleStatistics().success_percent, cycle_statistics([]).p95_ms, percentile([7], 99)) == (None, None, 7)


async def test_a_host_gets_so_many_requests_at_once_and_what_is_confirmed_goes_first() -> None:
    host, order = HostLimits(1, 1000), list[str]()

    async def ask(name: str, *, urgent: bool = False) -> None:
        async with host.slot(urgent=urgent):
            order.append(name)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(ask(name)) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    tasks[2].cancel()
    tasks.append(asyncio.create_task(ask("again", urgent=True)))
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == ["a", "again", "b"]
    await ask("after")  # the place of the one that was cancelled is free
    assert order[-1] == "after"


def test_a_host_that_is_not_reached_is_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BROKEN_AFTER", 3)
    host = HostLimits(1, 1)
    for reached in (False, False, True, False, False):
        host.ended(reached=reached, detail="nobody answers")
    assert host.broken == ""
    host.ended(reached=False, detail="nobody answers")
    assert host.broken == "nobody answers"
