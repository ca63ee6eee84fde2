"""Which alerts fire, wait or fired, grouped, with filters in the address; and what happened, event by event."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import Query, Request, Response

from app.alerting.history.models import AlertFilter, AlertOrder, grouped
from app.alerting.models import Phase, Severity
from app.market.moments import parse_moment
from app.mistakes import choice_of
from app.web.dependencies import READ, Now, Services
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.parameters import named

router = page_router()

PAST = timedelta(days=7)
MOST_OPEN, MOST_PAST, MOST_EVENTS = 500, 50, 100
_Rule = Annotated[str, Query(max_length=200)]
_Before = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
_UTC = ZoneInfo("UTC")


@router.get("/alerts", openapi_extra=READ)
async def alerts_page(
    request: Request,
    services: Services,
    now: Now,
    *,
    state: Literal["open", "past"] = "open",
    rule: _Rule = "",
    severity: Annotated[str, Query(max_length=20)] = "",
    label: Annotated[str, Query(max_length=500)] = "",
    to: Annotated[str, Query(max_length=60)] = "",
    group: AlertOrder = AlertOrder.RULE,
    before: _Before = None,
) -> Response:
    """The alerts that fire or wait for their hold, or those that are over."""
    wiring = services.alerting()
    wanted = _wanted(rule, severity, label, to, now)
    following = None
    if state == "open":
        found = await wiring.administration().alerts([Phase.FIRING, Phase.PENDING], limit=MOST_OPEN)
        shown = [view for view in found if wanted.lets_through(view.alert)]
    else:
        shown = await wiring.history().past(wanted, limit=MOST_PAST + 1, before=before)
        if len(shown) > MOST_PAST:
            shown = shown[:MOST_PAST]
            following = shown[-1].alert.alert_id
    return render(
        request,
        "alerting/alerts.html",
        state=state,
        groups=grouped(shown, group),
        count=len(shown),
        following=following,
        chosen={"rule": rule, "severity": severity, "label": label, "to": to, "group": group.value},
        narrowed=bool(rule or severity or label or to or before),
        rules=sorted(wiring.rule_book().current().rules),
        severities=list(Severity),
        orders=list(AlertOrder),
        most=MOST_OPEN,
    )


def _wanted(rule: str, severity: str, label: str, to: str, now: datetime) -> AlertFilter:
    with named("severity"):
        least = choice_of(Severity, severity) if severity else None
    with named("to"):
        before = parse_moment(to, _UTC, now, name="to") if to else None
    return AlertFilter(rule, least, label.strip(), before)


@router.get("/alerts/history", openapi_extra=READ)
async def alert_history_page(
    request: Request, services: Services, now: Now, *, rule: _Rule = "", before: _Before = None
) -> Response:
    """What happened to alerts in a week, the latest first."""
    records = services.alerting().administration()
    events = await records.events(now - PAST, now, rule or None, limit=MOST_EVENTS + 1, before=before)
    return render(
        request,
        "alerting/history.html",
        events=events[:MOST_EVENTS],
        following=events[MOST_EVENTS - 1].event_id if len(events) > MOST_EVENTS else None,
        rule=rule,
    )
