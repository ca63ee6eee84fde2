"""`gridkeeper sentinel daemon`: alerts when they are due, until stopped."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.sentinel.options import Config, DatabaseUrl, StateDb, Zone, begin_log, database_of, load_file, state_of
from app.cli.tables import printable

if TYPE_CHECKING:
    from app.alerting.sqlsentinel.daemon.api import AlertApi
    from app.alerting.sqlsentinel.daemon.daemon import SentinelDaemon
    from app.alerting.sqlsentinel.daemon.metrics import SentinelMetrics
    from app.alerting.sqlsentinel.daemon.server import HealthServer, ProbeAnswer
    from app.alerting.sqlsentinel.models import SentinelFile
    from app.alerting.sqlsentinel.repository import SentinelRepository

USUAL_PORT = 8080


class LogLevel(StrEnum):
    """Least level that is shown."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


def daemon_command(
    config: Config,
    state_db: StateDb = None,
    database_url: DatabaseUrl = None,
    reload: Annotated[bool, typer.Option("--reload", help="Follow edits of the file.")] = False,
    log_level: Annotated[LogLevel, typer.Option("--log-level", help="Least level that is shown.")] = LogLevel.INFO,
    timezone: Zone = "UTC",
    port: Annotated[
        int | None,
        typer.Option(
            "--port", help=f"Of /health, /ready, /metrics; default: PORT, else {USUAL_PORT}.", min=0, max=65_535
        ),
    ] = None,
) -> int:
    """Run alerts when they are due, until SIGTERM or Ctrl-C; one daemon for a file and its states.

    What was due while it was down runs once at its start. The log is JSON lines on standard error.

    Example: gridkeeper sentinel daemon alerts.yaml --reload --timezone Europe/Berlin

    Exit code: 0 stopped, 1 it cannot begin, or broke.
    """

    import asyncio

    from app.alerting.sqlsentinel.files.environment import setting
    from app.errors import AppError, ConfigurationError

    begin_log(log_level.value, "json")
    try:
        file = load_file(config, timezone)
        # The daemon of the original reads its database from the option or the environment only: they go first.
        database = database_url or setting("DATABASE_URL", os.environ) or database_of(file, None)
        named = setting("PORT", os.environ) or str(USUAL_PORT)
        if not named.isdigit():
            raise ConfigurationError(f"PORT is {named[:20]!r} and no number")
        asyncio.run(
            _serve(
                config,
                file,
                (database, state_of(state_db)),
                timezone if reload else None,
                int(named) if port is None else port,
            )
        )
    except AppError as error:
        sys.stderr.write(f"✗ {printable(str(error))}\n")
        return UNAVAILABLE
    return OK


async def _serve(config: Path, file: SentinelFile, urls: tuple[str, str], reload_zone: str | None, port: int) -> None:
    import asyncio
    import signal

    from app.alerting.sqlsentinel.daemon.metrics import SentinelMetrics
    from app.alerting.sqlsentinel.files.reading import read_sentinel_file
    from app.market.moments import parse_zone
    from app.wiring.sentinel import followed_file, sentinel_daemon, sentinel_repository, sentinel_service

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watched = None
    if reload_zone is not None:
        watched = followed_file(config)
        watched.take()
    zone = parse_zone(reload_zone or "UTC")
    database, state = urls
    with ExitStack() as stack:
        repository = stack.enter_context(sentinel_repository(state))
        service = stack.enter_context(sentinel_service(database, repository, file.compat))
        metrics = SentinelMetrics()
        daemon = sentinel_daemon(file, service, repository, metrics)
        server = _listen(port, daemon, repository, metrics)
        try:
            await daemon.run(stop, watched, lambda content: read_sentinel_file(content, str(config), os.environ, zone))
        finally:
            if server is not None:
                await asyncio.to_thread(server.close)


def _listen(
    port: int, daemon: SentinelDaemon, repository: SentinelRepository, metrics: SentinelMetrics
) -> HealthServer | None:
    """The port of probes; without it the daemon works all the same."""
    import structlog

    from app.alerting.sqlsentinel.daemon.server import HealthServer, as_answer
    from app.alerting.sqlsentinel.health import HEALTHY, UNHEALTHY, database_check, overall

    def scheduler() -> dict[str, object]:
        upcoming, last = daemon.next_run(), daemon.last_execution
        return {
            "status": HEALTHY if daemon.alive else UNHEALTHY,
            "jobs_count": daemon.jobs,
            "message": f"{daemon.jobs} jobs scheduled" if daemon.alive else "Scheduler is not running",
            "last_execution": last.isoformat() if last else None,
            "next_run": upcoming.isoformat() if upcoming else None,
        }

    def health() -> ProbeAnswer:
        if daemon.alive:
            return as_answer(200, {"status": HEALTHY})
        return as_answer(503, {"status": UNHEALTHY, "reason": "scheduler not running"})

    def ready() -> ProbeAnswer:
        checks = {"scheduler": scheduler(), "state_database": database_check(repository.ping)}
        status = overall(checks)
        return as_answer(200 if status == HEALTHY else 503, {"status": status, "checks": checks})

    answers = {
        "/health": health,
        "/ready": ready,
        # The health check of our image asks by the paths of the service.
        "/health/live": health,
        "/health/ready": ready,
        "/metrics": lambda: (200, "text/plain; version=0.0.4; charset=utf-8", metrics.text()),
    }
    try:
        server = HealthServer(port, answers, _alert_api(daemon, repository).answer)
    except OSError as error:
        structlog.get_logger().warning("health_port_refused", port=port, error=error.strerror or str(error))
        return None
    structlog.get_logger().info("health_port_opened", port=server.port)
    return server


def _alert_api(daemon: SentinelDaemon, repository: SentinelRepository) -> AlertApi:
    """In threads of the server; the daemon is asked in its own."""
    import asyncio

    from app.alerting.sqlsentinel.daemon.api import AlertApi
    from app.alerting.sqlsentinel.files.environment import setting
    from app.clock import SystemClock

    loop = asyncio.get_running_loop()

    def run(name: str) -> None:
        loop.call_soon_threadsafe(daemon.run_now, name)

    token = setting("SENTINEL_API_TOKEN", os.environ)
    return AlertApi(token, lambda: daemon.file, repository, run, SystemClock())
