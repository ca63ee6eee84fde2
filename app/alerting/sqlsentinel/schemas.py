"""Files of SQL Sentinel, their alerts and states as programs read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from app.alerting.sqlsentinel.models import SentinelAlert, SentinelFile
from app.alerting.sqlsentinel.results import QueryStatus, as_json
from app.alerting.sqlsentinel.runs import AlertRun
from app.alerting.sqlsentinel.transitions import SentinelState
from app.kit.yaml.tree import Problem
from app.schemas import FreeForm, Instant, Resource

SKIPPED = "skipped"


class SentinelProblemResource(Resource):
    """What is wrong in a file, or may surprise; line 0 is the file as a whole."""

    file: str
    line: int
    field: str
    message: str


class SentinelAlertResource(Resource):
    """An alert of a valid file with its next runs."""

    alert_name: str
    enabled: bool
    schedule: str
    timezone: str
    channels: list[str]
    next_runs: list[Instant]

    @classmethod
    def of(cls, alert: SentinelAlert, now: datetime, count: int) -> Self:
        return cls(
            alert_name=alert.name,
            enabled=alert.enabled,
            schedule=alert.schedule.expression,
            timezone=alert.schedule.zone.key,
            channels=[target.channel for target in alert.targets],
            next_runs=alert.schedule.next_slots(now, count),
        )


class SentinelCheckResource(Resource):
    """What `validate` found; a file with problems shows no alerts."""

    valid: bool
    file: str
    database: str | None
    compat: str | None
    problems: list[SentinelProblemResource]
    warnings: list[SentinelProblemResource]
    alerts: list[SentinelAlertResource]

    @classmethod
    def wrong(cls, file: str, problems: Sequence[Problem]) -> Self:
        listed = [SentinelProblemResource.model_validate(problem) for problem in problems]
        return cls(valid=False, file=file, database=None, compat=None, problems=listed, warnings=[], alerts=[])

    @classmethod
    def right(cls, found: SentinelFile, database: str, alerts: list[SentinelAlertResource]) -> Self:
        warnings = [SentinelProblemResource.model_validate(warning) for warning in found.warnings]
        compat = found.compat.value
        return cls(
            valid=True, file=found.name, database=database, compat=compat, problems=[], warnings=warnings, alerts=alerts
        )


class SentinelRunResource(Resource):
    """One run of an alert, in the words of the original; without an answer `query_status` is null."""

    alert_name: str
    status: str
    query_status: str | None
    actual_value: FreeForm
    threshold: FreeForm
    context: dict[str, FreeForm]
    notification_sent: bool
    notification_error: str | None
    duration_ms: float
    error: str | None
    warning: str | None

    @classmethod
    def of(cls, run: AlertRun) -> Self:
        verdict = run.verdict
        return cls(
            alert_name=run.alert.name,
            status=SKIPPED if run.skipped else verdict.run_status.value,
            query_status=None if run.skipped or verdict.status is QueryStatus.ERROR else verdict.status.value,
            actual_value=as_json(verdict.actual_value),
            threshold=as_json(verdict.threshold),
            context={name: as_json(value) for name, value in verdict.context.items()},
            notification_sent=run.notification_sent,
            notification_error=run.notification_error or None,
            duration_ms=round(run.milliseconds, 3),
            error=verdict.error or None,
            warning=verdict.warning or (f"{run.skipped} fires or fails" if run.skipped else None),
        )


class SentinelStateResource(Resource):
    """Where an alert stands; all but the name is null or zero where it never ran."""

    alert_name: str
    enabled: bool
    paused: bool
    status: str | None
    silenced: bool
    silenced_until: Instant | None
    last_executed_at: Instant | None
    last_alert_at: Instant | None
    last_ok_at: Instant | None
    consecutive_alerts: int
    consecutive_oks: int
    next_run: Instant | None

    @classmethod
    def of(cls, alert: SentinelAlert, state: SentinelState | None, now: datetime, *, paused: bool = False) -> Self:
        state = state or SentinelState(alert.name)
        upcoming = alert.schedule.next_slots(now, 1)
        return cls(
            alert_name=alert.name,
            enabled=alert.enabled,
            paused=paused,
            status=state.current_status.value if state.current_status else None,
            silenced=state.silenced(now),
            silenced_until=state.silenced_until if state.silenced(now) else None,
            last_executed_at=state.last_executed_at,
            last_alert_at=state.last_alert_at,
            last_ok_at=state.last_ok_at,
            consecutive_alerts=state.consecutive_alerts,
            consecutive_oks=state.consecutive_oks,
            next_run=upcoming[0] if upcoming else None,
        )


class SentinelExecutionResource(Resource):
    """One line of the history."""

    id: int
    alert_name: str
    executed_at: Instant
    execution_duration_ms: float
    status: str
    actual_value: float | None
    threshold: float | None
    error_message: str | None
    triggered_by: str
    notification_sent: bool
    notification_error: str | None
    context: dict[str, FreeForm]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        known = {name: row[name] for name in cls.model_fields if name != "context"}
        return cls(**known, context=json.loads(row["context_data"] or "{}"))


class SentinelHealthResource(Resource):
    """Whether everything answers, part by part."""

    status: str
    timestamp: Instant
    checks: dict[str, dict[str, FreeForm]]
