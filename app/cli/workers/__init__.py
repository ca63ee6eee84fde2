"""The group `gridkeeper workers`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "list": Lazy(
        "app.cli.workers.commands:list_command",
        "List the workers: version, queues, what they have under way, their rate and last sign of life.",
    ),
    "queues": Lazy(
        "app.cli.workers.commands:queues_command",
        "List the queues: who takes them, tasks that wait, run, are parked and have ended, how long the first has waited.",
    ),
    "drain": Lazy(
        "app.cli.workers.commands:drain_command",
        "Ask a worker to end: it takes no further task, and those under way finish or are handed back.",
    ),
}

workers = lazy_typer(TABLE, no_args_is_help=True)
