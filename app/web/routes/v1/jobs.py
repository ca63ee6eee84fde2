"""The jobs of the scheduler and their runs."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Path, Query

from app.collection.models import Outcome
from app.collection.schemas import RecordedWindowResource
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
from app.web.api.cursors import CursorPart, instant_in, part_of
from app.web.dependencies import OPERATE, READ, READ_LIMITED, Asking, CurrentSettings, Now, Services, api_router
from app.web.paging import Paging
from app.web.parameters import AreaQuery, FromQuery, ItemQuery, ToQuery, named, named_range, narrowed

router = api_router("jobs")

_Job = Annotated[str, Path(max_length=200, description="Name of the job; `/jobs` lists them.")]
_UTC = ZoneInfo("UTC")
_Outcome = Annotated[Outcome | None, Query(description="Only windows that ended so.")]
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
    after = paging.after(int, str)
    with named("next"):
        before = (instant_in(after[0]), str(after[1])) if after else None
    rows = await services.storage().job_runs().history(job, limit=paging.limit + 1, before=before)
    return paging.page(rows, _run_key, JobRunResource.of)


@router.get("/runs/windows", openapi_extra=READ_LIMITED)
async def list_collected_windows(
    services: Services,
    caller: Asking,
    now: Now,
    paging: Paging,
    *,
    area: AreaQuery = [],  # noqa: B006  FastAPI copies it
    item: ItemQuery = [],  # noqa: B006
    outcome: _Outcome = None,
    start: FromQuery = "-7d",
    end: ToQuery = None,
) -> Page[RecordedWindowResource]:
    """List the windows that were asked of the source, the latest first: what came of each, and what it cost.

    `from` and `to` are when the answer came; days are those of UTC.
    """
    areas, items = narrowed(area, item, caller)
    asked = named_range(start, end, _UTC, now)
    after = paging.after(int, int)
    with named("next"):
        before = (instant_in(after[0]), int(after[1])) if after else None
    rows = (
        await services.storage()
        .runs()
        .recorded(asked, items=items, areas=areas, outcome=outcome, limit=paging.limit + 1, before=before)
    )
    return paging.page(rows, lambda row: (part_of(row.finished_at), row.run_id), RecordedWindowResource.of)


def _run_key(run: JobRun) -> tuple[CursorPart, ...]:
    return part_of(run.scheduled_for), run.job
