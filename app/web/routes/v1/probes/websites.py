"""Websites that are checked: what is checked how, and what the checks have shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Path, Query, Response

from app.probes.regions.schemas import WebsiteDetailResource
from app.probes.rollups.repository import RollupLength
from app.probes.rollups.schemas import WebsiteRollupResource
from app.probes.websites.models import WindowKind
from app.probes.websites.schemas import (
    AvailabilityResource,
    KeptWebsiteResource,
    WebsiteBody,
    WebsiteChangeBody,
    WebsiteCheckResource,
    WebsiteResource,
    WebsiteWindowResource,
    WindowChangeBody,
)
from app.schemas import Page
from app.web.dependencies import OPERATE, READ, Asking, Now, Services, api_router
from app.web.paging import Paging
from app.web.parameters import FromQuery, ToQuery, in_body, named_range

router = api_router("websites")

_Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the website; `/websites` lists them.")]
_Window = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the downtime.")]
_Objective = Annotated[float, Query(ge=0, le=100, description="What was promised, in percent.")]
_Length = Annotated[RollupLength, Query(description="What is added up.")]
_Failed = Annotated[bool, Query(description="Only those that failed.")]
_Kind = Annotated[WindowKind, Query(description="Windows of which kind.")]


@router.get("/websites", openapi_extra=READ)
async def list_websites(services: Services, now: Now, paging: Paging) -> Page[WebsiteResource]:
    """List the websites that are checked, with the status of each."""
    after = paging.after(int)
    rows = await services.probes().websites().page(int(after[0]) if after else 0, paging.limit + 1)
    return paging.page(rows, lambda row: (row.website_id,), lambda row: WebsiteResource.of(row, now))


@router.post("/websites", status_code=201, openapi_extra=OPERATE)
async def create_website(services: Services, now: Now, response: Response, body: WebsiteBody) -> KeptWebsiteResource:
    """Check a website from now on; 409 names the one that has the address already."""
    with in_body(WebsiteBody):
        found = await services.probes().websites().add(body.draft())
    response.headers["Location"] = f"/api/v1/websites/{found.website_id}"
    return KeptWebsiteResource.with_warnings(found, await services.probes().websites().remarks(found), now)


@router.get("/websites/{website_id}", openapi_extra=READ)
async def read_website(services: Services, now: Now, website_id: _Number) -> WebsiteDetailResource:
    """Show a website: how it is checked, how it is, and how each of its regions sees it."""
    found = await services.probes().websites().read(website_id)
    views = await services.probes().websites().regions(website_id) if found.draft.regions else []
    return WebsiteDetailResource.seen(found, views, now)


@router.patch("/websites/{website_id}", openapi_extra=OPERATE)
async def change_website(
    services: Services, now: Now, website_id: _Number, body: WebsiteChangeBody
) -> KeptWebsiteResource:
    """Change what is said of a website; what is left out stays, and `enabled` pauses or resumes its checks."""
    with in_body(WebsiteChangeBody):
        found = await services.probes().websites().edit(website_id, body.applied)
    return KeptWebsiteResource.with_warnings(found, await services.probes().websites().remarks(found), now)


@router.delete("/websites/{website_id}", status_code=204, openapi_extra=OPERATE)
async def delete_website(services: Services, website_id: _Number) -> None:
    """Check a website no more, and forget its results and windows."""
    await services.probes().websites().delete(website_id)


@router.post("/websites/{website_id}/check", openapi_extra=OPERATE)
async def check_website_now(services: Services, now: Now, website_id: _Number) -> WebsiteResource:
    """Let a website be checked within a second, also while its checks pause after failures."""
    return WebsiteResource.of(await services.probes().websites().check_now(website_id), now)


@router.post("/websites/{website_id}/pause", openapi_extra=OPERATE)
async def pause_website(services: Services, now: Now, website_id: _Number) -> WebsiteResource:
    """Check a website no more until it is resumed; one that is paused stays so."""
    return WebsiteResource.of(await services.probes().websites().enable(website_id, enabled=False), now)


@router.post("/websites/{website_id}/resume", openapi_extra=OPERATE)
async def resume_website(services: Services, now: Now, website_id: _Number) -> WebsiteResource:
    """Check a website again, within a second; one that is checked stays so."""
    return WebsiteResource.of(await services.probes().websites().enable(website_id, enabled=True), now)


@router.get("/websites/{website_id}/checks", openapi_extra=READ)
async def list_website_checks(
    services: Services, paging: Paging, website_id: _Number, failed: _Failed = False
) -> Page[WebsiteCheckResource]:
    """List the results of a website's checks, the newest first, with what they saw at the other end."""
    after = paging.after(str)
    before = datetime.fromisoformat(str(after[0])) if after else None
    rows = await services.probes().websites().checks(website_id, before=before, limit=paging.limit + 1, failed=failed)
    return paging.page(rows, lambda row: (row.at.isoformat(),), WebsiteCheckResource.of)


@router.get("/websites/{website_id}/rollups", openapi_extra=READ)
async def list_website_rollups(
    *,
    services: Services,
    now: Now,
    website_id: _Number,
    start: FromQuery = "-30d",
    end: ToQuery = None,
    by: _Length = RollupLength.DAY,
) -> list[WebsiteRollupResource]:
    """List how the checks of a website went by day or hour of UTC, the earliest first: counts, and how long they took."""
    number = (await services.probes().websites().read(website_id)).website_id
    interval = named_range(start, end, ZoneInfo("UTC"), now)
    found = await services.probes().rollups().of(number, by, interval.start, interval.end)
    return [WebsiteRollupResource.of(one) for one in found]


@router.get("/websites/{website_id}/availability", openapi_extra=READ)
async def read_website_availability(
    *,
    services: Services,
    now: Now,
    website_id: _Number,
    start: FromQuery = "-30d",
    end: ToQuery = None,
    objective: _Objective = 99.9,
) -> AvailabilityResource:
    """Tell how available a website was in a range, by time, and what is left of its error budget; days are those of UTC."""
    service = services.probes().websites()
    found = await service.read(website_id)
    interval = named_range(start, end, ZoneInfo("UTC"), now)
    [(_, availability)] = await service.availabilities([found.website_id], interval.start, interval.end)
    return AvailabilityResource.of(found, availability, objective)


@router.get("/websites/{website_id}/downtime", openapi_extra=READ)
async def list_website_windows(
    services: Services, now: Now, paging: Paging, website_id: _Number, kind: _Kind = WindowKind.DOWN
) -> Page[WebsiteWindowResource]:
    """List the times in which a website was down, the newest first; on request those paused, unknown or in maintenance."""
    after = paging.after(str, int)
    before = (datetime.fromisoformat(str(after[0])), int(after[1])) if after else None
    rows = await services.probes().websites().windows(website_id, kind, before=before, limit=paging.limit + 1)
    return paging.page(
        rows, lambda row: (row.start.isoformat(), row.window_id), lambda row: WebsiteWindowResource.of(row, now)
    )


@router.patch("/websites/{website_id}/downtime/{window_id}", openapi_extra=OPERATE)
async def change_website_window(
    *, services: Services, caller: Asking, now: Now, website_id: _Number, window_id: _Window, body: WindowChangeBody
) -> WebsiteWindowResource:
    """Acknowledge a downtime, or say something of it; the first who acknowledges stays named."""
    found = (
        await services.probes()
        .websites()
        .annotate(website_id, window_id, caller.name, acknowledged=body.acknowledged, note=body.note)
    )
    return WebsiteWindowResource.of(found, now)
