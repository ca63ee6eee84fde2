"""`gridkeeper sentinel healthcheck|metrics`: whether what a file needs answers, and the figures of a running daemon."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.output import print_json
from app.cli.sentinel.options import (
    Config,
    DatabaseUrl,
    OutputForm,
    OutputKind,
    StateDb,
    database_of,
    load_file,
    state_of,
)
from app.cli.tables import printable

if TYPE_CHECKING:
    from app.alerting.sqlsentinel.health import Check
    from app.alerting.sqlsentinel.schemas import SentinelHealthResource

WIDE = "=" * 60
CONNECT_SECONDS = 10.0
_SIGNS = {"healthy": "✓", "not_configured": "⊘"}


def healthcheck_command(
    config: Config, state_db: StateDb = None, database_url: DatabaseUrl = None, output: OutputForm = OutputKind.TEXT
) -> int:
    """Ask the database of states and the one of the alerts, and say which channels are configured.

    Example: gridkeeper sentinel healthcheck alerts.yaml --output json

    Exit code: 0 healthy, 1 something does not answer, or the file cannot be used.
    """
    from app.alerting.sqlsentinel.health import UNHEALTHY, channels_check, overall
    from app.alerting.sqlsentinel.schemas import SentinelHealthResource
    from app.clock import SystemClock
    from app.errors import AppError

    checks: dict[str, Check] = {}
    try:
        file = load_file(config)
        checks["state_database"] = _state_check(state_of(state_db))
        checks["alert_database"] = _alert_check(database_of(file, database_url))
        checks["notifications"] = channels_check(os.environ)
    except AppError as error:
        checks["configuration"] = {"status": UNHEALTHY, "message": str(error)}
    found = SentinelHealthResource(status=overall(checks), timestamp=SystemClock().now(), checks=checks)
    if output is OutputKind.JSON:
        print_json(found, letters=True)
    else:
        _show(found)
    return UNAVAILABLE if found.status == UNHEALTHY else OK


def _state_check(url: str) -> Check:
    from app.alerting.sqlsentinel.health import database_check
    from app.wiring.sentinel import sentinel_repository

    def ask() -> None:
        with sentinel_repository(url) as repository:
            repository.ping()

    return database_check(ask)


def _alert_check(url: str) -> Check:
    from app.alerting.sqlsentinel.health import database_check
    from app.alerting.sqlsentinel.sql import PING, PING_ORACLE
    from app.wiring.sentinel import ask_once

    statement = PING_ORACLE if url.startswith("oracle") else PING
    return database_check(lambda: ask_once(url, statement, CONNECT_SECONDS))


def _show(found: SentinelHealthResource) -> None:
    lines = ["", WIDE, "SQL Sentinel Health Check", WIDE]
    for name, check in found.checks.items():
        lines += [
            "",
            f"{_SIGNS.get(check['status'], '✗')} {name.replace('_', ' ').title()}",
            f"  Status: {check['status']}",
        ]
        if check.get("latency_ms"):
            lines.append(f"  Latency: {check['latency_ms']}ms")
        if "message" in check:
            lines.append(f"  Message: {check['message']}")
        for channel, about in check.get("channels", {}).items():
            lines.append(f"    {_SIGNS.get(about['status'], '⊘')} {channel}: {about['status']}")
    lines += ["", WIDE, f"Overall Status: {found.status.upper()}", WIDE]
    sys.stdout.write(printable("\n".join(lines)) + "\n\n")


def metrics_command(
    port: Annotated[
        int, typer.Option("--port", help="Port of the daemon on this machine.", min=1, max=65_535, envvar="PORT")
    ] = 8080,
    output: OutputForm = OutputKind.TEXT,
) -> int:
    """Show the figures of the daemon that runs on this machine, in the form of Prometheus; with json all of its lines.

    Example: gridkeeper sentinel metrics --port 8080

    Exit code: 0 shown, 1 no daemon answers on that port.
    """
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    except OSError as error:
        sys.stderr.write(
            f"✗ no daemon answers on port {port}: {error.strerror or error}; start it, or say its --port\n"
        )
        return UNAVAILABLE
    finally:
        connection.close()
    if output is OutputKind.JSON:
        sys.stdout.write(text)
        return OK
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    shown = ["", WIDE, "SQL Sentinel Metrics", WIDE, "", "Prometheus Format Output:", "-" * 60, *lines, WIDE, ""]
    sys.stdout.write(printable("\n".join(shown)) + "\n")
    return OK
