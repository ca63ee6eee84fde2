"""Services whose interfaces are probed: how they stand, their operations, cycles and results."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query

from app.probes.interfaces.models import OperationStatus
from app.probes.interfaces.schemas import (
    InterfaceChangeResource,
    InterfaceCycleResource,
    InterfaceServiceStatus,
    ProbedOperationResource,
    ProbeResultResource,
)
from app.schemas import Page
from app.web.dependencies import OPERATE, READ, Services, api_router
from app.web.paging import Paging

router = api_router("interfaces")

_Number = Annotated[
    int, Path(ge=1, le=2**63 - 1, description="Number of the service; `/interfaces/services` lists them.")
]
_Operation = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the operation.")]
_Suite = Annotated[str, Query(description="Only the suite of this name.", max_length=100)]
_Status = Annotated[OperationStatus | None, Query(description="Only operations of this status.")]


@router.get("/interfaces/services", openapi_extra=READ)
async def list_interface_services(services: Services, paging: Paging) -> Page[InterfaceServiceStatus]:
    """List the services whose interfaces are probed, with how each stands."""
    after = paging.after(int)
    rows = await services.probes().interfaces().page(int(after[0]) if after else 0, paging.limit + 1)
    return paging.page(rows, lambda row: (row.service_id,), InterfaceServiceStatus.of)


@router.get("/interfaces/services/{service_id}", openapi_extra=READ)
async def read_interface_service(services: Services, service_id: _Number) -> InterfaceServiceStatus:
    """Show a service: how many of its operations fail since when, its last cycle, and what is wrong with its documents."""
    return InterfaceServiceStatus.of(await services.probes().interfaces().read(service_id))


@router.post("/interfaces/services/{service_id}/run", openapi_extra=OPERATE)
async def run_interface_service(services: Services, service_id: _Number, suite: _Suite = "") -> InterfaceServiceStatus:
    """Let a service, or one suite of it, be probed within a second, outside of its clock; 409 while a cycle of it runs."""
    return InterfaceServiceStatus.of(await services.probes().interfaces().run_now(service_id, suite))


@router.get("/interfaces/services/{service_id}/operations", openapi_extra=READ)
async def list_interface_operations(
    services: Services, paging: Paging, service_id: _Number, status: _Status = None
) -> Page[ProbedOperationResource]:
    """List the operations of a service that are probed, with how each stands."""
    after = paging.after(int)
    rows = (
        await services.probes()
        .interfaces()
        .operations(service_id, status=status, after=int(after[0]) if after else 0, limit=paging.limit + 1)
    )
    return paging.page(rows, lambda row: (row.operation_id,), ProbedOperationResource.of)


@router.get("/interfaces/services/{service_id}/cycles", openapi_extra=READ)
async def list_interface_cycles(
    services: Services, paging: Paging, service_id: _Number
) -> Page[InterfaceCycleResource]:
    """List the cycles of a service with their statistics, the newest first."""
    rows = await services.probes().interfaces().cycles(service_id, before=_instant(paging), limit=paging.limit + 1)
    return paging.page(rows, lambda row: (row.started_at.isoformat(),), InterfaceCycleResource.of)


@router.get("/interfaces/services/{service_id}/changes", openapi_extra=READ)
async def list_interface_changes(
    services: Services, paging: Paging, service_id: _Number
) -> Page[InterfaceChangeResource]:
    """List what the documents of a service added, removed and changed, the newest first."""
    after = paging.after(int)
    before = int(after[0]) if after else None
    rows = await services.probes().interfaces().changes(service_id, before=before, limit=paging.limit + 1)
    return paging.page(rows, lambda row: (row.change_id,), InterfaceChangeResource.of)


@router.get("/interfaces/operations/{operation_id}/results", openapi_extra=READ)
async def list_interface_results(
    services: Services, paging: Paging, operation_id: _Operation
) -> Page[ProbeResultResource]:
    """List what came of an operation, one result for each cycle, the newest first."""
    rows = await services.probes().interfaces().results(operation_id, before=_instant(paging), limit=paging.limit + 1)
    return paging.page(rows, lambda row: (row.at.isoformat(),), ProbeResultResource.of)


def _instant(paging: Paging) -> datetime | None:
    after = paging.after(str)
    return datetime.fromisoformat(str(after[0])) if after else None
