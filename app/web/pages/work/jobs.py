"""What the service does: jobs, their latest runs, backfills; and what a person may ask of a job."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request, Response

from app.kit.language import gettext
from app.scheduling.cost import cost_of
from app.scheduling.models import JobOutcome
from app.scheduling.repository import JobView, with_planned
from app.web.dependencies import OPERATE, READ, CurrentSettings, Now, Services
from app.web.pages.forms import done
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.pages.work.runs import MOST_RUNS, Before, Chosen, chosen_outcome, following_runs, runs_before
from app.web.pages.work.workers import sharing
from app.web.routes.v1 import jobs as routes

router = page_router()

MOST_BACKFILLS = 50
_Job = Annotated[str, Path(max_length=200)]


@router.get("/work", openapi_extra=READ)
async def work_page(
    request: Request,
    services: Services,
    settings: CurrentSettings,
    now: Now,
    *,
    job: Annotated[str, Query(max_length=200)] = "",
    outcome: Chosen = "",
    before: Before = "",
) -> Response:
    """Jobs with their last and next runs, the latest runs, and backfills with what is left of them."""
    runs, plan = services.storage().job_runs(), services.scheduling().scheduler().plan
    views = with_planned(await runs.jobs(), plan.jobs())
    backfills = services.collection().backfills()
    found = await runs.history(
        job or None, limit=MOST_RUNS + 1, before=runs_before(before), outcome=chosen_outcome(outcome)
    )
    return render(
        request,
        "work/work.html",
        jobs=sorted(views, key=lambda view: (not _troubled(view), view.job.name)),
        leader=await runs.leader(),
        takeover_after=settings.scheduler.takeover_after,
        runs=found[:MOST_RUNS],
        following=following_runs(found),
        backfills=[(row, backfills.time_left(row)) for row in await backfills.newest(MOST_BACKFILLS)],
        cost=cost_of(plan, now),
        budget=settings.entsoe.requests_per_minute * 1440,
        job=job,
        outcome=outcome,
        all_outcomes=list(JobOutcome),
        **await sharing(services, settings),
    )


def _troubled(view: JobView) -> bool:
    return bool(view.job.unreadable) or (view.last is not None and view.last.outcome is JobOutcome.FAILED)


@router.post("/work/jobs/{job:path}/run", openapi_extra=OPERATE, name="run_job")
async def run_job_from_page(request: Request, services: Services, now: Now, job: _Job) -> Response:
    """Ask for a run of a job now."""
    run = await routes.run_job(services, now, job)
    return done(
        request, "work", gettext("A run of %(job)s is asked for. The leader takes it within a second.", job=run.job)
    )


@router.post("/work/jobs/{job:path}/pause", openapi_extra=OPERATE, name="pause_job")
async def pause_job_from_page(request: Request, services: Services, job: _Job) -> Response:
    """Let a job rest."""
    await routes.pause_job(services, job)
    return done(
        request, "work", gettext("%(job)s is paused. What becomes due meanwhile runs once when it is resumed.", job=job)
    )


@router.post("/work/jobs/{job:path}/resume", openapi_extra=OPERATE, name="resume_job")
async def resume_job_from_page(request: Request, services: Services, job: _Job) -> Response:
    """Let a job run again."""
    await routes.resume_job(services, job)
    return done(request, "work", gettext("%(job)s goes on.", job=job))
