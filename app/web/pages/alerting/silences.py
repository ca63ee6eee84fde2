"""Silences and maintenance windows: listed, made, ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Query, Request, Response

from app.alerting.administration import AlertView
from app.alerting.history.models import exact_matchers
from app.alerting.models import Phase
from app.alerting.schemas import MaintenanceBody, MaintenanceResource, SilenceBody, SilenceResource
from app.alerting.state.silences import MatchedAlerts, described
from app.errors import AppError, NotFound
from app.kit.language import gettext, gettext_noop
from app.web.dependencies import OPERATE, READ, Asking, Now, Services
from app.web.pages.forms import body_of, done, what_is_wrong
from app.web.pages.rendering import render, shown_count
from app.web.pages.routing import page_router
from app.web.routes.v1.alerting import alerts as routes

router = page_router()

MOST_COUNTED, MOST_SILENCES = 10_000, 100
LENGTHS = ("30m", "1h", "2h", "4h", "8h", "1d", "3d", "7d")
SILENCE = {"matchers": "", "for": "2h", "until": "", "from": "", "comment": ""}
MAINTENANCE = {"matchers": "", "cron": "", "for": "2h", "zone": "Europe/Brussels", "comment": ""}
"""The fields of the forms, and what stands in them at first."""
SILENCE_LABELS = {
    "matchers": gettext_noop("Alerts that match all of"), "for": gettext_noop("For"), "until": gettext_noop("Or until"),
    "from": gettext_noop("Not before"), "comment": gettext_noop("Why"),
}  # fmt: skip
MAINTENANCE_LABELS = SILENCE_LABELS | {
    "cron": gettext_noop("Begins, as cron has it"), "for": gettext_noop("Lasts"), "zone": gettext_noop("Time zone"),
}  # fmt: skip
"""What the forms call them."""
_Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/alerts/silences", openapi_extra=READ)
async def silences_page(
    request: Request,
    services: Services,
    now: Now,
    *,
    ended: Annotated[bool, Query(alias="all")] = False,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    """Who is held back at present, in times to come, and with `all` who was."""
    records = services.alerting().administration()
    views = await records.alerts([Phase.FIRING, Phase.PENDING], limit=MOST_COUNTED)
    since = datetime.min.replace(tzinfo=UTC) if ended else now
    silences = await records.newest_silences(since, before=before, limit=MOST_SILENCES + 1)
    met = _matched(views)
    return render(
        request,
        "alerting/silences.html",
        silences=[(SilenceResource.of(one, now), met.count(one)) for one in silences[:MOST_SILENCES]],
        following=silences[MOST_SILENCES - 1].silence_id if len(silences) > MOST_SILENCES else None,
        windows=[(MaintenanceResource.of(one, now), met.count(one)) for one in await records.windows()],
        ended=ended,
    )


def _matched(views: Sequence[AlertView]) -> MatchedAlerts:
    return MatchedAlerts([described(one.alert.labels, one.alert.severity, one.alert.rule) for one in views])


@router.get("/alerts/silences/new", openapi_extra=OPERATE)
async def new_silence_page(
    request: Request, services: Services, alert: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None
) -> Response:
    """The form of a silence, of an alert with its matchers filled in."""
    entered = dict(SILENCE)
    if alert is not None:
        entered["matchers"] = "\n".join(exact_matchers((await services.alerting().history().alert(alert)).alert))
    return _silence_form(request, entered)


def _silence_form(request: Request, entered: Mapping[str, str], problem: str = "") -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return render(
        request, "alerting/new_silence.html", status, entered=entered, lengths=LENGTHS, problem=problem
    )  # fmt: skip


@router.post("/alerts/silences", openapi_extra=OPERATE, name="add_silence")
async def add_silence_from_page(request: Request, services: Services, caller: Asking, now: Now) -> Response:
    """Notify nobody of alerts that match."""
    entered = _entered(request, SILENCE)
    asked = {
        "matchers": _lines(entered["matchers"]),
        "for": None if entered["until"] else entered["for"],
        "until": entered["until"] or None,
        "from": entered["from"] or None,
        "comment": entered["comment"],
    }
    try:
        silence = await routes.add_silence(services, caller, now, body_of(SilenceBody, asked, SILENCE_LABELS))
    except AppError as error:
        return _silence_form(request, entered, what_is_wrong(error, SILENCE_LABELS))
    return done(
        request,
        "alerts/silences",
        gettext("Silence %(number)s is made: %(matchers)s.", number=silence.id, matchers=", ".join(silence.matchers)),
    )


@router.get("/alerts/silences/{silence_id:int}/end", openapi_extra=OPERATE)
async def end_silence_page(request: Request, services: Services, now: Now, silence_id: _Number) -> Response:
    """Ask whether a silence is to end now."""
    found = next(
        (one for one in await services.alerting().administration().silences(now) if one.silence_id == silence_id), None
    )
    if found is None:
        raise NotFound(gettext("there is no silence %(number)s that goes on", number=silence_id))
    views = await services.alerting().administration().alerts([Phase.FIRING, Phase.PENDING], limit=MOST_COUNTED)
    return render(
        request,
        "confirm.html",
        title=gettext("End silence %(number)s?", number=silence_id),
        lines=(
            gettext(
                "It matches %(matchers)s: %(alerts)s.",
                matchers=", ".join(map(str, found.matchers)),
                alerts=shown_count(_matched(views).count(found), "open alert"),
            ),
            gettext("People are notified within seconds of what it held back and still fires."),
        ),
        action=f"alerts/silences/{silence_id}/end",
        button=gettext("End silence %(number)s", number=silence_id),
        back="alerts/silences",
    )


@router.post("/alerts/silences/{silence_id:int}/end", openapi_extra=OPERATE, name="end_silence")
async def end_silence_from_page(request: Request, services: Services, now: Now, silence_id: _Number) -> Response:
    """End a silence."""
    await routes.end_silence(services, now, silence_id)
    return done(request, "alerts/silences", gettext("Silence %(number)s is over.", number=silence_id))


@router.get("/alerts/maintenance/new", openapi_extra=OPERATE)
async def new_maintenance_page(request: Request) -> Response:
    """The form of a maintenance window."""
    return _maintenance_form(request, MAINTENANCE)


def _maintenance_form(request: Request, entered: Mapping[str, str], problem: str = "") -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return render(request, "alerting/new_maintenance.html", status, entered=entered, problem=problem)


@router.post("/alerts/maintenance", openapi_extra=OPERATE, name="add_maintenance")
async def add_maintenance_from_page(request: Request, services: Services, caller: Asking, now: Now) -> Response:
    """Notify nobody of alerts that match, each time the window comes."""
    entered = _entered(request, MAINTENANCE)
    asked = {**entered, "matchers": _lines(entered["matchers"])}
    try:
        window = await routes.add_maintenance(
            services, caller, now, body_of(MaintenanceBody, asked, MAINTENANCE_LABELS)
        )
    except AppError as error:
        return _maintenance_form(request, entered, what_is_wrong(error, MAINTENANCE_LABELS))
    return done(
        request,
        "alerts/silences",
        gettext("Maintenance %(number)s is made: %(schedule)s.", number=window.id, schedule=window.schedule),
    )


@router.get("/alerts/maintenance/{window_id:int}/end", openapi_extra=OPERATE)
async def end_maintenance_page(request: Request, services: Services, window_id: _Number) -> Response:
    """Ask whether a window is not to come again."""
    found = next(
        (one for one in await services.alerting().administration().windows() if one.window_id == window_id), None
    )
    if found is None:
        raise NotFound(gettext("there is no maintenance %(number)s", number=window_id))
    return render(
        request,
        "confirm.html",
        title=gettext("End maintenance %(number)s?", number=window_id),
        lines=(
            gettext(
                "It comes %(schedule)s and matches %(matchers)s. %(comment)s",
                schedule=found.slots,
                matchers=", ".join(map(str, found.matchers)),
                comment=found.comment,
            ),
            gettext("It would not come again; people are notified of what fires in its time."),
        ),
        action=f"alerts/maintenance/{window_id}/end",
        button=gettext("End maintenance %(number)s", number=window_id),
        back="alerts/silences",
    )


@router.post("/alerts/maintenance/{window_id:int}/end", openapi_extra=OPERATE, name="end_maintenance")
async def end_maintenance_from_page(request: Request, services: Services, now: Now, window_id: _Number) -> Response:
    """Let a window not come again."""
    await routes.end_maintenance(services, now, window_id)
    return done(request, "alerts/silences", gettext("Maintenance %(number)s does not come again.", number=window_id))


def _entered(request: Request, fields: Mapping[str, str]) -> dict[str, str]:
    """What stands in the fields; one that is left out or empty is empty."""
    return {name: request.state.form.get(name, "").strip() for name in fields}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]
