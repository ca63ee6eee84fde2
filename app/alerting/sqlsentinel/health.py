"""Whether what a file needs answers: states, the database that is asked, the channels that are configured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from app.alerting.sqlsentinel.files.environment import setting
from app.errors import AppError

Check = dict[str, Any]
HEALTHY, UNHEALTHY, NOT_CONFIGURED = "healthy", "unhealthy", "not_configured"
_SLACK = "https://hooks.slack.com/"


def database_check(ask: Callable[[], None]) -> Check:
    """What a database answers, and how soon."""
    begun = time.perf_counter()
    try:
        ask()
    except AppError as error:
        return {"status": UNHEALTHY, "latency_ms": None, "message": f"Database connection failed: {error}"}
    milliseconds = round((time.perf_counter() - begun) * 1000, 2)
    return {"status": HEALTHY, "latency_ms": milliseconds, "message": "Database connection OK"}


def channels_check(environment: Mapping[str, str]) -> Check:
    """Which channels the environment configures; nothing is sent."""
    slack = setting("SLACK_WEBHOOK_URL", environment)
    found = {
        "email": HEALTHY if setting("SMTP_HOST", environment) else NOT_CONFIGURED,
        "slack": (HEALTHY if slack.startswith(_SLACK) else UNHEALTHY) if slack else NOT_CONFIGURED,
        "webhook": HEALTHY if setting("WEBHOOK_URL", environment) else NOT_CONFIGURED,
    }
    return {"status": HEALTHY, "channels": {name: {"status": status} for name, status in found.items()}}


def overall(checks: Mapping[str, Check]) -> str:
    return UNHEALTHY if any(check["status"] == UNHEALTHY for check in checks.values()) else HEALTHY
