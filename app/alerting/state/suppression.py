"""Why nobody is notified of an alert at present: silences, maintenance, and rules that explain it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.alerting.models import Alert, Labels, Phase, Rule, Severity, Signal
from app.alerting.state.silences import Mute, described, silenced_by


class AlertIndex:
    """The alerts of one rule, found by the labels that they share with others."""

    def __init__(self, alerts: Iterable[Alert] = ()) -> None:
        self._groups: dict[tuple[str, ...], list[Alert]] = defaultdict(list)
        self._indexes: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[tuple[str, ...], list[Alert]]] = {}
        for alert in alerts:
            self._groups[tuple(name for name, _ in alert.labels)].append(alert)

    def agreeing(self, labels: Mapping[str, str], constant: set[str]) -> Iterator[Alert]:
        """Alerts whose labels have the same values as these, where both have the label and it is not constant."""
        for names in self._groups:
            shared = tuple(name for name in names if name in labels and name not in constant)
            yield from self._index(names, shared).get(tuple(labels[name] for name in shared), ())

    def _index(self, names: tuple[str, ...], shared: tuple[str, ...]) -> dict[tuple[str, ...], list[Alert]]:
        found = self._indexes.get((names, shared))
        if found is None:
            found = self._indexes[names, shared] = defaultdict(list)
            for alert in self._groups[names]:
                values = dict(alert.labels)
                found[tuple(values[name] for name in shared)].append(alert)
        return found


@dataclass(frozen=True, slots=True)
class SuppressionContext:
    """What else is known when alerts are looked at; `quiets` are those active now."""

    rules: Mapping[str, Rule] = field(default_factory=dict)
    quiets: Sequence[Mute] = ()
    alerts: Mapping[str, AlertIndex] = field(default_factory=dict)
    """By rule, of those that others depend on: what is open, and what ended of late."""
    evaluated: Mapping[str, datetime] = field(default_factory=dict)
    """When the last evaluation began of the rules that others depend on, long ago for none; paused ones are left out."""
    inhibit_wait: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Suppression:
    """A reason, empty where there is none; `brief` where it ends by itself within seconds."""

    reason: str = ""
    brief: bool = False


@dataclass(frozen=True, slots=True)
class _Subject:
    """The alert as it would stand after this look."""

    labels: Labels
    severity: Severity
    since: datetime
    seen_at: datetime
    fired_at: datetime
    not_notified: bool
    fires: bool


NOTHING = Suppression()
EMPTY_INDEX = AlertIndex()


def suppression(
    alert: Alert | None, signal: Signal | None, rule: Rule, now: datetime, around: SuppressionContext
) -> Suppression:
    """Why people may not be notified of this alert at this look."""
    subject = _subject(alert, signal, rule, now)
    if subject is None:
        return NOTHING
    quiet = silenced_by(around.quiets, described(subject.labels, subject.severity, rule.name, rule.labels))
    if quiet is not None:
        return Suppression(f"{quiet.name}: {quiet.comment}" if quiet.comment else quiet.name)
    return _inhibition(subject, rule, now, around)


def _subject(alert: Alert | None, signal: Signal | None, rule: Rule, now: datetime) -> _Subject | None:
    known = alert if alert is not None and (alert.open or alert.resolution_due) else None
    if known is None:
        if signal is None:
            return None
        return _Subject(signal.labels, signal.severity or rule.severity, now, now, now, not_notified=True, fires=True)
    return _Subject(
        known.labels,
        known.severity if signal is None else signal.severity or rule.severity,
        since=known.since,
        seen_at=known.seen_at if signal is None else now,
        fired_at=known.fired_at or now,
        not_notified=known.notified_at is None,
        fires=known.open or signal is not None,
    )


def _inhibition(subject: _Subject, rule: Rule, now: datetime, around: SuppressionContext) -> Suppression:
    """A rule that this one depends on explains it, or may still do so within moments."""
    labels = dict(subject.labels)
    parents = [around.rules[name] for name in rule.depends_on if name in around.rules]
    wait = ""
    for parent in parents:
        constant = {name for name, _ in (*parent.labels, *rule.labels)}
        alerts = list(around.alerts.get(parent.name, EMPTY_INDEX).agreeing(labels, constant))
        if any(_explains(one, subject, now - rule.lookback) for one in alerts):
            return Suppression(f"inhibited by {parent.name}")
        if any(one.phase is Phase.PENDING for one in alerts) or _unknown(parent, subject, around):
            wait = wait or parent.name
    if wait and subject.not_notified and now - subject.fired_at < around.inhibit_wait:
        return Suppression(f"waiting for {wait}", brief=True)
    return NOTHING


def _explains(parent: Alert, subject: _Subject, looks_back_to: datetime) -> bool:
    """It fires; or it has ended, and the fault has not been seen since, or what is seen may be from before its end."""
    if parent.phase is Phase.FIRING:
        return True
    ended_at = parent.resolved_at if parent.fired_at is not None else None
    return ended_at is not None and subject.fires and (subject.seen_at <= ended_at or looks_back_to < ended_at)


def _unknown(parent: Rule, subject: _Subject, around: SuppressionContext) -> bool:
    """Whether the parent has not been looked at since this fault was first seen."""
    evaluated_at = around.evaluated.get(parent.name)
    return evaluated_at is not None and evaluated_at < subject.since
