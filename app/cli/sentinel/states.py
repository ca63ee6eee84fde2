"""`gridkeeper sentinel init|status|history|silence|unsilence`: the states of alerts and what was found."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.output import print_json
from app.cli.sentinel.options import Config, OutputForm, OutputKind, StateDb, load_file, state_of, without_password
from app.cli.tables import printable, single_line

if TYPE_CHECKING:
    from app.alerting.sqlsentinel.schemas import SentinelExecutionResource

WIDE = "=" * 80
AlertName = Annotated[str | None, typer.Option("--alert", help="This alert only.")]
NamedAlert = Annotated[str, typer.Option("--alert", help="The alert's name.")]


def init_command(state_db: StateDb = None) -> int:
    """Make the tables of states and history, where they are not there yet; other commands do so themselves.

    Example: gridkeeper sentinel init --state-db postgresql://user@host/db

    Exit code: 0 they are there, 1 the database cannot be used.
    """
    from app.errors import AppError
    from app.wiring.sentinel import sentinel_repository

    url = state_of(state_db)
    _say(f"Initializing SQL Sentinel schema at: {without_password(url)}")
    try:
        with sentinel_repository(url):
            _say("✓ Schema initialized successfully")
    except AppError as error:
        return _failed("initializing", error)
    return OK


def status_command(
    config: Config, alert: AlertName = None, state_db: StateDb = None, output: OutputForm = OutputKind.TEXT
) -> int:
    """Show where each alert of a file stands: its status, a silence, its last check.

    Example: gridkeeper sentinel status alerts.yaml --output json

    Exit code: 0 shown, 1 there is no such alert, or the file or the database cannot be used.
    """
    from app.alerting.sqlsentinel.schemas import SentinelStateResource
    from app.clock import SystemClock
    from app.errors import AppError
    from app.wiring.sentinel import sentinel_repository

    heading = f"Loading configuration from: {config}"
    try:
        file = load_file(config)
        chosen = [one for one in file.alerts if alert in {None, one.name}]
        if not chosen:
            _say(f"{heading}\n✗ Alert '{alert}' not found in configuration")
            return UNAVAILABLE
        with sentinel_repository(state_of(state_db)) as repository:
            states, paused = repository.states([one.name for one in chosen]), repository.paused()
    except AppError as error:
        return _failed("showing status", error)
    now = SystemClock().now()
    if output is OutputKind.JSON:
        found = [SentinelStateResource.of(one, states.get(one.name), now, paused=one.name in paused) for one in chosen]
        print_json(found, letters=True)
        return OK
    _say(f"{heading}\n\nAlert Status Report\n{WIDE}")
    _say(f"{'Alert Name':<30} {'Status':<15} {'Silenced':<10} {'Last Check':<20}\n{'-' * 80}")
    for one in chosen:
        state = states.get(one.name)
        ran = state is not None and state.last_executed_at is not None
        status = (state.current_status.value if state and state.current_status else "Unknown") if ran else "Never Run"
        status = f"{status} (paused)" if one.name in paused else status
        last = f"{state.last_executed_at:%Y-%m-%d %H:%M:%S}" if state and state.last_executed_at else "Never"
        silenced = state is not None and state.silenced(now)
        until = f" (until {state.silenced_until:%Y-%m-%d %H:%M})" if silenced and state and state.silenced_until else ""
        _say(f"{single_line(one.name):<30} {status:<15} {('Yes' + until) if silenced else 'No':<10} {last:<20}")
    _say(f"{WIDE}\n")
    return OK


def history_command(
    config: Config,
    alert: AlertName = None,
    limit: Annotated[int, typer.Option("--limit", help="So many rows at most.", min=1, max=100_000)] = 10,
    state_db: StateDb = None,
    output: OutputForm = OutputKind.TEXT,
) -> int:
    """Show what alerts found, the latest first.

    Example: gridkeeper sentinel history alerts.yaml --alert high_error_rate --limit 20

    Exit code: 0 shown, 1 the database cannot be used, or neither it nor the file knows the alert.
    """
    from app.alerting.sqlsentinel.schemas import SentinelExecutionResource
    from app.errors import AppError
    from app.wiring.sentinel import sentinel_repository

    try:
        with sentinel_repository(state_of(state_db)) as repository:
            rows = [SentinelExecutionResource.of(row) for row in repository.history(alert, limit)]
        known = [] if rows or alert is None else [one.name for one in load_file(config).alerts]
    except AppError as error:
        return _failed("retrieving history", error)
    if not rows and alert not in {None, *known}:
        # Alerts that the file has no more may have a history; one that it never had is a slip.
        _say(f"✗ Alert '{alert}' not found in configuration\nAvailable alerts: {', '.join(known)}")
        return UNAVAILABLE
    if output is OutputKind.JSON:
        print_json(rows, letters=True)
        return OK
    _say(f"Execution History (last {limit} records)")
    if alert:
        _say(f"Alert: {alert}")
    _say(WIDE)
    if not rows:
        _say("No execution history found")
        return OK
    for row in rows:
        _say_row(row)
    _say(f"\n{WIDE}\n")
    return OK


def _say_row(row: SentinelExecutionResource) -> None:
    _say(f"\n{row.executed_at:%Y-%m-%d %H:%M:%S.%f} | {single_line(row.alert_name)}")
    _say(f"  Status: {row.status} | Duration: {row.execution_duration_ms:.2f}ms")
    _say(f"  Triggered by: {row.triggered_by}")
    if row.actual_value is not None:
        _say(f"  Actual: {row.actual_value} | Threshold: {row.threshold}")
    if row.error_message:
        _say(f"  Error: {single_line(row.error_message)}")
    if row.notification_sent:
        _say("  ✓ Notification sent")
    if row.notification_error:
        _say(f"  Notification: {single_line(row.notification_error)}")


def silence_command(
    config: Config,
    alert: NamedAlert,
    duration: Annotated[
        float, typer.Option("--duration", help="Hours for which nobody is told.", min=0.001, max=87_600)
    ] = 1,
    state_db: StateDb = None,
) -> int:
    """Tell nobody of an alert for some hours; by the reliable laws people are told of what still fires afterwards.

    Example: gridkeeper sentinel silence alerts.yaml --alert high_error_rate --duration 2

    Exit code: 0 silenced, 1 there is no such alert, or the file or the database cannot be used.
    """
    code, until = _set_silence(config, alert, state_db, timedelta(hours=duration))
    if code == OK:
        _say(f"✓ Alert '{alert}' silenced until {until}\n  Duration: {duration:g} hour(s)")
    return code


def unsilence_command(config: Config, alert: NamedAlert, state_db: StateDb = None) -> int:
    """End the silence of an alert.

    Example: gridkeeper sentinel unsilence alerts.yaml --alert high_error_rate

    Exit code: 0 ended, 1 there is no such alert, or the file or the database cannot be used.
    """
    code, _ = _set_silence(config, alert, state_db, None)
    if code == OK:
        _say(f"✓ Alert '{alert}' unsilenced successfully")
    return code


def _set_silence(config: Path, alert: str, state_db: str | None, length: timedelta | None) -> tuple[int, str]:
    from app.clock import SystemClock
    from app.errors import AppError
    from app.wiring.sentinel import sentinel_repository

    now = SystemClock().now()
    until = None if length is None else now + length
    try:
        _say(f"Loading configuration from: {config}")
        file = load_file(config)
        if file.alert(alert) is None:
            names = ", ".join(one.name for one in file.alerts)
            _say(f"✗ Alert '{alert}' not found in configuration\nAvailable alerts: {names}")
            return UNAVAILABLE, ""
        with sentinel_repository(state_of(state_db)) as repository:
            repository.silence(alert, until, now)
    except AppError as error:
        return _failed("silencing alert" if until else "unsilencing alert", error), ""
    return OK, until.replace(tzinfo=None).isoformat() if until else ""


def _failed(doing: str, error: Exception) -> int:
    sys.stderr.write(printable(f"✗ Error {doing}: {error}") + "\n")
    return UNAVAILABLE


def _say(text: str) -> None:
    sys.stdout.write(printable(text) + "\n")
