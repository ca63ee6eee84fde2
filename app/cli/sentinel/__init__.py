"""The group `gridkeeper sentinel`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "init": Lazy(
        "app.cli.sentinel.states:init_command",
        "Make the tables of states and history, where they are not there yet; other commands do so themselves.",
    ),
    "validate": Lazy(
        "app.cli.sentinel.validate:validate_command",
        "Read a file of SQL Sentinel and list every problem with line and remedy, or its alerts with their next runs.",
    ),
    "run": Lazy(
        "app.cli.sentinel.running:run_command", "Run the alerts of a file now, once: query, state, history, messages."
    ),
    "status": Lazy(
        "app.cli.sentinel.states:status_command",
        "Show where each alert of a file stands: its status, a silence, its last check.",
    ),
    "history": Lazy("app.cli.sentinel.states:history_command", "Show what alerts found, the latest first."),
    "silence": Lazy(
        "app.cli.sentinel.states:silence_command",
        "Tell nobody of an alert for some hours; by the reliable laws people are told of what still fires afterwards.",
    ),
    "unsilence": Lazy("app.cli.sentinel.states:unsilence_command", "End the silence of an alert."),
    "pause": Lazy(
        "app.cli.sentinel.pausing:pause_command",
        "Leave an alert out of `run` and of the daemon until it is resumed; its state stays as it is.",
    ),
    "resume": Lazy("app.cli.sentinel.pausing:resume_command", "Ask a paused alert again, from its next slot on."),
    "healthcheck": Lazy(
        "app.cli.sentinel.health:healthcheck_command",
        "Ask the database of states and the one of the alerts, and say which channels are configured.",
    ),
    "metrics": Lazy(
        "app.cli.sentinel.health:metrics_command",
        "Show the figures of the daemon that runs on this machine, in the form of Prometheus; with json all of its lines.",
    ),
    "daemon": Lazy(
        "app.cli.sentinel.serving:daemon_command",
        "Run alerts when they are due, until SIGTERM or Ctrl-C; one daemon for a file and its states.",
    ),
    "import": Lazy(
        "app.cli.sentinel.importing:import_command",
        "Write the alerts of a file as native rules, with a comment for each thing that means something else.",
    ),
}

sentinel = lazy_typer(TABLE, no_args_is_help=True)
