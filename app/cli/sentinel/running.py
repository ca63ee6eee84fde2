"""`gridkeeper sentinel run`: alerts now, once, and what people are told of them."""

from __future__ import annotations

import sys
from contextlib import ExitStack
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
    begin_log,
    database_of,
    load_file,
    state_of,
)
from app.cli.tables import printable, single_line

if TYPE_CHECKING:
    from app.alerting.sqlsentinel.models import SentinelAlert, SentinelFile
    from app.alerting.sqlsentinel.repository import SentinelRepository
    from app.alerting.sqlsentinel.runs import AlertRun

WIDE = "=" * 60
DRY_RUN = "\n[DRY RUN MODE - No notifications will be sent, state won't be updated]"
PAUSES = (0.0, 1.0, 2.0)
"""Seconds before each attempt of this command; what is not sent then stays in the outbox."""


def run_command(
    config: Config,
    alert: Annotated[str | None, typer.Option("--alert", help="Run this alert only.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Keep nothing and tell nobody.")] = False,
    state_db: StateDb = None,
    database_url: DatabaseUrl = None,
    output: OutputForm = OutputKind.TEXT,
) -> int:
    """Run the alerts of a file now, once: query, state, history, messages.

    Messages that a receiver does not take stay in the outbox and go with the next run, or with the daemon.

    Example: gridkeeper sentinel run alerts.yaml --alert daily_revenue_check --dry-run

    Exit code: 1 if any alert fires or fails, else 0; with --alert 1 only if it fails.
    """
    from app.errors import AppError

    begin_log()
    text = output is OutputKind.TEXT
    try:
        _say(text, f"Loading configuration from: {config}")
        file = load_file(config)
        chosen = _chosen(file, alert, text=text)
        if not chosen and alert is not None:
            return UNAVAILABLE
        if dry_run:
            _say(text, DRY_RUN if alert is not None else f"{DRY_RUN}\n")
        database, state = database_of(file, database_url), None if dry_run else state_of(state_db)
        runs = _run(file, chosen, database, state, text=text, single=alert is not None)
    except AppError as error:
        sys.stderr.write(f"✗ Error running alerts: {printable(str(error))}\n")
        return UNAVAILABLE
    if output is OutputKind.JSON:
        from app.alerting.sqlsentinel.schemas import SentinelRunResource

        print_json([SentinelRunResource.of(run) for run in runs], letters=True)
    elif alert is None:
        _show_summary([run for run in runs if not run.skipped])
    elif not runs[0].skipped:
        _show_one(runs[0])
    return _code(runs, single=alert is not None)


def _code(runs: list[AlertRun], *, single: bool) -> int:
    from app.alerting.sqlsentinel.results import ExecutionStatus

    bad = {ExecutionStatus.ERROR} if single else {ExecutionStatus.ERROR, ExecutionStatus.FAILURE}
    return UNAVAILABLE if any(run.verdict.run_status in bad for run in runs) else OK


def _chosen(file: SentinelFile, name: str | None, *, text: bool) -> list[SentinelAlert]:
    """The alert of that name, disabled or not; else all that are enabled."""
    if name is not None:
        found = file.alert(name)
        if found is None:
            names = ", ".join(one.name for one in file.alerts)
            out = sys.stdout if text else sys.stderr
            out.write(printable(f"✗ Alert '{name}' not found in configuration\nAvailable alerts: {names}") + "\n")
            return []
        _say(text, f"Found alert: {found.name}")
        if found.description:
            _say(text, f"Description: {found.description}")
        return [found]
    _say(text, f"Found {len(file.alerts)} alert(s)")
    for one in file.alerts:
        if not one.enabled:
            _say(text, f"⊘ Skipping disabled alert: {one.name}")
    return [one for one in file.alerts if one.enabled]


