"""What evaluations of rules make of alerts: many rules at once, those that others depend on first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.alerting.models import Alert, AlertEvent, Evaluation, Labels, Rule, Signal
from app.alerting.state.suppression import AlertIndex, SuppressionContext, suppression
from app.alerting.state.transitions import Damping, advance, remind_at


@dataclass(frozen=True, slots=True)
class RuleSnapshot:
    """A rule with its alerts: those that are open or due an end, and the last that ended of the other labels.

    Without an evaluation only what time brings is notified; `overdue` are the alerts that were to be looked at by now.
    """

    rule: Rule
    alerts: Sequence[Alert]
    at: datetime
    evaluation: Evaluation | None = None
    overdue: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class AlertChange:
    """An alert that is to be written, what happened to it, and when to look at it though its rule is not due."""

    alert: Alert
    events: tuple[AlertEvent, ...] = ()
    check_at: datetime | None = None


def apply_evaluations(looks: Iterable[RuleSnapshot], around: SuppressionContext, damping: Damping) -> list[AlertChange]:
    """The changes of all looks; an alert of this very round already inhibits those that depend on its rule."""
    by_rule = {look.rule.name: look for look in looks}
    alerts, evaluated = dict(around.alerts), dict(around.evaluated)
    world = replace(around, alerts=alerts, evaluated=evaluated)
    changes: list[AlertChange] = []
    for look in _parents_first(by_rule):
        made, standing = _look(look, world, damping)
        changes += made
        alerts[look.rule.name] = AlertIndex(standing)
        if look.evaluation is not None and look.rule.name in evaluated:
            evaluated[look.rule.name] = look.at
    return changes


def _parents_first(by_rule: Mapping[str, RuleSnapshot]) -> list[RuleSnapshot]:
    ordered: dict[str, RuleSnapshot] = {}

    def visit(name: str, above: frozenset[str]) -> None:
        if name in by_rule and name not in ordered and name not in above:
            for parent in by_rule[name].rule.depends_on:
                visit(parent, above | {name})
            ordered[name] = by_rule[name]

    for name in by_rule:
        visit(name, frozenset())
    return list(ordered.values())


def _look(look: RuleSnapshot, around: SuppressionContext, damping: Damping) -> tuple[list[AlertChange], list[Alert]]:
    """The changes of one rule, and all its alerts as they stand then."""
    rule, evaluation = look.rule, look.evaluation
    signals: dict[Labels, Signal] = {signal.labels: signal for signal in evaluation.signals} if evaluation else {}
    known = {alert.labels: alert for alert in look.alerts}
    changes: list[AlertChange] = []
    standing: list[Alert] = []
    for labels in dict.fromkeys((*known, *signals)):
        alert, signal = known.get(labels), signals.get(labels)
        keep = signal is None and (evaluation is None or evaluation.keep or labels in evaluation.kept)
        why = suppression(alert, signal, rule, look.at, around)
        step = advance(alert, signal, rule, look.at, why.reason, keep=keep, damping=damping)
        standing += [step.alert] if step.alert else []
        if step.alert and (step.events or step.alert != alert or step.alert.alert_id in look.overdue):
            check_at = look.at if why.brief and step.alert.open else remind_at(step.alert, rule)
            changes.append(AlertChange(step.alert, step.events, check_at))
    return changes, standing
