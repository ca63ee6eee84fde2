"""Alerts and events as rows of the database, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from app.alerting.models import NOTIFYING_EVENTS, Alert, AlertEvent, Labels, Phase, Severity, labels_of
from app.alerting.state.apply import AlertChange
from app.kit.json_text import finite

ALERT_COLUMNS = """
    alert_id, rule, labels::text as labels, severity, phase, since, seen_at, gone_at, fired_at, resolved_at, value,
    threshold, annotations::text as annotations, notified_at, notified_severity, resolved_notified_at, firings, flapping, suppressed,
    check_at, acknowledged_at, acknowledged_by
"""


def alert_of(row: Any) -> Alert:
    """The alert of a row with `ALERT_COLUMNS`."""
    return Alert(
        rule=row["rule"],
        labels=pairs(row["labels"]),
        severity=Severity(row["severity"]),
        phase=Phase(row["phase"]),
        since=row["since"],
        seen_at=row["seen_at"],
        fired_at=row["fired_at"],
        resolved_at=row["resolved_at"],
        value=row["value"],
        threshold=row["threshold"],
        annotations=pairs(row["annotations"]),
        notified_at=row["notified_at"],
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        alert_id=row["alert_id"],
        gone_at=row["gone_at"],
        notified_severity=Severity(row["notified_severity"]) if row["notified_severity"] else None,
        resolved_notified_at=row["resolved_notified_at"],
        firings=tuple(row["firings"]),
        flapping=row["flapping"],
        suppressed=row["suppressed"],
    )


def pairs(text: str) -> Labels:
    """Names and values of a JSON object of texts."""
    return labels_of(json.loads(text))


def changes_as_json(changes: Sequence[AlertChange]) -> str:
    """The rows of alerts as a JSON array, in the order of the changes."""
    return row_as_json([{**_alert_fields(change.alert), "check_at": change.check_at} for change in changes])


def events_as_json(events: Iterable[AlertEvent]) -> str:
    return row_as_json(
        [
            {
                "alert_id": event.alert.alert_id,
                "rule": event.alert.rule,
                "at": event.at,
                "kind": event.kind,
                "severity": event.alert.severity,
                "value": finite(event.alert.value),
                "notified": event.kind in NOTIFYING_EVENTS,
                "note": event.note,
                "details": {clean_label(name): clean_label(text) for name, text in event.details.items()},
            }
            for event in events
        ]
    )


def _alert_fields(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.alert_id,
        "rule": alert.rule,
        "labels": dict(alert.labels),
        "severity": alert.severity,
        "phase": alert.phase,
        "since": alert.since,
        "seen_at": alert.seen_at,
        "gone_at": alert.gone_at,
        "fired_at": alert.fired_at,
        "resolved_at": alert.resolved_at,
        "value": finite(alert.value),
        "threshold": finite(alert.threshold),
        "annotations": dict(alert.annotations),
        "notified_at": alert.notified_at,
        "notified_severity": alert.notified_severity,
        "resolved_notified_at": alert.resolved_notified_at,
        "firings": alert.firings,
        "flapping": alert.flapping,
        "suppressed": alert.suppressed,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
    }


def row_as_json(rows: object) -> str:
    """JSON that PostgreSQL reads; texts are clean and numbers are `finite`."""
    return json.dumps(rows, default=_instant, ensure_ascii=False, allow_nan=False)


def _instant(value: datetime) -> str:
    return value.isoformat()


def clean_label(text: str) -> str:
    """The text without what PostgreSQL does not store: NUL and halves of surrogate pairs."""
    if "\x00" not in text and text.isascii():
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
