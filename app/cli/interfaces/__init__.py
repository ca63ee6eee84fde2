"""The group `gridkeeper interfaces`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "scan": Lazy(
        "app.cli.interfaces.scan:scan_command",
        "Read documents of interfaces: their operations, which will be probed, and why not the others.",
    ),
    "validate": Lazy(
        "app.cli.interfaces.validate:validate_command",
        "Read the file of interfaces and its documents, and list every problem with file, line, field and remedy.",
    ),
    "diff": Lazy(
        "app.cli.interfaces.diff:diff_command",
        "Compare two states of a document: operations added, removed and changed, and what may break callers.",
    ),
}

interfaces = lazy_typer(TABLE, no_args_is_help=True)
