"""The group `gridkeeper alerts`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "check": Lazy(
        "app.cli.alerts.rules:check_command",
        "Read the rules and list every problem with file, line, field and remedy; starts nothing.",
    ),
    "rules": Lazy(
        "app.cli.alerts.rules:rules_command",
        "List the rule book: severity, schedule, next slot, where each rule stands.",
    ),
    "try": Lazy(
        "app.cli.alerts.rules:try_command",
        "Evaluate a rule once and show its rows, signals and verdict; writes nothing and tells nobody.",
    ),
    "run": Lazy(
        "app.cli.alerts.rules:run_command",
        "Evaluate a rule now as the service would: its alerts change and people are notified.",
    ),
    "list": Lazy("app.cli.alerts.state:list_command", "List alerts, what fires first and the most urgent first."),
    "history": Lazy(
        "app.cli.alerts.state:history_command",
        "Show what happened to alerts; with --summary how often each rule was evaluated, fired, notified and failed.",
    ),
    "ack": Lazy("app.cli.alerts.state:ack_command", "Acknowledge an alert: no reminders until it ends or gets worse."),
    "pause": Lazy(
        "app.cli.alerts.state:pause_command",
        "Let a rule rest, over restarts: its alerts stay as they are, nobody is notified of them.",
    ),
    "resume": Lazy("app.cli.alerts.state:resume_command", "Look at a paused rule again."),
    "silence": Lazy(
        "app.cli.alerts.silences:silence_command",
        "Notify nobody of alerts that match, for a while; people are notified of what still fires afterwards.",
    ),
    "unsilence": Lazy("app.cli.alerts.silences:unsilence_command", "End a silence now."),
    "silences": Lazy(
        "app.cli.alerts.silences:silences_command", "List silences: from when to when, which alerts, who and why."
    ),
    "maintenance": Lazy(
        "app.cli.alerts.silences:maintenance_command",
        "List maintenance windows, silences that come again; with matchers add one, with --end remove one.",
    ),
    "channels": Lazy(
        "app.cli.alerts.channels:channels_command",
        "List the channels: where each sends to, whether it works, what waits for it.",
    ),
    "test": Lazy(
        "app.cli.alerts.channels:test_command",
        "Send a test message over a channel at once, and show what was answered.",
    ),
    "notifications": Lazy(
        "app.cli.alerts.channels:notifications_command",
        "List messages: channel, status, attempts, what they say, why they failed.",
    ),
    "retry": Lazy(
        "app.cli.alerts.channels:retry_command", "Try a message again now that failed or waits; it keeps its key."
    ),
    "enable": Lazy(
        "app.cli.alerts.channels:enable_command",
        "Use a channel again that was disabled because it refused everything.",
    ),
}

alerts = lazy_typer(TABLE, no_args_is_help=True)
