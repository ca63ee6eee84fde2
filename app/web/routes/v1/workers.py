"""Workers that share tasks, and their queues."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from app.schemas import Page
from app.tasks.shared.schemas import QueueResource, TaskWorkerResource
from app.web.dependencies import OPERATE, READ, CurrentSettings, Services, api_router
from app.web.paging import Paging

router = api_router("workers")

_Name = Annotated[str, Path(max_length=200, description="Name of the worker; `/workers` lists them.")]


@router.get("/workers", openapi_extra=READ)
async def list_workers(services: Services, settings: CurrentSettings, paging: Paging) -> Page[TaskWorkerResource]:
    """List the processes that run shared tasks: version, queues, what they have under way, their last sign of life."""
    rows = await services.tasks().registry().workers()
    after = settings.tasks.silent_after
    return paging.of(rows, lambda row: (row.name,), lambda row: TaskWorkerResource.of(row, after))


@router.get("/queues", openapi_extra=READ)
async def list_queues(services: Services, paging: Paging) -> Page[QueueResource]:
    """List the queues of shared tasks, with what waits, runs, is parked and has ended, and how long the first has waited."""
    rows = await services.tasks().registry().queues()
    return paging.of(rows, lambda row: (row.name,), QueueResource.of)


@router.post("/workers/{name}/drain", status_code=202, openapi_extra=OPERATE)
async def drain_worker(services: Services, settings: CurrentSettings, name: _Name) -> TaskWorkerResource:
    """Ask a worker to take no further task and to end once those under way have; one that is silent leaves the list."""
    return TaskWorkerResource.of(await services.tasks().registry().drain(name), settings.tasks.silent_after)
