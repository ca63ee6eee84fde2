"""What the outbox keeps: events with their texts made harmless, and texts that are no event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.alerting.models import AlertEvent, EventKind, Severity, labels_of
from app.alerting.outbox.texts import clean, one_line
from app.kit.json_text import finite
from app.market.time import iso

LONGEST_TEXT = 1000
LONGEST_LABEL = 200
_NOTICE = "notice"
_STATES = {
    EventKind.FIRED.value: "FIRING",
    EventKind.REMINDED.value: "STILL FIRING",
    EventKind.SEVERITY.value: "SEVERITY CHANGED",
    EventKind.RESOLVED.value: "RESOLVED",
    _NOTICE: "NOTICE",
}


@dataclass(frozen=True, slots=True)
class NotificationItem:
    """One event as the outbox keeps it."""

    kind: str
    rule: str
    severity: Severity
    at: datetime
    alert_id: int | None = None
    labels: tuple[tuple[str, str], ...] = ()
    value: float | None = None
    threshold: float | None = None
    operator: str = ""
    since: datetime | None = None
    description: str = ""
    runbook: str = ""
    note: str = ""
    annotations: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    """Of value and threshold."""
    late: bool = False
    """It ended before the channel could say that it fires: one message says both."""

    @property
    def state(self) -> str:
        if self.late:
            return "WAS FIRING"
        return _STATES.get(self.kind, self.kind.upper())

    @property
    def ended(self) -> bool:
        return self.kind == EventKind.RESOLVED.value

    def as_json(self) -> dict[str, Any]:
        """What the outbox keeps and the generic webhook sends."""
        return {
            "kind": self.kind,
            "rule": self.rule,
            "severity": self.severity.value,
            "at": iso(self.at),
            "alert_id": self.alert_id,
            "labels": dict(self.labels),
            "value": finite(self.value),
            "threshold": finite(self.threshold),
            "operator": self.operator,
            "unit": self.unit,
            "since": iso(self.since) if self.since else None,
            "description": self.description,
            "runbook": self.runbook,
            "note": self.note,
            "annotations": dict(self.annotations),
            "late": self.late,
        }


@dataclass(frozen=True, slots=True)
class Content:
    """A message that is made of no events: a report, a test."""

    subject: str
    text: str
    html: str = ""


def item_of(event: AlertEvent, *, late: bool = False) -> NotificationItem:
    """The event as it is kept: foreign texts without control characters, and cut."""
    alert, rule = event.alert, event.rule
    return NotificationItem(
        kind=event.kind.value,
        rule=one_line(alert.rule, LONGEST_LABEL),
        severity=alert.severity,
        at=event.at,
        alert_id=alert.alert_id,
        labels=tuple((one_line(name, LONGEST_LABEL), one_line(value, LONGEST_LABEL)) for name, value in alert.labels),
        value=alert.value,
        threshold=alert.threshold,
        operator=rule.threshold.operator if rule.threshold else "",
        unit=one_line(rule.unit, LONGEST_LABEL),
        since=alert.since,
        late=late,
        description=one_line(rule.description, LONGEST_TEXT),
        runbook=one_line(rule.runbook, LONGEST_TEXT),
        note=one_line(event.note, LONGEST_TEXT),
        annotations=tuple(
            (one_line(name, LONGEST_LABEL), one_line(value, LONGEST_TEXT))
            for name, value in (*alert.annotations, *labels_of(event.details))
        ),
    )


def delivery_notice(
    name: str, text: str, at: datetime, labels: Mapping[str, str], severity: Severity
) -> NotificationItem:
    """Something that the delivery itself has to say."""
    return NotificationItem(
        _NOTICE, name, severity, at, labels=labels_of(labels), description=clean(text, LONGEST_TEXT)
    )


def item_from_json(content: Mapping[str, Any]) -> NotificationItem:
    """The event that `as_json` wrote."""
    since = content["since"]
    return NotificationItem(
        kind=content["kind"],
        rule=content["rule"],
        severity=Severity(content["severity"]),
        at=datetime.fromisoformat(content["at"]),
        alert_id=content["alert_id"],
        labels=labels_of(content["labels"]),
        value=_number_of(content["value"]),
        threshold=_number_of(content["threshold"]),
        operator=content["operator"],
        unit=content.get("unit", ""),
        since=datetime.fromisoformat(since) if since else None,
        description=content["description"],
        runbook=content["runbook"],
        note=content["note"],
        annotations=labels_of(content["annotations"]),
        late=content.get("late", False),
    )


def _number_of(value: float | str | None) -> float | None:
    """The number of JSON, which has infinite ones as text."""
    return None if value is None else float(value)
