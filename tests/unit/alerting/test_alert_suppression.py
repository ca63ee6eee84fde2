from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.alerting.models import (
    NOTIFYING_EVENTS,
    Alert,
    Evaluation,
    EvaluationStatus,
    Phase,
    Rule,
    Severity,
    Signal,
    labels_of,
)
from app.alerting.state.apply import RuleSnapshot, apply_evaluations
from app.alerting.state.silences import Silence, parse_matchers
from app.alerting.state.suppression import NOTHING, AlertIndex, Suppression, SuppressionContext, suppression
from app.alerting.state.transitions import DAMPING
from tests.support.alert_factory import MINUTE, T0, rule, signal

SECOND = timedelta(seconds=1)
DOWN = rule("platform_down", labels=(("team", "ops"),))
CHILD = rule("failing", depends_on=("platform_down", "unknown_rule"), labels=(("team", "data"),))


def alert(name: str = "platform_down", phase: Phase = Phase.FIRING, **labels: str) -> Alert:
    fired = None if phase is Phase.PENDING else T0
    ended = T0 + MINUTE if phase is Phase.RESOLVED else None
    return Alert(name, labels_of(labels), Severity.WARNING, phase, T0, T0, fired, ended)


def around(
    *alerts: Alert, evaluated: float = 0, rules: Sequence[Rule] = (DOWN, CHILD), **more: object
) -> SuppressionContext:
    return SuppressionContext(
        rules={one.name: one for one in rules},
        alerts={DOWN.name: AlertIndex(alerts)},
        evaluated={DOWN.name: T0 + evaluated * SECOND},
        **more,  # type: ignore[arg-type]  # named by the caller
    )


def why(world: SuppressionContext, known: Alert | None = None, found: Signal | None = None, seconds: float = 0) -> str:
    return suppression(known, found, CHILD, T0 + seconds * SECOND, world).reason


def test_nothing_is_suppressed_that_is_not_there() -> None:
    assert suppression(None, None, CHILD, T0, around(alert())) is NOTHING
    ended = alert("failing", Phase.RESOLVED)
    assert suppression(ended, None, CHILD, T0, around(alert())) is NOTHING


def test_a_rule_without_labels_in_common_inhibits_all_and_others_where_they_agree() -> None:
    found = signal(area="FR", item="load")
    assert why(around(alert()), found=found) == "inhibited by platform_down"
    assert why(around(alert(channel="mail")), found=found) == "inhibited by platform_down"
    assert why(around(alert(area="FR")), found=found) == "inhibited by platform_down"
    assert why(around(alert(area="NL")), found=found) == ""
    assert why(around(alert(area="NL"), alert(area="FR", item="load")), found=found) == "inhibited by platform_down"


def test_labels_that_a_rule_gives_all_its_alerts_need_not_agree() -> None:
    assert why(around(alert(team="ops")), found=signal(team="data")) == "inhibited by platform_down"


def test_an_alert_waits_for_a_rule_not_looked_at_since_and_for_one_that_is_pending_but_not_for_ever() -> None:
    world = around(evaluated=-1)
    assert suppression(None, signal(), CHILD, T0, world) == Suppression("waiting for platform_down", brief=True)
    pending = around(alert(phase=Phase.PENDING))
    assert why(pending, found=signal()) == "waiting for platform_down"
    fires = alert("failing")
    assert why(pending, fires, signal(), seconds=9) == "waiting for platform_down"
    assert why(pending, fires, signal(), seconds=10) == ""
    assert why(around(evaluated=0), fires) == ""


def test_what_was_told_already_does_not_wait_and_a_paused_rule_is_not_waited_for() -> None:
    told = Alert("failing", (), Severity.WARNING, Phase.FIRING, T0, T0, T0, notified_at=T0)
    assert why(around(evaluated=-1), told, signal()) == ""
    nobody = SuppressionContext(rules={DOWN.name: DOWN})
    assert why(nobody, found=signal()) == ""


def test_a_fault_that_was_not_seen_since_its_cause_ended_stays_quiet() -> None:
    fires = alert("failing")
    world = around(alert(phase=Phase.RESOLVED), evaluated=60)
    assert why(world, fires, seconds=90) == "inhibited by platform_down"
    assert why(world, fires, signal(), seconds=90) == ""


