"""What fires, what fired, and who is held back."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Query, Request, Response

from app.alerting.models import Phase
from app.alerting.rules.runbook import sections
from app.alerting.schemas import MaintenanceResource, SilenceResource
from app.web.dependencies import READ, Now, Services
from app.web.pages.rendering import render
from app.web.pages.routing import page_router

router = page_router()

PAST = timedelta(days=7)
MOST_ALERTS, MOST_EVENTS = 500, 100


@router.get("/alerts", openapi_extra=READ)
async def alerts_page(
    request: Request,
    services: Services,
    now: Now,
    rule: Annotated[str, Query(max_length=200)] = "",
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """The alerts that fire or wait for their hold, the silences, and what happened in a week."""
    records = services.alerting().administration()
    found = await records.alerts([Phase.FIRING, Phase.PENDING], limit=MOST_ALERTS)
    events = await records.events(now - PAST, now, rule or None, limit=MOST_EVENTS + 1, before=before)
    return render(
        request,
        "alerts.html",
        alerts=[view for view in found if not rule or view.alert.rule == rule],
        silences=[SilenceResource.of(one, now) for one in await records.silences(now)],
        windows=[MaintenanceResource.of(one, now) for one in await records.windows()],
        events=events[:MOST_EVENTS],
        following=events[MOST_EVENTS - 1].event_id if len(events) > MOST_EVENTS else None,
        shipped=sections().keys(),
        rule=rule,
    )
