"""One alert: what its rule read, what to do, what happened, who was notified; acknowledging and silencing it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path, Request, Response

from app.alerting.administration import PastEvent
from app.alerting.history.models import exact_matchers, range_around
from app.alerting.models import Alert, Rule
from app.alerting.rules.runbook import sections
from app.kit.language import gettext
from app.web.dependencies import OPERATE, READ, Asking, CurrentSettings, Now, Services
from app.web.pages.alerting.evidence import evidence_picture
from app.web.pages.alerting.silences import LENGTHS
from app.web.pages.forms import done
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.pages.translation.said import said_runbook

router = page_router()

LONGEST_NOTE = 500
_Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/alerts/{alert_id:int}", openapi_extra=READ)
async def alert_page(
    request: Request, services: Services, settings: CurrentSettings, now: Now, alert_id: _Number
) -> Response:
    """Everything about an alert."""
    wiring = services.alerting()
    history = wiring.history()
    view = await history.alert(alert_id)
    alert, events = view.alert, await history.events(alert_id)
    rule = wiring.rule_book().current().rules.get(alert.rule)
    span = range_around(alert, now)
    picture = evidence_picture(
        span,
        await history.read_values(alert.rule, span),
        marks=_marks(events),
        fired=_fired(alert, now),
        falling=is_falling(rule),
    )
    return render(
        request,
        "alerting/alert.html",
        view=view,
        alert=alert,
        rule=rule,
        picture=picture,
        quiet_days=settings.alerting.quiet_executions_days,
        runbook=said_runbook(sections().get(alert.rule, "").partition("\n")[2].strip()),
        events=events,
        messages=await history.messages(alert_id),
        matchers="\n".join(exact_matchers(alert)),
        lengths=LENGTHS,
    )


def is_falling(rule: Rule | None) -> bool:
    """Whether low values are the bad ones."""
    return rule is not None and rule.threshold is not None and rule.threshold.operator.startswith("<")


def _marks(events: list[PastEvent]) -> list[tuple[datetime, str]]:
    return [(one.at, one.kind) for one in events]


def _fired(alert: Alert, now: datetime) -> tuple[datetime, datetime] | None:
    return (alert.fired_at, alert.resolved_at or now) if alert.fired_at else None


@router.post("/alerts/{alert_id:int}/acknowledge", openapi_extra=OPERATE, name="acknowledge_alert")
async def acknowledge_from_page(
    request: Request, services: Services, caller: Asking, now: Now, alert_id: _Number
) -> Response:
    """Stop the reminders of an alert until it ends or gets worse."""
    note = request.state.form.get("comment", "")[:LONGEST_NOTE]
    alert = await services.alerting().administration().acknowledge(alert_id, caller.name, note, now)
    notice = gettext(
        "Alert %(number)s of %(rule)s is acknowledged: no reminders until it ends or gets worse.",
        number=alert_id,
        rule=alert.rule,
    )
    return done(request, f"alerts/{alert_id}", notice)
