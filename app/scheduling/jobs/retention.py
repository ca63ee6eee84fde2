"""What is deleted when: every table that loses old rows, as its domain declares it."""

from __future__ import annotations

from datetime import timedelta

from app.access import sql as access
from app.access.guesses import sql as guesses
from app.access.users import sql as users
from app.alerting import config_problems
from app.alerting.delivery import sql as delivery
from app.alerting.evaluation import sql as evaluation
from app.collection.backfill import sql as backfill
from app.collection.gaps import repository as gaps
from app.collection.sharing import sql as shared_windows
from app.db import timescale_steps
from app.db.retention import Mechanism, Retention
from app.events import sql as events
from app.kit.durations import show_duration
from app.monitoring import repository as monitoring
from app.probes.evidence import sql as evidence
from app.probes.interfaces import sql as interfaces
from app.probes.interfaces.logins import sql as logins
from app.probes.rollups import sql as rollups
from app.probes.sharing import sql as sharing
from app.probes.websites import sql as websites
from app.scheduling import repository as job_runs
from app.tasks.shared import sql as shared_tasks
from app.tasks.work_items import sql as work_items
from app.timeseries import repository as values
from app.timeseries.changes import sql as changes

RETENTIONS: tuple[Retention, ...] = (
    *(
        Retention(table, "delivery_start", f"retention.{setting}", Mechanism.TIMESCALE, only="whole chunks")
        for table, setting in timescale_steps.EXPIRING.items()
    ),
    *values.RETAINED,
    *changes.RETAINED,
    *gaps.RETAINED,
    gaps.CHANGES_RETAINED,
    *backfill.RETAINED,
    *job_runs.RETAINED,
    *monitoring.RETAINED,
    *evaluation.RETAINED,
    *delivery.RETAINED,
    *config_problems.RETAINED,
    *access.RETAINED,
    users.SESSIONS,
    *guesses.RETAINED,
    *events.RETAINED,
    *websites.RETAINED,
    *rollups.RETAINED,
    *evidence.RETAINED,
    *sharing.RETAINED,
    *interfaces.RETAINED,
    logins.TOKENS,
    *shared_tasks.RETAINED,
    *shared_windows.RETAINED,
    *work_items.RETAINED,
)


def retention_table() -> str:
    """The table of docs/data-model.md."""
    lines = ["| table | what goes | its age is counted from | kept for | deleted by |", "|---|---|---|---|---|"]
    lines += [
        f"| `{one.table}` | {one.only or 'rows'} | `{one.time_column}` | {_age(one.kept)} | {one.mechanism.value} |"
        for one in RETENTIONS
    ]
    return "\n".join(lines)


def _age(kept: str | timedelta) -> str:
    if isinstance(kept, timedelta):
        return show_duration(kept)
    names = [f"`GRIDKEEPER_{name.upper().replace('.', '__')}`" for name in kept.split()]
    return names[0] if len(names) == 1 else f"the longest of {', '.join(names)}"
