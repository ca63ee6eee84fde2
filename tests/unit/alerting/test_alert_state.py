from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.alerting.models import Alert, EventKind, Phase, Rule, Severity, Signal
from app.alerting.state.transitions import DAMPING, Damping, Transition, advance, ended, remind_at
from tests.support.alert_factory import MINUTE, T0, rule, signal

HOLD = rule(hold=MINUTE)
NOW = rule()


def play(rule: Rule, *looks: tuple[float, Signal | None] | tuple[float, Signal | None, str]) -> list[list[str]]:
    """The kinds of events of each look; a look is minutes since the beginning, signal, and why it is suppressed."""
    alert: Alert | None = None
    kinds: list[list[str]] = []
    for minutes, found, *why in looks:
        step = advance(alert, found, rule, T0 + minutes * MINUTE, why[0] if why else "")
        alert = step.alert
        kinds.append([event.kind.value for event in step.events])
    return kinds


def firing(**fields: object) -> Alert:
    step = advance(None, signal(), NOW, T0)
    assert step.alert is not None
    return replace(step.alert, **fields)  # type: ignore[arg-type]  # named by the caller


def test_without_a_fault_nothing_happens() -> None:
    assert advance(None, None, NOW, T0) == Transition(None)
    assert advance(None, None, NOW, T0, keep=True) == Transition(None)


def test_a_fault_waits_for_its_hold_and_is_dropped_silently_where_it_goes_before() -> None:
    assert play(HOLD, (0, signal()), (0.9, signal()), (1, signal())) == [["pending"], [], ["fired"]]
    assert play(HOLD, (0, signal()), (0.9, None), (1, signal())) == [["pending"], ["dropped"], ["pending"]]


def test_the_hold_of_a_row_goes_before_that_of_its_rule() -> None:
    assert play(HOLD, (0, Signal((), hold=timedelta(0)))) == [["fired"]]
    assert play(NOW, (0, Signal((), hold=MINUTE)), (1, Signal((), hold=MINUTE))) == [["pending"], ["fired"]]


def test_a_fault_that_goes_for_less_than_keep_firing_goes_on() -> None:
    lasting = rule(keep_firing=2 * MINUTE)
    assert play(lasting, (0, signal()), (1, None), (2.9, signal()), (4, None), (6, None)) == [
        ["fired"], [], [], [], ["resolved"],
    ]  # fmt: skip


def test_the_third_firing_within_the_window_is_held_until_it_is_quiet() -> None:
    looks = [(0, signal()), (1, None), (2, signal()), (3, None), (4, signal()), (5, None), (6, signal()), (7, None)]
    assert play(NOW, *looks, (21.9, None), (22, None)) == [
        ["fired"], ["resolved"], ["fired"], ["resolved"], ["fired"], [], [], [], [], ["resolved"],
    ]  # fmt: skip
    alert = None
    for minutes, found in looks[:5]:
        step = advance(alert, found, NOW, T0 + minutes * MINUTE)
        alert = step.alert
    assert step.events[0].note == "flapping: fired 3 times within 60 min, counts as firing until quiet for 15 min"


def test_damping_can_be_turned_off() -> None:
    alert = None
    for _ in range(10):
        alert = advance(alert, signal(), NOW, T0, damping=Damping(firings=0)).alert
        alert = advance(alert, None, NOW, T0, damping=Damping(firings=0)).alert
        assert alert is not None
        assert alert.phase is Phase.RESOLVED


def test_firings_that_lie_apart_are_no_flapping() -> None:
    looks = [(50.0 * n, signal() if n % 2 == 0 else None) for n in range(9)]
    assert play(NOW, *looks) == [["fired"], ["resolved"]] * 4 + [["fired"]]


def test_what_fired_and_ended_while_suppressed_is_never_told() -> None:
    assert play(NOW, (0, signal(), "s"), (1, signal(), "s"), (2, None, "s"), (3, None)) == [
        ["suppressed"], [], ["ended"], [],
    ]  # fmt: skip
    assert play(NOW, (0, signal(), "s"), (1, None)) == [["suppressed"], ["ended"]]


def test_what_still_fires_after_a_suppression_is_told_then_and_once() -> None:
    assert play(NOW, (0, signal(), "s"), (1, signal()), (2, signal()), (3, None)) == [
        ["suppressed"], ["fired"], [], ["resolved"],
    ]  # fmt: skip


