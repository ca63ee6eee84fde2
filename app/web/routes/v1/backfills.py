"""Backfills: what one would ask for, and those that run or ran."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from app.collection.backfill.models import BackfillRequest, Reprocess
from app.collection.backfill.schemas import (
    BackfillBody,
    BackfillPlanResource,
    BackfillResource,
    FailedWindowResource,
    StartedBackfillResource,
)
from app.schemas import Page
from app.web.dependencies import OPERATE, READ, Asking, CurrentSettings, Now, Services, api_router
from app.web.paging import Paging
from app.web.parameters import Selected, selection

router = api_router("backfills")

_Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the backfill; `/backfills` lists them.")]
_Reprocess = Annotated[Reprocess, Query(description="Which windows of the range are asked for.")]


@router.get("/backfills", openapi_extra=READ)
async def list_backfills(services: Services, paging: Paging) -> Page[BackfillResource]:
    """List the backfills, the newest first: state, progress, what is left, who works on them."""
    service = services.collection().backfills()
    rows = {row.backfill_id: row for row in await service.newest(1000)}
    return paging.of(
        rows.values(), lambda row: (-row.backfill_id,), lambda row: BackfillResource.of(row, service.time_left(row))
    )


@router.get("/backfills/plan", openapi_extra=READ)
async def show_backfill_plan(
    services: Services, selected: Selected, now: Now, reprocess: _Reprocess = Reprocess.MISSING
) -> BackfillPlanResource:
    """Tell what a backfill would ask for and what it would leave out; starts nothing."""
    request = BackfillRequest(selected.requests, reprocess)
    plan = await services.collection().backfills().plan(request, now, promised=False)
    return BackfillPlanResource.of(plan, request)


@router.post("/backfills", status_code=201, openapi_extra=OPERATE)
async def start_backfill(
    services: Services, settings: CurrentSettings, caller: Asking, now: Now, body: BackfillBody
) -> StartedBackfillResource:
    """Queue a backfill, which a running service works on; nothing where the range lacks nothing."""
    selected = selection(
        settings, caller, now, area=body.areas, item=body.items, start=body.start, end=body.end, location="body"
    )
    request = BackfillRequest(
        selected.requests,
        body.reprocess,
        newest_first=not body.oldest_first,
        concurrency=body.concurrency or settings.backfill.concurrency,
        description=body.description,
        stays=True,
    )
    service = services.collection().backfills()
    plan = await service.plan(request, now)
    return StartedBackfillResource.of(await service.start(request, plan) if plan.work else None, plan)


@router.get("/backfills/{backfill_id}", openapi_extra=READ)
async def read_backfill(services: Services, backfill_id: _Number) -> BackfillResource:
    """Show a backfill with its progress and how long the rest takes."""
    return await _shown(services, backfill_id)


@router.get("/backfills/{backfill_id}/failures", openapi_extra=READ)
async def list_failed_windows(services: Services, paging: Paging, backfill_id: _Number) -> Page[FailedWindowResource]:
    """List the windows of a backfill that failed, with the reason of each."""
    service = services.collection().backfills()
    await service.progress(backfill_id)
    rows = await service.failures(backfill_id)
    return paging.of(
        rows, lambda row: (row.item, row.area, row.start.isoformat(), row.end.isoformat()), FailedWindowResource.of
    )


@router.post("/backfills/{backfill_id}/pause", openapi_extra=OPERATE)
async def pause_backfill(services: Services, backfill_id: _Number) -> BackfillResource:
    """Pause a backfill: windows under way end, then nothing more is asked for."""
    await services.collection().backfills().pause(backfill_id)
    return await _shown(services, backfill_id)


@router.post("/backfills/{backfill_id}/resume", openapi_extra=OPERATE)
async def resume_backfill(services: Services, backfill_id: _Number) -> BackfillResource:
    """Let a backfill go on where it stopped."""
    await services.collection().backfills().resume(backfill_id)
    return await _shown(services, backfill_id)


@router.post("/backfills/{backfill_id}/cancel", openapi_extra=OPERATE)
async def cancel_backfill(services: Services, backfill_id: _Number) -> BackfillResource:
    """End a backfill for good; what was stored stays."""
    await services.collection().backfills().cancel(backfill_id)
    return await _shown(services, backfill_id)


@router.post("/backfills/{backfill_id}/retry-failed", openapi_extra=OPERATE)
async def retry_failed_windows(services: Services, backfill_id: _Number) -> BackfillResource:
    """Queue the failed windows of a backfill again."""
    await services.collection().backfills().retry_failed(backfill_id)
    return await _shown(services, backfill_id)


async def _shown(services: Services, backfill_id: int) -> BackfillResource:
    service = services.collection().backfills()
    found = await service.progress(backfill_id)
    return BackfillResource.of(found, service.time_left(found))
