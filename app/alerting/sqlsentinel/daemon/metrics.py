"""Figures of the daemon, by the names of the original."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.alerting.sqlsentinel.notices.sending import NoticeAttempt
from app.alerting.sqlsentinel.results import QueryStatus
from app.alerting.sqlsentinel.runs import AlertRun


class SentinelMetrics:
    """A registry of its own, so that nothing of the service is among them."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._begun = time.monotonic()
        self._alerts = Counter(
            "sqlsentinel_alerts_total", "Total number of alert executions", ["alert_name", "status"], registry=registry
        )
        self._durations = Histogram(
            "sqlsentinel_alert_duration_seconds",
            "Alert execution duration in seconds",
            ["alert_name"],
            buckets=(0.1, 0.5, 1.0, 2.5, 5.0, 10.0),
            registry=registry,
        )
        self._notifications = Counter(
            "sqlsentinel_notifications_total", "Total notifications sent", ["channel", "status"], registry=registry
        )
        self._notification_durations = Histogram(
            "sqlsentinel_notification_duration_seconds",
            "Notification delivery duration in seconds",
            ["channel"],
            buckets=(0.1, 0.5, 1.0, 2.5, 5.0),
            registry=registry,
        )
        self.jobs = Gauge("sqlsentinel_scheduler_jobs", "Current number of scheduled jobs", registry=registry)
        self._job_runs = Counter(
            "sqlsentinel_scheduler_job_runs_total",
            "Total number of scheduled job runs",
            ["alert_name"],
            registry=registry,
        )
        self._uptime = Gauge("sqlsentinel_uptime_seconds", "Application uptime in seconds", registry=registry)
        self.lateness = Histogram(
            "sqlsentinel_scheduler_lateness_seconds",
            "How long after its slot a run began",
            buckets=(0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0),
            registry=registry,
        )
        self.reload_failures = Counter(
            "sqlsentinel_config_reload_failures_total", "Edits of the file that could not be used", registry=registry
        )

    def ran(self, run: AlertRun) -> None:
        status = "error" if run.verdict.status is QueryStatus.ERROR else run.verdict.status.value
        self._alerts.labels(run.alert.name, status).inc()
        self._durations.labels(run.alert.name).observe(run.milliseconds / 1000)
        self._job_runs.labels(run.alert.name).inc()

    def attempted(self, made: NoticeAttempt) -> None:
        self._notifications.labels(made.entry.channel, "success" if made.sent else "failure").inc()
        self._notification_durations.labels(made.entry.channel).observe(made.seconds)

    def removed(self, name: str) -> None:
        """An alert that is gone from the file is gone from the figures."""
        for status in ("ALERT", "OK", "error"):
            self._alerts.remove(name, status)
        self._durations.remove(name)
        self._job_runs.remove(name)

    def text(self) -> bytes:
        self._uptime.set(time.monotonic() - self._begun)
        return generate_latest(self._registry)
