"""The jobs of the scheduler and their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query

from app.scheduling.cost import cost_of
from app.scheduling.models import JobRun, RunTrigger
from app.scheduling.repository import find_job, readable, stored_only, with_planned
from app.scheduling.schemas import (
    JobResource,
    JobRunResource,
    JobsResource,
    LeaderResource,
    PausedJobResource,
    RequestCostResource,
)
from app.schemas import Page
from app.web.api.cursors import CursorPart
from app.web.dependencies import OPERATE, READ, CurrentSettings, Now, Services, api_router
from app.web.paging import Paging
from app.web.parameters import named

router = api_router("jobs")

_Job = Annotated[str, Path(max_length=200, description="Name of the job; `/jobs` lists them.")]
_OfJob = Annotated[str | None, Query(max_length=200, description="Only runs of this job.")]


@router.get("/jobs", openapi_extra=READ)
async def list_jobs(services: Services, settings: CurrentSettings, now: Now) -> JobsResource:
    """List the jobs with their last runs, who leads, and what the plan costs in requests a day."""
    runs, plan = services.storage().job_runs(), services.scheduling().scheduler().plan
    views = with_planned(await runs.jobs(), plan.jobs())
    return JobsResource(
        leader=LeaderResource.of(await runs.leader(), settings.scheduler.takeover_after),
        jobs=[JobResource.of(view) for view in views],
        requests_a_day=RequestCostResource.of(cost_of(plan, now), settings.entsoe.requests_per_minute),
    )


@router.post("/jobs/{job}/run", status_code=202, openapi_extra=OPERATE)
async def run_job(services: Services, now: Now, job: _Job) -> JobRunResource:
    """Ask for a run of a job now; the leader takes it within a second, and `/runs` tells how it ends."""
    runs, plan = services.storage().job_runs(), services.scheduling().scheduler().plan
    found = readable(find_job(with_planned(await runs.jobs(), plan.jobs()), job))
    return JobRunResource.of(await runs.requested(found, now, RunTrigger.API))


@router.post("/jobs/{job}/pause", openapi_extra=OPERATE)
async def pause_job(services: Services, job: _Job) -> PausedJobResource:
    """Let a job rest; what became due meanwhile runs once when it is resumed."""
    return await _paused(services, job, paused=True)


@router.post("/jobs/{job}/resume", openapi_extra=OPERATE)
async def resume_job(services: Services, job: _Job) -> PausedJobResource:
    """Let a job run again; what became due meanwhile runs once."""
    return await _paused(services, job, paused=False)


async def _paused(services: Services, job: str, *, paused: bool) -> PausedJobResource:
    runs, plan = services.storage().job_runs(), services.scheduling().scheduler().plan
    views = await runs.jobs()
    found = stored_only(find_job(with_planned(views, plan.jobs()), job), views)
    await runs.set_paused(found.name, paused=paused)
    return PausedJobResource(job=found.name, paused=paused)


@router.get("/runs", openapi_extra=READ)
async def list_runs(services: Services, paging: Paging, job: _OfJob = None) -> Page[JobRunResource]:
    """List the runs of jobs, the latest first: why each was, how it ended, what it did."""
    after = paging.after(str, str)
    with named("next"):
        before = (datetime.fromisoformat(str(after[0])), str(after[1])) if after else None
    rows = await services.storage().job_runs().history(job, limit=paging.limit + 1, before=before)
    return paging.page(rows, _run_key, JobRunResource.of)


def _run_key(run: JobRun) -> tuple[CursorPart, ...]:
    return run.scheduled_for.isoformat(), run.job
