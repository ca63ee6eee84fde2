"""Whatever faults, silences, acknowledgements and clocks do, people are notified each thing once, and of every lasting fault."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from app.alerting.evaluation.serialization import alert_of, changes_as_json
from app.alerting.models import NOTIFYING_EVENTS, Alert, AlertEvent, EventKind, Phase, Rule, Severity, Signal
from app.alerting.state.apply import AlertChange
from app.alerting.state.transitions import Damping, advance
from tests.support.alert_factory import T0, rule

DAMPING = Damping(firings=3, window=timedelta(minutes=10), quiet=timedelta(minutes=3))
REMIND = timedelta(minutes=20)
INSTANTS = (
    "since", "seen_at", "gone_at", "fired_at", "resolved_at", "notified_at", "resolved_notified_at", "acknowledged_at", "check_at",
)  # fmt: skip


@dataclass(frozen=True)
class Moment:
    """What one look finds."""

    seconds: int
    """True time since the look before."""
    fault: bool = False
    suppressed: bool = False
    keep: bool = False
    acknowledge: bool = False
    severity: Severity = Severity.WARNING
    clock: int = 0
    """Seconds by which the clock is set forth, or back."""


def moments(*, back: bool = False, forth: bool = False) -> st.SearchStrategy[list[Moment]]:
    low, high = (-900 if back else 0), (900 if forth else 0)
    steps = st.sampled_from([0]) if low == high else st.sampled_from([0] * 8 + [low, high, low // 7, high // 7])
    rarely = st.sampled_from([False] * 5 + [True])
    return st.lists(
        st.builds(
            Moment,
            seconds=st.sampled_from([1, 5, 10, 30, 60, 200, 700]),
            fault=st.booleans(),
            suppressed=rarely,
            keep=rarely,
            acknowledge=rarely,
            severity=st.sampled_from(Severity),
            clock=steps,
        ),
        min_size=25,
        max_size=60,
    )


rules = st.builds(
    lambda hold, keep: rule(hold=timedelta(seconds=hold), keep_firing=timedelta(seconds=keep), remind_every=REMIND),
    st.sampled_from([0, 20, 90]),
    st.sampled_from([0, 15, 120]),
)


@dataclass
class Story:
    """An alert through many looks, and what was told at which true instant."""

    rule: Rule
    alert: Alert | None = None
    now: datetime = T0
    offset: timedelta = timedelta(0)
    told: list[tuple[datetime, AlertEvent]] = field(default_factory=list)
    restarts: bool = False

    def look(self, moment: Moment) -> list[AlertEvent]:
        self.now += timedelta(seconds=moment.seconds)
        self.offset += timedelta(seconds=moment.clock)
        if moment.acknowledge and self.alert is not None and self.alert.open:
            self.alert = replace(self.alert, acknowledged_at=self.now + self.offset, acknowledged_by="me")
        signal = Signal((), 1.0, severity=moment.severity) if moment.fault and not moment.keep else None
        step = advance(
            self.alert, signal, self.rule, self.now + self.offset, "silence 1" if moment.suppressed else "",
            keep=moment.keep, damping=DAMPING,
        )  # fmt: skip
        self.alert = stored(step.alert) if self.restarts and step.alert else step.alert
        told = [event for event in step.events if event.kind in NOTIFYING_EVENTS]
        self.told += [(self.now, event) for event in told]
        return told

    @property
    def open(self) -> bool:
        """Whether people believe that it fires."""
        return bool(self.told) and self.told[-1][1].kind is not EventKind.RESOLVED


def stored(alert: Alert) -> Alert:
    """The alert as it comes back from the database."""
    [row] = json.loads(changes_as_json([AlertChange(alert)]))
    content: dict[str, Any] = dict(row)
    for name in INSTANTS:
        content[name] = datetime.fromisoformat(row[name]) if row[name] else None
    content["firings"] = [datetime.fromisoformat(firing) for firing in row["firings"]]
    for name in ("labels", "annotations"):
        content[name] = json.dumps(row[name])
    return alert_of(content)


@given(rules, moments(back=True, forth=True))
def test_an_end_is_told_only_after_a_beginning_and_a_beginning_once_before_an_end(
    rule: Rule, story: list[Moment]
) -> None:
    it = Story(rule)
    for moment in story:
        believed = it.open
        for event in it.look(moment):
            assert (event.kind is EventKind.FIRED) is not believed
            believed = event.kind is not EventKind.RESOLVED


@given(rules, moments(back=True, forth=True))
def test_nothing_is_told_while_it_is_suppressed(rule: Rule, story: list[Moment]) -> None:
    it = Story(rule)
    for moment in story:
        assert not (it.look(moment) and moment.suppressed)


@given(rules, moments(back=True))
@example(
    rule(remind_every=REMIND), [Moment(1, fault=True), Moment(700, fault=True, clock=-900), Moment(700, fault=True)]
)
def test_people_are_never_reminded_sooner_than_the_rule_says(rule: Rule, story: list[Moment]) -> None:
    it = Story(rule)
    for moment in story:
        it.look(moment)
    last: datetime | None = None
    for at, event in it.told:
        if event.kind is EventKind.REMINDED:
            assert last is not None
            assert at - last >= REMIND
        last = at


@given(rules, moments(back=True, forth=True))
def test_between_reminders_a_severity_is_told_only_where_it_is_the_highest_so_far(
    rule: Rule, story: list[Moment]
) -> None:
    it = Story(rule)
    for moment in story:
        it.look(moment)
    highest = -1
    for _, event in it.told:
        if event.kind is EventKind.SEVERITY:
            assert event.alert.severity.rank > highest
        highest = event.alert.severity.rank


@given(rules, moments(), st.integers(0, 3))
def test_a_fault_that_outlasts_its_hold_is_told(rule: Rule, story: list[Moment], keeps: int) -> None:
    it = Story(rule)
    for moment in story:
        it.look(moment)
    it.look(Moment(1, fault=True))
    for _ in range(keeps):
        it.look(Moment(1, keep=True))
    it.look(Moment(int(rule.hold.total_seconds()), fault=True))
    assert it.open


@given(rules, moments(back=True, forth=True))
def test_whatever_was_a_fault_is_over_for_people_once_it_is_over(rule: Rule, story: list[Moment]) -> None:
    it = Story(rule)
    for moment in story:
        it.look(moment)
    it.look(Moment(1))
    it.look(Moment(int(max(rule.keep_firing, DAMPING.quiet).total_seconds())))
    assert not it.open
    assert it.alert is None or it.alert.phase is Phase.RESOLVED


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=10, max_size=60))
def test_a_flapping_fault_is_told_again_only_after_it_was_quiet(story: list[tuple[int, bool]]) -> None:
    it = Story(rule(remind_every=REMIND))
    for seconds, fault in story:
        it.look(Moment(seconds, fault=fault))
    fired = [at for at, event in it.told if event.kind is EventKind.FIRED]
    for first, last in zip(fired, fired[DAMPING.firings :], strict=False):
        assert last - first >= DAMPING.quiet


@given(rules, moments(back=True, forth=True))
def test_a_restart_between_any_two_looks_changes_nothing(rule: Rule, story: list[Moment]) -> None:
    one, other = Story(rule), Story(rule, restarts=True)
    for moment in story:
        assert one.look(moment) == other.look(moment)
        assert one.alert == other.alert


@given(rules, moments(back=True, forth=True))
def test_an_alert_knows_no_instant_after_the_look(rule: Rule, story: list[Moment]) -> None:
    it = Story(rule)
    for moment in story:
        it.look(moment)
        alert = it.alert
        if alert is not None and alert.open:
            known = [alert.since, alert.seen_at, alert.fired_at, alert.notified_at, alert.gone_at, *alert.firings]
            assert all(instant <= it.now + it.offset for instant in known if instant)
