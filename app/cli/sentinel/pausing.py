"""`gridkeeper sentinel pause|resume`: alerts that nobody wants to be asked for a while."""

from __future__ import annotations

import sys
from pathlib import Path

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.sentinel.options import Config, StateDb, load_file, state_of
from app.cli.sentinel.states import NamedAlert
from app.cli.tables import printable


def pause_command(config: Config, alert: NamedAlert, state_db: StateDb = None) -> int:
    """Leave an alert out of `run` and of the daemon until it is resumed; its state stays as it is.

    Example: gridkeeper sentinel pause alerts.yaml --alert daily_revenue

    Exit code: 0 paused, 1 there is no such alert, or the file or the database cannot be used.
    """
    return _set_pause(config, alert, state_db, paused=True)


def resume_command(config: Config, alert: NamedAlert, state_db: StateDb = None) -> int:
    """Ask a paused alert again, from its next slot on.

    Example: gridkeeper sentinel resume alerts.yaml --alert daily_revenue

    Exit code: 0 resumed, 1 there is no such alert, or the file or the database cannot be used.
    """
    return _set_pause(config, alert, state_db, paused=False)


def _set_pause(config: Path, alert: str, state_db: str | None, *, paused: bool) -> int:
    from app.clock import SystemClock
    from app.errors import AppError, NotFound
    from app.wiring.sentinel import sentinel_repository

    try:
        file = load_file(config)
        if file.alert(alert) is None:
            names = ", ".join(one.name for one in file.alerts)
            raise NotFound(f"there is no alert {alert!r}; there are {names}")
        with sentinel_repository(state_of(state_db)) as repository:
            repository.pause(alert, SystemClock().now() if paused else None)
    except AppError as error:
        sys.stderr.write(printable(f"✗ {error}") + "\n")
        return UNAVAILABLE
    sys.stdout.write(printable(f"✓ Alert '{alert}' {'paused' if paused else 'resumed'}") + "\n")
    return OK
