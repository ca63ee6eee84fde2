"""The group `gridkeeper report`."""

from __future__ import annotations

from app.cli.lazy_group import Lazy, lazy_typer

TABLE = {
    "daily": Lazy(
        "app.cli.report.operations:daily_command",
        "Report how a day went: success, lateness, gaps, volumes, response times, alerts, and what to do about it.",
    ),
    "weekly": Lazy(
        "app.cli.report.operations:weekly_command",
        "Report how a week from Monday to Sunday went, with the same figures as the daily report.",
    ),
    "sla": Lazy(
        "app.cli.report.sla:sla_command",
        "Report what was promised of websites against what was, with error budgets, by website or group and by month.",
    ),
    "quality": Lazy(
        "app.cli.report.quality:quality_command",
        "Report scores per area and item, the worst series with plots, findings and trends. Days are those of the market.",
    ),
}

report = lazy_typer(TABLE, no_args_is_help=True)
