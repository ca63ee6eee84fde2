"""Planned maintenance of websites: what counts for no downtime and wakes nobody."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from app.probes.maintenance.schemas import (
    PlannedMaintenanceResource,
    WebsiteMaintenanceBody,
    WebsiteMaintenanceResource,
)
from app.schemas import Page
from app.web.dependencies import OPERATE, READ, Asking, Now, Services, api_router
from app.web.paging import Paging
from app.web.parameters import in_body

router = api_router("websites")

_Plan = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the maintenance.")]
_Removed = Annotated[bool, Query(description="Also those that were removed and have been.")]


@router.get("/websites/maintenance", openapi_extra=READ)
async def list_website_maintenance(
    services: Services, now: Now, paging: Paging, removed: _Removed = False
) -> Page[WebsiteMaintenanceResource]:
    """List the planned maintenance of websites, with when it begins next."""
    found = await services.probes().maintenance().plans(removed=removed)
    return paging.of(found, lambda one: (one.plan_id,), lambda one: WebsiteMaintenanceResource.of(one, now))


@router.post("/websites/maintenance", status_code=201, openapi_extra=OPERATE)
async def plan_website_maintenance(
    services: Services, caller: Asking, now: Now, body: WebsiteMaintenanceBody
) -> PlannedMaintenanceResource:
    """Plan a maintenance, once or by a cron expression: what is down in it is no downtime, and no alert tells of it."""
    with in_body(WebsiteMaintenanceBody):
        draft = body.draft(now)
    plan = await services.probes().maintenance().add(draft, caller.name)
    return PlannedMaintenanceResource.with_warnings(plan, await services.probes().maintenance().remarks(plan), now)


@router.delete("/websites/maintenance/{plan_id}", status_code=204, openapi_extra=OPERATE)
async def remove_website_maintenance(services: Services, plan_id: _Plan) -> None:
    """End a maintenance that lasts, and plan none of it any more; what has been stays in the figures."""
    await services.probes().maintenance().remove(plan_id)
