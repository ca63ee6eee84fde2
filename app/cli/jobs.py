"""`gridkeeper jobs`: list, run, pause, resume, history."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer

from app.cli.exit_codes import FAILED, OK, UNAVAILABLE
from app.cli.output import print_json
from app.cli.tables import print_table
from app.clock import SystemClock
from app.db.leader import LeaderView, read_leader
from app.errors import Conflict
from app.lifecycle import collecting, services
from app.logging import configure_logging
from app.market.time import iso
from app.scheduling.cost import Cost, cost_of
from app.scheduling.dispatcher import Dispatcher
from app.scheduling.models import UNREADABLE, JobOutcome, JobRun, RunTrigger, StoredJob
from app.scheduling.plan import Plan, cautious
from app.scheduling.plan_file import PlanFile
from app.scheduling.repository import JobView, find_job, readable
from app.scheduling.retries import RetryPolicy
from app.scheduling.schemas import (
    JobResource,
    JobRunResource,
    JobsResource,
    LeaderResource,
    PausedJobResource,
    RequestCostResource,
)
from app.settings import Settings, load_settings
from app.wiring.catalog import CATALOG

if TYPE_CHECKING:
    from app.wiring.container import Container

LOOK = 0.3
TAKEN_WITHIN = 15.0
DONE = {JobOutcome.SUCCEEDED, JobOutcome.NOTHING_DUE}
LIST_COLUMNS = ("job", "schedule", "next run", "last run", "outcome", "seconds", "late", "trigger", "attempt")
HISTORY_COLUMNS = ("job", "scheduled for", "started", "outcome", "seconds", "late", "trigger", "attempt", "summary")


def list_command(*, as_json: bool) -> int:
    settings = _settings()
    views, leader = asyncio.run(_read(settings))
    if as_json:
        print_json(
            JobsResource(
                leader=LeaderResource.of(leader, settings.scheduler.takeover_after),
                jobs=[JobResource.of(view) for view in views],
                requests_a_day=RequestCostResource.of(_cost(settings), settings.entsoe.requests_per_minute),
            )
        )
        return OK
    print_table(LIST_COLUMNS, [_view_row(view) for view in views], right={"seconds", "late", "attempt"})
    unreadable = [view.job for view in views if view.job.unreadable]
    for job in unreadable:
        _say(f"{job.name}: {job.unreadable}")
    if unreadable:
        _say(f"unreadable: {UNREADABLE}")
    _say(_leader_line(leader, settings))
    _say(_cost_line(settings))
    return OK


def _cost_line(settings: Settings) -> str:
    cost = _cost(settings)
    return (
        f"cost: about {cost.total:.0f} requests a day ({cost.total / 24:.0f} an hour) for {cost.pairs} items and places: "
        f"{cost.cycles:.0f} for what appears, {cost.corrections:.0f} for corrections; missing values and backfills come "
        f"on top, all of it within {settings.entsoe.requests_per_minute} a minute"
    )


def _cost(settings: Settings) -> Cost:
    return cost_of(_plan(settings), SystemClock().now())


async def _read(settings: Settings) -> tuple[list[JobView], LeaderView]:
    async with services(settings, _say) as wiring:
        views = await _known_jobs(wiring, settings)
        async with wiring.database().connection() as connection:
            return views, await read_leader(connection)


async def _known_jobs(wiring: Container, settings: Settings) -> list[JobView]:
    """The stored jobs, and those of the plan that no leader has stored yet."""
    views = await wiring.storage().job_runs().jobs()
    stored = {view.job.name for view in views}
    plan = _plan(settings)
    planned = [
        JobView(StoredJob(job.name, job.kind, job.schedule, job.params, None), None)
        for job in plan.jobs()
        if job.name not in stored
    ]
    return sorted(views + planned, key=lambda view: view.job.name)


def _plan(settings: Settings) -> Plan:
    plan = PlanFile(settings.scheduler.plan_file, settings.collection, CATALOG).load()
    return cautious(plan) if settings.scheduler.profile == "cautious" else plan


def run_command(name: str, *, sandbox: bool, as_json: bool) -> int:
    """Runs a job now: by the leader where one lives, else in this process; waits for its end."""
    settings = _settings(sandbox=sandbox)
    run = asyncio.run(_run(settings, name))
    if run is None:
        _say(f"{name} did not begin: the leader has not taken it within {TAKEN_WITHIN:g} s; it stays asked for")
        return UNAVAILABLE
    if as_json:
        print_json(JobRunResource.of(run))
    else:
        _say(f"{run.job}: {run.outcome}; {run.summary}")
        for reason in run.skipped:
            _say(f"  {reason}")
    return OK if run.outcome in DONE else FAILED


async def _run(settings: Settings, name: str) -> JobRun | None:
    async with services(settings, _say) as wiring:
        job = readable(find_job(await _known_jobs(wiring, settings), name))
        async with wiring.database().connection() as connection:
            leader = await read_leader(connection)
        _say_what_replaces(name, job.name)
        if leader.alive(settings.scheduler.takeover_after):
            _say(f"asked {leader.holder}, the leader, to run {job.name}")
            return await _followed(wiring, job)
    _say(f"no service leads at present: {job.name} runs in this process")
    return await _run_here(settings, job)


async def _followed(wiring: Container, job: StoredJob) -> JobRun | None:
    repository = wiring.storage().job_runs()
    key = await repository.request(job, SystemClock().now(), RunTrigger.MANUAL)
    waited = 0.0
    while True:
        run = await repository.run_of(key)
        if run is not None and run.finished_at is not None:
            return run
        if run is not None and run.started_at is None and waited > TAKEN_WITHIN:
            return None
        await asyncio.sleep(LOOK)
        waited += LOOK


async def _run_here(settings: Settings, job: StoredJob) -> JobRun | None:
    async with collecting(settings, _say) as container:
        runs, clock = container.storage().job_runs(), container.clock()
        key = await runs.request(job, clock.now(), RunTrigger.MANUAL)
        ticket = await runs.claim_requested(key, clock.now())
        if ticket is not None:
            # A person sees the failure and asks again.
            no_retry = RetryPolicy(0, timedelta(seconds=1))
            await Dispatcher(container.scheduling().jobs().handlers(), runs, clock, no_retry).run(ticket)
        return await runs.run_of(key)


def pause_command(name: str, *, paused: bool, as_json: bool) -> int:
    """Pauses or resumes a job; what became due while it was paused runs once when it is resumed."""
    asyncio.run(_pause(_settings(), name, paused=paused))
    if as_json:
        print_json(PausedJobResource(job=name, paused=paused), indent=None)
    else:
        _say(f"{name} is paused" if paused else f"{name} runs again; what became due meanwhile runs once")
    return OK


async def _pause(settings: Settings, name: str, *, paused: bool) -> None:
    async with services(settings, _say) as wiring:
        job = find_job(await _known_jobs(wiring, settings), name)
        _say_what_replaces(name, job.name)
        repository = wiring.storage().job_runs()
        if job.name not in {view.job.name for view in await repository.jobs()}:
            raise Conflict(f"{job.name} has never been scheduled: it can rest once `gridkeeper serve` has started")
        await repository.set_paused(job.name, paused=paused)


def _say_what_replaces(name: str, found: str) -> None:
    if name != found:
        _say(f"{name} is part of {found} now, which asks for each value again by its own age and history")


def history_command(name: str | None, *, limit: int, as_json: bool) -> int:
    runs = asyncio.run(_history(_settings(), name, limit))
    if as_json:
        print_json([JobRunResource.of(run) for run in runs])
    else:
        print_table(HISTORY_COLUMNS, [_history_row(run) for run in runs], right={"seconds", "late", "attempt"})
    return OK


async def _history(settings: Settings, name: str | None, limit: int) -> Sequence[JobRun]:
    async with services(settings, _say) as wiring:
        runs = await wiring.storage().job_runs().history(name, limit=limit)
        if name is not None and not runs:
            find_job(await _known_jobs(wiring, settings), name)
        return runs


def _settings(*, sandbox: bool = False) -> Settings:
    settings = load_settings(**({"sandbox": True} if sandbox else {}))
    configure_logging(settings.log)
    return settings


def _leader_line(leader: LeaderView, settings: Settings) -> str:
    if leader.alive(settings.scheduler.takeover_after):
        return f"leader: {leader.holder}, epoch {leader.epoch}"
    lost = f" since {iso(leader.heartbeat_at)}, the last was {leader.holder}" if leader.heartbeat_at else ""
    return f"leader: none{lost}; `gridkeeper serve` runs what is due"


def _view_row(view: JobView) -> tuple[str, ...]:
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


def _history_row(run: JobRun) -> tuple[str, ...]:
    return (run.job, _instant(run.scheduled_for), *_ending(run), run.summary or run.error.split("\n")[0])


def _instant(instant: datetime | None) -> str:
    return iso(instant) if instant else ""


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _say(text: str) -> None:
    typer.echo(text, err=True)
