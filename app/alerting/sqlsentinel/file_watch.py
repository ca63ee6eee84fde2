"""Alerts that a daemon has about itself: its file cannot be used as it stands, an answer is late. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.alerting.sqlsentinel.files.cron import parse_sentinel_cron
from app.alerting.sqlsentinel.models import (
    UTC_ZONE,
    Behaviour,
    NoticeTarget,
    SentinelAlert,
    SentinelFile,
    WebhookTarget,
    late_name,
)

FILE_ALERT = "sqlsentinel: file"
_LATE = "Its answer comes later after its slot than late_after allows, in seconds"
NONE = timedelta(0)
_ABOUT = "The file of the alerts cannot be used as it stands; until it is mended the alerts go on as before"


def file_watch(file: SentinelFile, behaviour: Behaviour) -> SentinelAlert:
    """It is never due: who follows the file says what it found, by the row that a query would return."""
    distinct = {_key(target): target for alert in file.alerts for target in alert.targets}
    schedule = parse_sentinel_cron("@yearly", UTC_ZONE)
    return SentinelAlert(FILE_ALERT, "", schedule, _ABOUT, tuple(distinct.values()), behaviour=behaviour)


def file_row(problem: str) -> dict[str, Any]:
    """What a query would return: an alert with the problem, or OK where there is none."""
    return {"status": "ALERT", "problem": problem} if problem else {"status": "OK"}


def late_watch(alert: SentinelAlert) -> SentinelAlert:
    """Those whom the alert notifies hear that its answers come late; it is never due itself."""
    return SentinelAlert(
        late_name(alert.name),
        "",
        alert.schedule,
        _LATE,
        alert.targets,
        behaviour=replace(alert.behaviour, late_after=NONE),
    )


def late_row(seconds: float, alert: SentinelAlert) -> dict[str, Any]:
    limit = alert.behaviour.late_after.total_seconds()
    status = "ALERT" if seconds > limit else "OK"
    return {"status": status, "actual_value": round(seconds, 1), "threshold": limit}


def _key(target: NoticeTarget) -> Hashable:
    if not isinstance(target, WebhookTarget):
        return target
    headers = {name: value.get_secret_value() for name, value in target.headers.items()}
    return target.url, target.method, tuple(sorted(headers.items()))
