"""`gridkeeper sentinel import`: alerts as native rules of the service."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.sentinel.options import Config, Zone, load_file
from app.cli.tables import printable


def import_command(
    config: Config,
    database: Annotated[str, typer.Option("--database", help="Name that its database gets in the rules.")] = "shop",
    timezone: Zone = "UTC",
) -> int:
    """Write the alerts of a file as native rules, with a comment for each thing that means something else.

    Nothing is asked and nothing is sent. The file itself joins the rules of the service as it is, too.

    Example: gridkeeper sentinel import alerts.yaml > config/alerts/shop.yaml

    Exit code: 0 written, 1 the file cannot be used.
    """
    from app.alerting.sqlsentinel.native import native_rules
    from app.errors import AppError

    try:
        text = native_rules(load_file(config, timezone), database)
    except AppError as error:
        sys.stderr.write(f"✗ {printable(str(error))}\n")
        return UNAVAILABLE
    sys.stdout.write(text)
    return OK