def _run(
    file: SentinelFile, alerts: list[SentinelAlert], database: str, state: str | None, *, text: bool, single: bool
) -> list[AlertRun]:
    import asyncio

    from app.wiring.sentinel import sentinel_repository, sentinel_service

    done: list[AlertRun] = []
    with ExitStack() as stack:
        repository = stack.enter_context(sentinel_repository(state)) if state is not None else None
        service = stack.enter_context(sentinel_service(database, repository, file.compat))
        paused = repository.paused() if repository is not None and not single else frozenset()
        for one in alerts:
            if one.name in paused:
                _say(text, f"⊘ Skipping paused alert: {one.name}")
        alerts = [one for one in alerts if one.name not in paused]
        for batch in service.run(file, alerts, "MANUAL"):
            done += batch
            for run in batch:
                if run.skipped:
                    _say(text, f"\n⊘ Skipping {run.alert.name}: {run.skipped}, which it depends on, fires or fails")
                elif single:
                    _say(text, f"\nExecuting alert: {run.alert.name}...")
                else:
                    _show_line(run, text=text)
        if repository is not None and repository.waiting(file.notifying):
            asyncio.run(_send(repository, file, done))
    return done


async def _send(repository: SentinelRepository, file: SentinelFile, runs: list[AlertRun]) -> None:
    """Send what is in the outbox, of earlier runs as well, and note at each run what became of its messages."""
    import asyncio

    from app.alerting.sqlsentinel.notices.messages import read_message
    from app.wiring.sentinel import notice_sender

    of_key = {notice.key: run for run in runs for notice in run.notices}
    sender = notice_sender(repository)
    try:
        for pause in PAUSES:
            await asyncio.sleep(pause)
            waiting = False
            while attempts := await sender.send_due(file):
                for made in attempts:
                    waiting = waiting or made.due is not None
                    run = of_key.get(read_message(made.entry.message).key)
                    if run is not None:
                        run.notification_sent = run.notification_sent or made.sent
                        run.notification_error = made.error
            if not waiting:
                return
    finally:
        await sender.close()


def _show_line(run: AlertRun, *, text: bool) -> None:
    verdict = run.verdict
    sign = "✓" if verdict.run_status.value == "success" else "✗"
    _say(text, f"\nExecuting: {run.alert.name}...")
    _say(text, f"{sign} {run.alert.name}: {verdict.run_status.value} ({run.milliseconds:.2f}ms)")
    _say(text, f"  Error: {single_line(verdict.error)}" if verdict.error else f"  Query Status: {verdict.status.value}")
    if verdict.warning:
        _say(text, f"  ⚠ {verdict.warning}")


def _show_one(run: AlertRun) -> None:
    verdict = run.verdict
    lines = ["", WIDE, "Alert Execution Result", WIDE, f"Alert Name: {run.alert.name}"]
    lines += [f"Status: {verdict.run_status.value}", f"Duration: {run.milliseconds:.2f}ms"]
    if not verdict.error:
        lines.append(f"Query Status: {verdict.status.value}")
    if verdict.actual_value is not None:
        lines.append(f"Actual Value: {verdict.actual_value}")
    if verdict.threshold is not None:
        lines.append(f"Threshold: {verdict.threshold}")
    if verdict.context:
        lines.append(f"Context: {dict(verdict.context)}")
    if verdict.warning:
        lines.append(f"⚠ {verdict.warning}")
    if verdict.error:
        lines.append(f"Error: {single_line(verdict.error)}")
    if run.notification_error:
        lines.append(f"Notification: {single_line(run.notification_error)}")
    elif run.notification_sent:
        lines.append("Notification: sent")
    sys.stdout.write(printable("\n".join([*lines, WIDE])) + "\n\n")


def _show_summary(runs: list[AlertRun]) -> None:
    good = sum(run.verdict.run_status.value == "success" for run in runs)
    lines = ["", WIDE, "Execution Summary", WIDE, f"Total: {len(runs)} | Success: {good} | Failed: {len(runs) - good}"]
    unsent = [run for run in runs if run.notification_error and not run.notification_sent]
    lines += [f"Notification of {run.alert.name}: {single_line(run.notification_error)}" for run in unsent]
    sys.stdout.write(printable("\n".join([*lines, WIDE])) + "\n\n")


def _say(text: bool, line: str) -> None:
    if text:
        sys.stdout.write(printable(line) + "\n")