def test_an_end_is_not_held_back_by_a_cause_that_has_ended() -> None:
    owed = Alert("failing", (), Severity.WARNING, Phase.RESOLVED, T0, T0, T0, T0, notified_at=T0)
    assert owed.resolution_due
    assert why(around(alert(phase=Phase.RESOLVED), evaluated=60), owed, seconds=90) == ""
    assert why(around(alert(), evaluated=60), owed, seconds=90) == "inhibited by platform_down"


def test_a_silence_sees_rule_severity_and_the_labels_of_the_rule() -> None:
    found = Signal((("area", "FR"),), severity=Severity.CRITICAL)
    for matchers in (["rule=failing"], ["severity=critical"], ["team=data"], ["area=FR", "rule=~f.*"]):
        quiet = Silence(parse_matchers(matchers), T0, T0 + MINUTE, silence_id=3)
        assert why(around(quiets=[quiet]), found=found) == "silence 3"
    other = Silence(parse_matchers(["severity=warning"]), T0, T0 + MINUTE, comment="night")
    assert why(around(quiets=[other]), found=found) == ""
    assert why(around(quiets=[other]), alert("failing")) == "silence 0: night"


def evaluation(name: str, *signals: Signal) -> Evaluation:
    return Evaluation(name, T0, 0.0, EvaluationStatus.FIRING if signals else EvaluationStatus.OK, signals)


def test_rules_that_others_depend_on_are_settled_first_in_whatever_order_they_come() -> None:
    grandchild = rule("late", depends_on=("failing",))
    looks = [
        RuleSnapshot(one, (), T0, evaluation(one.name, signal()))
        for one in (grandchild, CHILD, DOWN, rule("circle", depends_on=("circle",)))
    ]
    world = SuppressionContext(
        rules={look.rule.name: look.rule for look in looks},
        evaluated={DOWN.name: T0 - MINUTE, "failing": T0 - MINUTE},
    )
    changes = {change.alert.rule: change for change in apply_evaluations(looks, world, DAMPING)}
    assert {
        name for name, change in changes.items() if any(event.kind in NOTIFYING_EVENTS for event in change.events)
    } == {"platform_down", "circle"}
    assert changes["late"].alert.suppressed == "inhibited by failing"


def test_an_alert_that_waits_is_looked_at_again_at_once_and_one_that_was_told_when_it_is_due() -> None:
    look = RuleSnapshot(CHILD, (), T0, evaluation("failing", signal()))
    [waiting] = apply_evaluations([look], around(evaluated=-1), DAMPING)
    assert waiting.check_at == T0
    [told] = apply_evaluations([look], around(), DAMPING)
    assert told.check_at == T0 + CHILD.remind_every


def test_an_alert_that_was_to_be_looked_at_is_written_though_nothing_changed() -> None:
    quiet = Alert(
        "failing", (), Severity.WARNING, Phase.FIRING, T0, T0, T0, notified_at=T0, acknowledged_at=T0, alert_id=5
    )
    assert apply_evaluations([RuleSnapshot(CHILD, [quiet], T0)], around(), DAMPING) == []
    [change] = apply_evaluations([RuleSnapshot(CHILD, [quiet], T0, overdue=frozenset({5}))], around(), DAMPING)
    assert (change.alert, change.check_at, change.events) == (quiet, None, ())


def test_an_evaluation_that_keeps_lets_alerts_stay_but_takes_up_new_ones() -> None:
    kept = alert("failing", area="FR")
    keeping = Evaluation("failing", T0, 0.0, EvaluationStatus.ERROR, (signal(area="NL"),), keep=True)
    changes = apply_evaluations([RuleSnapshot(CHILD, [kept], T0, keeping)], SuppressionContext(), DAMPING)
    assert sorted(dict(change.alert.labels)["area"] for change in changes if change.alert.open) == ["FR", "NL"]


def test_a_cause_explains_after_its_end_for_as_long_as_the_rule_looks_back() -> None:
    looking = rule("failing", depends_on=("platform_down",), lookback=15 * MINUTE)
    world = around(alert(phase=Phase.RESOLVED), evaluated=60, rules=(DOWN, looking))

    def reason(known: Alert | None, found: Signal | None, minutes: float) -> str:
        return suppression(known, found, looking, T0 + minutes * MINUTE, world).reason

    assert reason(alert("failing"), signal(), 15.9) == "inhibited by platform_down"
    assert reason(None, signal(), 15.9) == "inhibited by platform_down"
    assert reason(alert("failing"), signal(), 16.1) == ""
    owed = Alert("failing", (), Severity.WARNING, Phase.RESOLVED, T0, T0, T0, T0, notified_at=T0)
    assert reason(owed, None, 2) == ""