def test_another_reason_of_suppression_is_noted() -> None:
    assert play(NOW, (0, signal(), "s"), (1, signal(), "t"), (2, signal(), "t")) == [["suppressed"]] * 2 + [[]]


def test_an_end_that_may_not_be_told_is_told_afterwards_unless_the_fault_has_come_back() -> None:
    fault = (0.0, signal())
    assert play(NOW, fault, (1, None, "s"), (2, None, "s"), (3, None)) == [["fired"], ["ended"], [], ["resolved"]]
    assert play(NOW, fault, (1, None, "s"), (2, signal(), "s"), (3, signal()), (4, None)) == [
        ["fired"], ["ended"], ["suppressed"], [], ["resolved"],
    ]  # fmt: skip


def test_reminders_do_not_burst_after_a_suppression() -> None:
    looks = [(60.0 * hour, signal(), "s" if 0 < hour < 13 else "") for hour in range(15)]
    kinds = play(NOW, *looks)
    assert [kinds[0], kinds[13], kinds[14]] == [["fired"], ["reminded"], []]


def test_an_acknowledgement_stops_reminders_until_it_gets_worse() -> None:
    acknowledged = firing(acknowledged_at=T0, acknowledged_by="me")
    later = T0 + timedelta(hours=5)
    assert advance(acknowledged, signal(), NOW, later).events == ()
    worse = advance(acknowledged, Signal((), severity=Severity.CRITICAL), NOW, later)
    assert [event.kind for event in worse.events] == [EventKind.SEVERITY]
    assert worse.alert is not None
    assert (worse.alert.acknowledged_at, worse.alert.acknowledged_by) == (None, "")
    assert [event.kind for event in advance(acknowledged, None, NOW, later).events] == [EventKind.RESOLVED]


def test_a_lower_severity_is_told_by_the_next_reminder_and_a_return_to_the_former_not_at_all() -> None:
    mild, bad = Signal((), severity=Severity.INFO), Signal((), severity=Severity.CRITICAL)
    assert play(NOW, (0, signal()), (1, bad), (2, mild), (3, bad), (4, mild), (300, mild), (301, bad)) == [
        ["fired"], ["severity"], [], [], [], ["reminded"], ["severity"],
    ]  # fmt: skip


def test_a_rule_may_do_without_reminders() -> None:
    silent = rule(remind_every=timedelta(0))
    assert remind_at(firing(), silent) is None
    assert advance(firing(), signal(), silent, T0 + timedelta(days=9)).events == ()


def test_time_alone_reminds_but_neither_fires_nor_ends() -> None:
    later = T0 + timedelta(hours=5)
    assert [event.kind for event in advance(firing(), None, NOW, later, keep=True).events] == [EventKind.REMINDED]
    gone = firing(gone_at=T0)
    assert advance(gone, None, NOW, later, keep=True) == Transition(gone)
    pending = advance(None, signal(), HOLD, T0).alert
    assert advance(pending, None, HOLD, later, keep=True) == Transition(pending)


@pytest.mark.parametrize(
    ("alert", "suppressed", "kind"),
    [
        (firing(), "", EventKind.RESOLVED),
        (firing(), "silence 1", EventKind.ENDED),
        (firing(notified_at=None), "", EventKind.ENDED),
        (firing(phase=Phase.PENDING, notified_at=None, fired_at=None), "", EventKind.DROPPED),
        (firing(phase=Phase.RESOLVED, resolved_at=T0), "", EventKind.RESOLVED),
    ],
)
def test_an_alert_whose_rule_is_gone_ends_with_a_note(alert: Alert, suppressed: str, kind: EventKind) -> None:
    step = ended(alert, NOW, T0 + MINUTE, "the rule was removed", suppressed)
    assert step.alert is not None
    assert (step.alert.open, step.alert.resolution_due, step.alert.suppressed) == (False, False, "")
    assert [(event.kind, event.note) for event in step.events] == [(kind, "the rule was removed")]


def test_an_alert_carries_what_the_last_row_said() -> None:
    said = Signal((), 7.0, 5.0, Severity.CRITICAL, (("summary", "worse"),))
    alert = advance(firing(), said, NOW, T0 + MINUTE, damping=DAMPING).alert
    assert alert is not None
    assert (alert.value, alert.threshold, alert.severity, alert.annotations) == (
        7.0,
        5.0,
        said.severity,
        said.annotations,
    )
    assert (alert.since, alert.seen_at) == (T0, T0 + MINUTE)
