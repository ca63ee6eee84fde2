"""`gridkeeper sentinel validate`: what a file says, without asking a database."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.output import print_json
from app.cli.sentinel.options import (
    Config,
    DatabaseUrl,
    OutputForm,
    OutputKind,
    Zone,
    database_of,
    load_file,
    without_password,
)
from app.cli.tables import printable, single_line

if TYPE_CHECKING:
    from app.alerting.sqlsentinel.schemas import SentinelCheckResource

NEXT_RUNS = 5


def validate_command(
    config: Config,
    output: OutputForm = OutputKind.TEXT,
    database_url: DatabaseUrl = None,
    timezone: Zone = "UTC",
) -> int:
    """Read a file of SQL Sentinel and list every problem with line and remedy, or its alerts with their next runs.

    Neither the database nor a receiver is asked. Variables have to be set as where the file is used.

    Example: gridkeeper sentinel validate alerts.yaml

    Exit code: 0 the file is valid, 1 it is not.
    """
    from app.alerting.sqlsentinel.schemas import SentinelAlertResource, SentinelCheckResource
    from app.clock import SystemClock
    from app.errors import ConfigurationError
    from app.kit.yaml.tree import FileProblems, Problem

    try:
        found = load_file(config, timezone)
        database = without_password(database_of(found, database_url))
    except FileProblems as error:
        check = SentinelCheckResource.wrong(str(config), error.problems)
    except ConfigurationError as error:
        check = SentinelCheckResource.wrong(str(config), [Problem(str(config), 0, "", str(error))])
    else:
        now = SystemClock().now()
        alerts = [SentinelAlertResource.of(alert, now, NEXT_RUNS) for alert in found.alerts]
        check = SentinelCheckResource.right(found, database, alerts)
    if output is OutputKind.JSON:
        print_json(check, letters=True)
    else:
        _show(check)
    return OK if check.valid else UNAVAILABLE


def _show(check: SentinelCheckResource) -> None:
    lines = [f"Validating configuration: {check.file}"]
    if check.valid:
        lines += ["✓ Configuration is valid", f"  Database: {check.database}", f"  Alerts: {len(check.alerts)}"]
        for alert in check.alerts:
            lines.append(f"    - {alert.alert_name} ({'enabled' if alert.enabled else 'disabled'})")
            runs = ", ".join(f"{run:%Y-%m-%d %H:%M:%S}" for run in alert.next_runs) or "never"
            lines.append(f"      next runs (UTC): {runs}")
    else:
        lines.append(f"✗ Configuration validation failed: {len(check.problems)} problem(s)")
    for sign, problems in (("✗", check.problems), ("⚠", check.warnings)):
        for problem in problems:
            where = f"line {problem.line}: " if problem.line else ""  # 0: the file as a whole
            field = f"{problem.field}: " if problem.field else ""
            lines.append(f"  {sign} {where}{field}{single_line(problem.message)}")
    sys.stdout.write(printable("\n".join(lines)) + "\n")
