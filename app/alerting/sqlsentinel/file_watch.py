"""The alert that fires while a file as it stands cannot be used: everybody whom the file notifies hears of it. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from app.alerting.sqlsentinel.files.cron import parse_sentinel_cron
from app.alerting.sqlsentinel.models import (
    UTC_ZONE,
    Behaviour,
    NoticeTarget,
    SentinelAlert,
    SentinelFile,
    WebhookTarget,
)

FILE_ALERT = "sqlsentinel: file"
_ABOUT = "The file of the alerts cannot be used as it stands; until it is mended the alerts go on as before"


def file_watch(file: SentinelFile, behaviour: Behaviour) -> SentinelAlert:
    """It is never due: who follows the file says what it found, by the row that a query would return."""
    distinct = {_key(target): target for alert in file.alerts for target in alert.targets}
    schedule = parse_sentinel_cron("@yearly", UTC_ZONE)
    return SentinelAlert(FILE_ALERT, "", schedule, _ABOUT, tuple(distinct.values()), behaviour=behaviour)


def file_row(problem: str) -> dict[str, Any]:
    """What a query would return: an alert with the problem, or OK where there is none."""
    return {"status": "ALERT", "problem": problem} if problem else {"status": "OK"}


def _key(target: NoticeTarget) -> Hashable:
    if not isinstance(target, WebhookTarget):
        return target
    headers = {name: value.get_secret_value() for name, value in target.headers.items()}
    return target.url, target.method, tuple(sorted(headers.items()))
