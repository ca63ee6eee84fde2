"""The group `gridkeeper interfaces`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "scan": Lazy(
        "app.cli.interfaces.scan:scan_command",
        "Read documents of interfaces: their operations, which will be probed, and why not the others.",
    ),
    "init": Lazy(
        "app.cli.interfaces.init:init_command",
        "Scan a document, try what can be probed once, and write a service into the file of interfaces.",
    ),
    "list": Lazy(
        "app.cli.interfaces.watching:list_command",
        "List the services whose interfaces are probed, with how each stands.",
    ),
    "show": Lazy(
        "app.cli.interfaces.watching:show_command",
        "Show a service: its operations, those that fail first, its suites, last cycles, and what its documents changed.",
    ),
    "status": Lazy(
        "app.cli.interfaces.watching:status_command",
        "Tell which services fail: one line for each that is not well, and how many are.",
    ),
    "run": Lazy(
        "app.cli.interfaces.watching:run_command",
        "Let the running service probe all operations of a service now, or one suite; its clock goes on as before.",
    ),
    "try": Lazy(
        "app.cli.interfaces.trying:try_command",
        "Ask a service of the file, one of its suites or one operation once, and show what came of it.",
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
