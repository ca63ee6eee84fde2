"""Alerts, what happened to them, silences and maintenance windows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Path, Query

from app.alerting.administration import PastEvent
from app.alerting.models import Phase
from app.alerting.planned import planned_silence, planned_window
from app.alerting.schemas import (
    AcknowledgementBody,
    AlertEventResource,
    AlertResource,
    MaintenanceBody,
    MaintenanceResource,
    RuleSummaryResource,
    SilenceBody,
    SilenceResource,
)
from app.alerting.state.silences import parse_matchers
from app.errors import NotFound
from app.schemas import Page
from app.web.dependencies import OPERATE, READ, Asking, Now, Services, api_router
from app.web.paging import Paging
from app.web.parameters import FromQuery, ToQuery, named, named_range

router = api_router("alerts")

_MOST = 10_000
_UTC = ZoneInfo("UTC")
_Id = Annotated[int, Path(ge=1, le=2**63 - 1, description="Its number, which the list shows.")]
_Phases = Annotated[
    list[Phase], Query(alias="phase", description="Only alerts of these phases; without it, open ones.")
]
_OfRule = Annotated[str | None, Query(max_length=200, description="Only what concerns this rule.")]
_Ended = Annotated[bool, Query(alias="all", description="Also silences that are over.")]


@router.get("/alerts", openapi_extra=READ)
async def list_alerts(services: Services, paging: Paging, phases: _Phases = []) -> Page[AlertResource]:  # noqa: B006  FastAPI copies it
    """List the alerts, the latest first: what fires, and what waits for its hold."""
    wanted = phases or [Phase.FIRING, Phase.PENDING]
    found = await services.alerting().administration().alerts(wanted, limit=_MOST)
    return paging.of(found, lambda view: (-(view.alert.alert_id or 0),), AlertResource.of)


@router.get("/alerts/history", openapi_extra=READ)
async def list_alert_events(
    services: Services, paging: Paging, now: Now, *, rule: _OfRule = None, start: FromQuery = "-7d", end: ToQuery = None
) -> Page[AlertEventResource]:
    """List what happened to alerts in a range, the latest first; days are those of UTC."""
    span = named_range(start, end, _UTC, now)
    after = paging.after(int)
    rows = (
        await services.alerting()
        .administration()
        .events(span.start, span.end, rule, limit=paging.limit + 1, before=int(after[0]) if after else None)
    )
    return paging.page(rows, _event_key, AlertEventResource.of)


def _event_key(event: PastEvent) -> tuple[int, ...]:
    return (event.event_id,)


@router.get("/alerts/summary", openapi_extra=READ)
async def summarise_rules(
    services: Services, paging: Paging, now: Now, *, rule: _OfRule = None, start: FromQuery = "-7d", end: ToQuery = None
) -> Page[RuleSummaryResource]:
    """Tell how each rule did in a range: evaluations, alerts, errors, times to acknowledge and to resolve."""
    span = named_range(start, end, _UTC, now)
    found = await services.alerting().administration().summary(span.start, span.end, rule)
    return paging.of(found, lambda one: (one.rule,), RuleSummaryResource.of)


@router.post("/alerts/{alert_id}/ack", openapi_extra=OPERATE)
async def acknowledge_alert(
    services: Services, caller: Asking, now: Now, alert_id: _Id, body: AcknowledgementBody
) -> AlertResource:
    """Acknowledge an alert: no reminders until it ends or gets worse."""
    records = services.alerting().administration()
    await records.acknowledge(alert_id, caller.name, body.comment, now)
    views = await records.alerts([Phase.FIRING, Phase.PENDING], limit=_MOST)
    found = next((view for view in views if view.alert.alert_id == alert_id), None)
    if found is None:
        raise NotFound(f"alert {alert_id} has ended meanwhile")
    return AlertResource.of(found)


@router.get("/silences", openapi_extra=READ)
async def list_silences(
    services: Services, paging: Paging, now: Now, everything: _Ended = False
) -> Page[SilenceResource]:
    """List the silences that go on or are to come."""
    since = datetime.min.replace(tzinfo=UTC) if everything else now
    found = await services.alerting().administration().silences(since)
    return paging.of(found, lambda one: (one.silence_id or 0,), lambda one: SilenceResource.of(one, now))


@router.post("/silences", status_code=201, openapi_extra=OPERATE)
async def add_silence(services: Services, caller: Asking, now: Now, body: SilenceBody) -> SilenceResource:
    """Notify nobody of alerts that match, from now or a later moment on, for a time or until a moment."""
    with named("matchers", location="body"):
        matchers = parse_matchers(body.matchers)
    with named("for", location="body", also=("from", "until")):
        silence = planned_silence(
            matchers, now, body.lasts, body.start, body.until,
            by=caller.name, comment=body.comment, names=("for", "from", "until"),
        )  # fmt: skip
    records = services.alerting().administration()
    number = await records.add_silence(silence, now)
    return SilenceResource.of(next(one for one in await records.silences(now) if one.silence_id == number), now)


@router.delete("/silences/{silence_id}", status_code=204, openapi_extra=OPERATE)
async def end_silence(services: Services, now: Now, silence_id: _Id) -> None:
    """End a silence; people are notified within seconds of what it held back and still fires."""
    await services.alerting().administration().end_silence(silence_id, now)


@router.get("/maintenance", openapi_extra=READ)
async def list_maintenance(services: Services, paging: Paging, now: Now) -> Page[MaintenanceResource]:
    """List the maintenance windows: silences that come again."""
    found = await services.alerting().administration().windows()
    return paging.of(found, lambda one: (one.window_id or 0,), lambda one: MaintenanceResource.of(one, now))


@router.post("/maintenance", status_code=201, openapi_extra=OPERATE)
async def add_maintenance(services: Services, caller: Asking, now: Now, body: MaintenanceBody) -> MaintenanceResource:
    """Notify nobody of alerts that match, for a time from each moment of a cron expression on."""
    with named("matchers", location="body"):
        parse_matchers(body.matchers)
    with named("cron", location="body", also=("for", "zone")):
        window, _ = planned_window(body.matchers, body.cron, body.lasts, body.zone, names=("for", "cron", "zone"))
    records = services.alerting().administration()
    number = await records.add_window(window, caller.name, body.comment, now)
    return MaintenanceResource.of(next(one for one in await records.windows() if one.window_id == number), now)


@router.delete("/maintenance/{window_id}", status_code=204, openapi_extra=OPERATE)
async def end_maintenance(services: Services, now: Now, window_id: _Id) -> None:
    """Let a maintenance window not come again."""
    await services.alerting().administration().end_window(window_id, now)
