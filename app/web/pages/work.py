"""What the service does: jobs, their runs, and backfills."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from app.scheduling.cost import cost_of
from app.scheduling.models import JobOutcome
from app.scheduling.repository import JobView, with_planned
from app.web.dependencies import READ, CurrentSettings, Now, Services
from app.web.pages.rendering import render
from app.web.pages.routing import page_router

router = page_router()

MOST_RUNS, MOST_BACKFILLS = 50, 50


@router.get("/work", openapi_extra=READ)
async def work_page(
    request: Request,
    services: Services,
    settings: CurrentSettings,
    now: Now,
    job: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Jobs with their last and next runs, the latest runs, and backfills with what is left of them."""
    runs, plan = services.storage().job_runs(), services.scheduling().scheduler().plan
    views = with_planned(await runs.jobs(), plan.jobs())
    backfills = services.collection().backfills()
    return render(
        request,
        "work.html",
        jobs=sorted(views, key=lambda view: (not _troubled(view), view.job.name)),
        runs=await runs.history(job or None, limit=MOST_RUNS, before=None),
        backfills=[(row, backfills.time_left(row)) for row in await backfills.newest(MOST_BACKFILLS)],
        cost=cost_of(plan, now),
        budget=settings.entsoe.requests_per_minute * 1440,
        job=job,
    )


def _troubled(view: JobView) -> bool:
    return bool(view.job.unreadable) or (view.last is not None and view.last.outcome is JobOutcome.FAILED)
