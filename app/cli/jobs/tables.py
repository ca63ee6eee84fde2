"""Jobs and their runs as lines and rows for people."""

from __future__ import annotations

from datetime import datetime

from app.db.leader import LeaderView
from app.market.time import iso
from app.scheduling.cost import Cost
from app.scheduling.models import JobRun
from app.scheduling.repository import JobView
from app.settings import Settings

JOB_COLUMNS = ("job", "schedule", "next run", "last run", "outcome", "seconds", "late", "trigger", "attempt")
HISTORY_COLUMNS = ("job", "scheduled for", "started", "outcome", "seconds", "late", "trigger", "attempt", "summary")


def cost_line(cost: Cost, settings: Settings) -> str:
    return (
        f"cost: about {cost.total:.0f} requests a day ({cost.total / 24:.0f} an hour) for {cost.pairs} items and places: "
        f"{cost.cycles:.0f} for what appears, {cost.corrections:.0f} for corrections; missing values and backfills come "
        f"on top, all of it within {settings.entsoe.requests_per_minute} a minute"
    )


def leader_line(leader: LeaderView, settings: Settings) -> str:
    if leader.alive(settings.scheduler.takeover_after):
        return f"leader: {leader.holder}, epoch {leader.epoch}"
    lost = f" since {iso(leader.heartbeat_at)}, the last was {leader.holder}" if leader.heartbeat_at else ""
    return f"leader: none{lost}; `gridkeeper serve` runs what is due"


def view_row(view: JobView) -> tuple[str, ...]:
    job, last = view.job, view.last
    following = "unreadable" if job.unreadable else "paused" if job.paused else _instant(job.next_run)
    return (job.name, job.schedule, following, *(_ending(last) if last else ("",) * 6))


def _ending(run: JobRun) -> tuple[str, ...]:
    return (
        _instant(run.started_at),
        run.outcome.value if run.outcome else "waiting",
        _seconds(run.seconds),
        _seconds(run.lateness),
        run.trigger.value,
        str(run.attempt),
    )


def history_row(run: JobRun) -> tuple[str, ...]:
    return (run.job, _instant(run.scheduled_for), *_ending(run), run.summary or run.error.split("\n")[0])


def _instant(instant: datetime | None) -> str:
    return iso(instant) if instant else ""


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
