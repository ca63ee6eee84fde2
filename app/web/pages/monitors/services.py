"""Services whose interfaces are probed: how each stands, its operations, cycles and documents, and a cycle now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request, Response

from app.kit.language import gettext, gettext_noop, ngettext
from app.mistakes import choice_of
from app.monitoring.summary import Standing, worst_condition
from app.probes.interfaces.models import OperationStatus, ServiceOverview
from app.probes.interfaces.schemas import InterfaceCycleResource
from app.probes.monitors.documents import document_views
from app.web.dependencies import OPERATE, READ, Services
from app.web.pages.forms import done
from app.web.pages.monitors.drawing import cycles_picture
from app.web.pages.packing import packed
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.parameters import named
from app.web.routes.v1.probes import interfaces as routes

router = page_router()

MOST_OPERATIONS, MOST_CYCLES, MOST_CHANGES, MOST_RESULTS = 200, 20, 20, 100
SERVICE_TONES: Mapping[str, Standing] = {
    "auth": Standing.BAD,
    "failing": Standing.BAD,
    "unknown": Standing.IDLE,
    "up": Standing.GOOD,
}
"""By the status of a service, the worst first."""
OPERATION_TONES: Mapping[OperationStatus, Standing] = {
    OperationStatus.DOWN: Standing.BAD,
    OperationStatus.PENDING: Standing.WARN,
    OperationStatus.UNKNOWN: Standing.IDLE,
    OperationStatus.UP: Standing.GOOD,
}
STATUS_WORDS: Mapping[str, str] = {
    "auth": gettext_noop("gives no token"),
    "failing": gettext_noop("failing"),
    "unknown": gettext_noop("unknown"),
    "up": gettext_noop("up"),
    "down": gettext_noop("down"),
    "pending": gettext_noop("asked again"),
}
"""Of services and of operations."""
_OUTCOME_WORDS = {
    "running": gettext_noop("runs"),
    "completed": gettext_noop("completed"),
    "skipped": gettext_noop("skipped"),
    "aborted": gettext_noop("aborted"),
    "auth": gettext_noop("gives no token"),
}
_TRIGGER_WORDS = {"clock": gettext_noop("the clock"), "manual": gettext_noop("somebody")}
_CHANGE_WORDS = {
    "added": gettext_noop("added"),
    "removed": gettext_noop("removed"),
    "changed": gettext_noop("changed"),
}
_Name = Annotated[str, Path(max_length=200)]
_Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


def _urgency(one: ServiceOverview) -> tuple[object, ...]:
    return list(SERVICE_TONES).index(one.status), not one.scan_problem, -one.failing, one.name.casefold()


@router.get("/monitors/services", openapi_extra=READ)
async def services_page(
    request: Request,
    services: Services,
    *,
    text: Annotated[str, Query(alias="q", max_length=200)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """The services, the worst first."""
    every = sorted(await services.probes().interfaces().all(), key=_urgency)
    words = text.lower().split()
    found = [
        one
        for one in every
        if (not state or one.status == state) and all(word in f"{one.name} {one.group_name}".lower() for word in words)
    ]
    bars = await services.monitoring().monitors().cycle_bars([one.service_id for one in found])
    response = render(
        request,
        "monitors/services.html",
        found=found,
        total=len(every),
        verdict=_verdict(every),
        bars=lambda one: cycles_picture(bars[one.service_id]),
        chosen={"q": text, "state": state},
        narrow=bool(words or state),
        states=list(SERVICE_TONES),
        tones_of=SERVICE_TONES,
        status_words=STATUS_WORDS,
        file=services.settings().probes.interfaces_file,
    )
    return packed(request, response)


def _verdict(found: Sequence[ServiceOverview]) -> tuple[Standing, str]:
    """How the services are, in a sentence."""
    if not found:
        return Standing.IDLE, gettext("No service is probed yet")
    unwell = [one for one in found if one.status in {"auth", "failing"} or one.scan_problem]
    condition = worst_condition(
        Standing.WARN if one.scan_problem and one.status == "up" else SERVICE_TONES[one.status] for one in found
    )
    if unwell:
        said = ngettext(
            "%(unwell)s of %(num)s service needs somebody",
            "%(unwell)s of %(num)s services need somebody",
            len(found),
            unwell=len(unwell),
        )
        return condition, said
    return condition, ngettext("The service is well", "All %(num)s services are well", len(found))


@router.get("/monitors/services/{name:path}", openapi_extra=READ)
async def service_page(
    request: Request,
    services: Services,
    name: _Name,
    *,
    view: Literal["operations", "documents"] = "operations",
    status: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """A service with its operations, cycles and changes, or with its documents."""
    interfaces = services.probes().interfaces()
    found = await interfaces.find(name)
    number = found.service_id
    common: dict[str, Any] = {
        "service": found,
        "view": view,
        "tones_of": SERVICE_TONES,
        "status_words": STATUS_WORDS,
        "outcome_words": _OUTCOME_WORDS,
        "trigger_words": _TRIGGER_WORDS,
        "change_words": _CHANGE_WORDS,
        "operation_tones": OPERATION_TONES,
        "bars": cycles_picture((await services.monitoring().monitors().cycle_bars([number]))[number]),
    }
    if view == "documents":
        config = services.probes().interfaces_file().current().services.get(found.name)
        documents = await asyncio.to_thread(document_views, config, await interfaces.documents(number))
        return packed(request, render(request, "monitors/documents.html", **common, documents=documents))
    with named("status"):
        wanted = choice_of(OperationStatus, status) if status else None
    operations = (
        await interfaces.operations(number, status=wanted, after=0, limit=MOST_OPERATIONS)
        if wanted
        else await interfaces.worst(number, MOST_OPERATIONS)
    )
    cycles = await interfaces.cycles(number, before=None, limit=MOST_CYCLES)
    return packed(
        request,
        render(
            request,
            "monitors/service.html",
            **common,
            only=status,
            statuses=list(OPERATION_TONES),
            operations=operations,
            suites=await interfaces.suites(number),
            cycles=[InterfaceCycleResource.of(one) for one in cycles],
            changes=await interfaces.changes(number, before=None, limit=MOST_CHANGES),
        ),
    )


@router.post("/monitors/services/{service_id:int}/run", openapi_extra=OPERATE, name="run_interface_service")
async def run_service_from_page(request: Request, services: Services, service_id: _Number) -> Response:
    """Let a service be probed at once."""
    found = await routes.run_interface_service(services, service_id)
    return done(
        request,
        f"monitors/services/{found.name}",
        gettext("A cycle of %(name)s begins within a second.", name=found.name),
    )


@router.get("/monitors/operations/{operation_id:int}", openapi_extra=READ)
async def operation_page(
    request: Request,
    services: Services,
    operation_id: _Number,
    *,
    before: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """What came of an operation, cycle by cycle."""
    with named("before"):
        until = datetime.fromisoformat(before) if before else None
    row = await services.probes().interfaces().operation(operation_id)
    found = await services.probes().interfaces().results(operation_id, before=until, limit=MOST_RESULTS + 1)
    return render(
        request,
        "monitors/operation.html",
        row=row,
        operation_tones=OPERATION_TONES,
        status_words=STATUS_WORDS,
        results=found[:MOST_RESULTS],
        before=before,
        following=found[MOST_RESULTS - 1].at.isoformat() if len(found) > MOST_RESULTS else "",
    )
