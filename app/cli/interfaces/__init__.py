"""The group `gridkeeper interfaces`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "scan": Lazy(
        "app.cli.interfaces.scan:scan_command",
        "Read OpenAPI documents: their operations, which will be probed, and why not the others.",
    ),
}

interfaces = lazy_typer(TABLE, no_args_is_help=True)
