"""The group `gridkeeper backfill`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "plan": Lazy(
        "app.cli.backfill.commands:plan_command",
        "Show the windows, requests and duration that `start` with the same options would need; starts nothing.",
    ),
    "start": Lazy(
        "app.cli.backfill.commands:start_command",
        "Start a backfill; its windows are rows, so it survives any process and resumes where it was.",
    ),
    "status": Lazy(
        "app.cli.backfill.commands:status_command",
        "Show how far backfills are, with the windows in each state and the time left at the token's rate.",
    ),
    "pause": Lazy("app.cli.backfill.commands:pause_command", "Let no further window begin until `resume`."),
    "resume": Lazy("app.cli.backfill.commands:resume_command", "Go on with a paused backfill."),
    "cancel": Lazy("app.cli.backfill.commands:cancel_command", "End a backfill for good; what is stored stays."),
    "retry-failed": Lazy(
        "app.cli.backfill.commands:retry_failed_command", "Ask again for the failed windows of a backfill."
    ),
}

backfill = lazy_typer(TABLE, no_args_is_help=True)
