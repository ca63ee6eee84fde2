"""The group `gridkeeper jobs`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "list": Lazy(
        "app.cli.jobs.commands:list_command",
        "List the jobs: schedule, next and last run, outcome, duration, lateness.",
    ),
    "run": Lazy(
        "app.cli.jobs.commands:run_command",
        "Run a job now: by the leader where a `serve` lives, else in this process; waits for its end.",
    ),
    "pause": Lazy("app.cli.jobs.commands:pause_command", "Let a job rest until `resume`; a restart keeps it paused."),
    "resume": Lazy(
        "app.cli.jobs.commands:resume_command",
        "Let a paused job run again; what became due meanwhile runs once.",
    ),
    "history": Lazy(
        "app.cli.jobs.commands:history_command",
        "Show past runs: scheduled and actual time, outcome, duration, lateness, trigger, error.",
    ),
}

jobs = lazy_typer(TABLE, no_args_is_help=True)
