"""Alerts as people look them up: what a rule read over time, messages with their attempts, groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.alerting.administration import AlertView
from app.alerting.models import Alert, EvaluationStatus, Severity
from app.alerting.state.silences import Matcher, Operator

MOST_POINTS = 240
"""Of a drawing: the evaluations of longer ranges are drawn together."""
SHORTEST_MARGIN = timedelta(hours=1)


class AlertOrder(StrEnum):
    """By what a list of alerts is grouped."""

    RULE = "rule"
    SEVERITY = "severity"
    AREA = "area"
    ITEM = "item"


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts are looked for; "" lets everything through. `label` is a value, or a name and a value: `area=FR`."""

    rule: str = ""
    severity: Severity | None = None
    label: str = ""
    before: datetime | None = None
    """Only those that fired before."""

    def lets_through(self, alert: Alert) -> bool:
        return (
            self.rule in {"", alert.rule}
            and self.severity in {None, alert.severity}
            and (not self.label or any(self.label in {value, f"{name}={value}"} for name, value in alert.labels))
            and (self.before is None or (alert.fired_at or alert.since) < self.before)
        )


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts that have something in common, the most urgent first."""

    name: str
    views: tuple[AlertView, ...]

    @property
    def firing(self) -> int:
        return sum(view.alert.fired_at is not None for view in self.views)

    @property
    def severity(self) -> Severity:
        """The highest of what fires, else of what waits."""
        firing = [view.alert.severity for view in self.views if view.alert.fired_at is not None]
        return max(firing or [view.alert.severity for view in self.views], key=lambda severity: severity.rank)


def grouped(views: Sequence[AlertView], by: AlertOrder) -> list[AlertGroup]:
    """The alerts by what they have in common; groups in the order of their first ones, which keep theirs."""
    name: Callable[[Alert], str] = {
        AlertOrder.RULE: lambda alert: alert.rule,
        AlertOrder.SEVERITY: lambda alert: alert.severity.value,
    }.get(by, lambda alert: dict(alert.labels).get(by.value, ""))
    found: dict[str, list[AlertView]] = {}
    for view in views:
        found.setdefault(name(view.alert), []).append(view)
    return [AlertGroup(one, tuple(group)) for one, group in found.items()]


@dataclass(frozen=True, slots=True)
class ReadValue:
    """What evaluations of a rule read within a stretch of time: the extremes of the worst values, the worst verdict."""

    at: datetime
    low: float | None
    high: float | None
    threshold: float | None
    verdict: EvaluationStatus
    evaluations: int


@dataclass(frozen=True, slots=True)
class ReadRange:
    """The range that a drawing shows, and how much time a point of it stands for."""

    start: datetime
    end: datetime
    step: timedelta


def range_around(alert: Alert, now: datetime) -> ReadRange:
    """From before the alert was first seen until after its end."""
    end = alert.resolved_at or now
    margin = max(SHORTEST_MARGIN, (end - alert.since) / 4)
    return range_of(alert.since - margin, min(end + margin, now))


def range_of(start: datetime, end: datetime) -> ReadRange:
    step = math.ceil(max((end - start).total_seconds(), 1.0) / MOST_POINTS)
    return ReadRange(start, end, timedelta(seconds=max(step, 60)))


@dataclass(frozen=True, slots=True)
class MessageAttempt:
    """One attempt at a message: when, what was answered, how long it took."""

    at: datetime
    channel: str
    part: str
    verdict: str
    status: int | None
    answer: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """A message that told of an alert; `kinds` are what it told of it."""

    notification_id: int
    channel: str
    status: str
    subject: str
    created_at: datetime
    ended_at: datetime | None
    error: str
    moved_from: str | None
    merged_into: int | None
    kinds: tuple[str, ...]
    attempts: tuple[MessageAttempt, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleState:
    """Where a rule stands: when it is due, what its last evaluation found, whether it rests."""

    rule: str
    next_due: datetime
    evaluated_at: datetime | None
    seconds: float | None
    verdict: str | None
    value: float | None
    threshold: float | None
    error: str
    paused_at: datetime | None
    paused_by: str


def exact_matchers(alert: Alert) -> list[str]:
    """Matchers of this alert alone, as people write them."""
    labels: Mapping[str, str] = {"rule": alert.rule, **dict(alert.labels)}
    return [str(Matcher(name, Operator.EQUAL, value)) for name, value in labels.items()]
