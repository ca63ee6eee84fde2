"""Runs a job now and waits for its end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from app.cli.jobs.known import jobs_and_leader, say_what_replaces
from app.cli.output import say
from app.clock import SystemClock
from app.lifecycle import collecting, services
from app.scheduling.dispatcher import Dispatcher
from app.scheduling.models import JobRun, RunTrigger, StoredJob
from app.scheduling.repository import find_job, readable
from app.scheduling.retries import RetryPolicy
from app.settings import Settings

if TYPE_CHECKING:
    from app.wiring.container import Container

LOOK = 0.3
TAKEN_WITHIN = 15.0


async def run_job(settings: Settings, name: str) -> JobRun | None:
    """By the leader where one lives, else here; None where the leader does not take it in time."""
    async with services(settings, say) as wiring:
        views, leader = await jobs_and_leader(wiring, settings)
        job = readable(find_job(views, name))
        say_what_replaces(name, job.name)
        if leader.alive(settings.scheduler.takeover_after):
            say(f"asked {leader.holder}, the leader, to run {job.name}")
            return await _followed(wiring, job)
    say(f"no service leads at present: {job.name} runs in this process")
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
    async with collecting(settings, say) as container:
        runs, clock = container.storage().job_runs(), container.clock()
        key = await runs.request(job, clock.now(), RunTrigger.MANUAL)
        ticket = await runs.claim_requested(key, clock.now())
        if ticket is not None:
            # A person sees the failure and asks again.
            no_retry = RetryPolicy(0, timedelta(seconds=1))
            await Dispatcher(container.scheduling().jobs().handlers(), runs, clock, no_retry).run(ticket)
        return await runs.run_of(key)
