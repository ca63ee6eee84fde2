"""What fires, what fired, and who is held back."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access.models import AccessScope
from app.alerting.models import Phase
from app.alerting.rules.runbook import sections
from app.alerting.schemas import MaintenanceResource, SilenceResource
from app.web.dependencies import OPERATE, READ, Asking, Now, Services
from app.web.pages.rendering import render
from app.web.pages.routing import page_router

router = page_router()

PAST = timedelta(days=7)
MOST_ALERTS, MOST_EVENTS = 500, 100
LONGEST_NOTE = 500


@router.post("/alerts/{alert_id}/acknowledge", openapi_extra=OPERATE, name="acknowledge_alert")
async def acknowledge_from_page(
    request: Request, services: Services, caller: Asking, now: Now, alert_id: Annotated[int, Path(ge=1, le=2**63 - 1)]
) -> Response:
    """Stop the reminders of an alert until it ends or gets worse."""
    note = request.state.form.get("comment", "")[:LONGEST_NOTE]
    await services.alerting().administration().acknowledge(alert_id, caller.name, note, now)
    return RedirectResponse("../../alerts", HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})


@router.get("/alerts", openapi_extra=READ)
async def alerts_page(
    request: Request,
    services: Services,
    caller: Asking,
    now: Now,
    *,
    rule: Annotated[str, Query(max_length=200)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """The alerts that fire or wait for their hold, the silences, and what happened in a week."""
    records = services.alerting().administration()
    found = await records.alerts([Phase.FIRING, Phase.PENDING], limit=MOST_ALERTS)
    events = await records.events(now - PAST, now, rule or None, limit=MOST_EVENTS + 1, before=before)
    return render(
        request,
        "alerting/alerts.html",
        alerts=[view for view in found if not rule or view.alert.rule == rule],
        silences=[SilenceResource.of(one, now) for one in await records.silences(now)],
        windows=[MaintenanceResource.of(one, now) for one in await records.windows()],
        events=events[:MOST_EVENTS],
        following=events[MOST_EVENTS - 1].event_id if len(events) > MOST_EVENTS else None,
        shipped=sections().keys(),
        rule=rule,
        may_operate=caller.scope.includes(AccessScope.OPERATE),
    )
