"""Forms: a website that is added or changed, a downtime with its note, maintenance that is planned or ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, get_args

from fastapi import Path, Query, Request, Response

from app.errors import AppError, ConfigurationError, NotFound
from app.kit.durations import parse_duration, show_duration
from app.kit.language import gettext, gettext_noop
from app.market.holidays import DayType
from app.probes.maintenance.begin import parse_begin
from app.probes.maintenance.schemas import WebsiteMaintenanceBody, WebsiteMaintenanceResource
from app.probes.websites.fields import FamilyName, MethodName
from app.probes.websites.models import WebsiteDraft
from app.probes.websites.schemas import WebsiteBody, WebsiteChangeBody
from app.probes.websites.service import masked
from app.web.dependencies import OPERATE, READ, Asking, Now, Services
from app.web.pages.forms import answered, body_of, done, remarked, what_is_wrong
from app.web.pages.monitors.website import DAY_WORDS
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.routes.v1.probes import maintenance as maintenance_routes
from app.web.routes.v1.probes import websites as routes

router = page_router()

NEW = WebsiteDraft("https://", "")
MAINTENANCE = {
    "name": "", "for": "2h", "from": "now", "cron": "", "zone": "Europe/Brussels", "days": "all", "country": "",
    "website": "", "labels": "", "every": "", "note": "",
}  # fmt: skip
"""The fields of the form, and what stands in them at first."""
LABELS: Mapping[str, str] = {
    "url": gettext_noop("Address"),
    "name": gettext_noop("Name"),
    "check_interval": gettext_noop("Time between two checks"),
    "conditions": gettext_noop("Conditions"),
    "labels": gettext_noop("Labels"),
    "failures": gettext_noop("Failed checks in a row that mean down"),
    "successes": gettext_noop("Good checks in a row that end it"),
    "timeout": gettext_noop("Time-out in seconds"),
    "follow_redirects": gettext_noop("Follow redirects"),
    "method": gettext_noop("Method"),
    "headers": gettext_noop("Headers"),
    "body": gettext_noop("Body"),
    "note": gettext_noop("Note"),
    "address_family": gettext_noop("Addresses"),
    "regions": gettext_noop("Regions"),
    "quorum": gettext_noop("Regions that have to say that it is down"),
    "client_certificate": gettext_noop("Client certificate"),
    "client_key": gettext_noop("Key of the client certificate"),
    "proxy": gettext_noop("Proxy"),
    "duration": gettext_noop("Lasts"),
    "starts_at": gettext_noop("Begins"),
    "cron": gettext_noop("Or again and again, as cron has it"),
    "zone": gettext_noop("Time zone"),
    "days": gettext_noop("Days"),
    "country": gettext_noop("Holidays of"),
    "website_id": gettext_noop("Website"),
}
"""What the forms call a field."""
FAMILY_WORDS: Mapping[str, str] = {
    "any": gettext_noop("IPv4 and IPv6"),
    "ipv4": gettext_noop("IPv4 only"),
    "ipv6": gettext_noop("IPv6 only"),
}
_AS_IT_STANDS = (
    "url", "name", "method", "body", "failures", "successes", "note", "client_certificate", "client_key", "proxy",
)  # fmt: skip
_Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


def fields_of(draft: WebsiteDraft) -> dict[str, str]:
    """A website as the form shows it, without what is secret."""
    shown = masked(draft)
    return {
        "url": shown.url,
        "name": shown.name,
        "check_interval": show_duration(timedelta(seconds=shown.check_interval)),
        "method": shown.method,
        "timeout": f"{shown.timeout:g}",
        "follow_redirects": "yes" if shown.follow_redirects else "",
        "conditions": "\n".join(shown.conditions),
        "headers": "\n".join(f"{name}: {value}" for name, value in shown.headers.items()),
        "body": shown.body,
        "failures": str(shown.failures),
        "successes": str(shown.successes),
        "labels": "\n".join(f"{name}={value}" for name, value in shown.labels.items()),
        "note": shown.note,
        "address_family": shown.address_family,
        "regions": " ".join(shown.regions),
        "quorum": str(shown.quorum),
        "client_certificate": shown.client_certificate,
        "client_key": shown.client_key,
        "proxy": shown.proxy,
    }


def said_in(entered: Mapping[str, str]) -> dict[str, Any]:
    """What the form says, as the body of a request has it; ConfigurationError that names the field."""
    try:
        every = round(parse_duration(entered["check_interval"], bare="s").total_seconds())
    except ConfigurationError as error:
        raise ConfigurationError(f"{gettext(LABELS['check_interval'])}: {error}") from None
    return {
        **{name: entered[name] for name in _AS_IT_STANDS},
        "address_family": entered["address_family"] or "any",
        "regions": entered["regions"].replace(",", " ").split(),
        "quorum": entered["quorum"] or "0",
        "check_interval": every,
        "timeout": entered["timeout"].replace(",", "."),
        "follow_redirects": entered["follow_redirects"] == "yes",
        "conditions": _lines(entered["conditions"]),
        "headers": _pairs(entered["headers"], ":", "headers", "Name: value"),
        "labels": _pairs(entered["labels"], "=", "labels", "name=value"),
    }


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _pairs(text: str, sign: str, field: str, form: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _lines(text):
        name, parted, value = line.partition(sign)
        if not parted:
            raise ConfigurationError(f"{gettext(LABELS[field])}: {gettext('one a line, as %(form)s', form=form)}")
        if name.strip() in found:
            said = gettext("%(name)s stands there twice", name=name.strip()[:60])
            raise ConfigurationError(f"{gettext(LABELS[field])}: {said}")
        found[name.strip()] = value.strip()
    return found


def _entered(request: Request, names: Mapping[str, str]) -> dict[str, str]:
    form = request.state.form
    return {name: form.get(name, "").replace("\r\n", "\n").strip() for name in names}


def _website_form(
    request: Request, entered: Mapping[str, str], *, number: int | None = None, problem: str = ""
) -> Response:
    return render(
        request,
        "monitors/edit_website.html",
        answered(problem),
        entered=entered,
        number=number,
        problem=problem,
        methods=get_args(MethodName),
        families=get_args(FamilyName),
        family_words=FAMILY_WORDS,
    )


@router.get("/monitors/websites/new", openapi_extra=OPERATE)
async def new_website_page(request: Request) -> Response:
    """The form of a website that is to be checked."""
    return _website_form(request, fields_of(NEW))


@router.post("/monitors/websites", openapi_extra=OPERATE, name="create_website")
async def create_website_from_page(request: Request, services: Services, now: Now) -> Response:
    """Check a website from now on."""
    entered = _entered(request, fields_of(NEW))
    try:
        body = body_of(WebsiteBody, said_in(entered), LABELS)
        found = await routes.create_website(services, now, Response(), body)
    except AppError as error:
        return _website_form(request, entered, problem=what_is_wrong(error, LABELS))
    notice = gettext("%(name)s is checked from now on.", name=found.name)
    return done(request, f"monitors/websites/{found.id}", remarked(notice, found.warnings))


@router.get("/monitors/websites/{website_id:int}/edit", openapi_extra=OPERATE)
async def edit_website_page(request: Request, services: Services, website_id: _Number) -> Response:
    """The form of a website that is checked; what is secret of it is not shown."""
    found = await services.probes().websites().changeable(website_id)
    return _website_form(request, fields_of(found.draft), number=website_id)


@router.post("/monitors/websites/{website_id:int}/edit", openapi_extra=OPERATE, name="change_website")
async def change_website_from_page(request: Request, services: Services, now: Now, website_id: _Number) -> Response:
    """Change what is said of a website."""
    entered = _entered(request, fields_of(NEW))
    try:
        body = body_of(WebsiteChangeBody, said_in(entered), LABELS)
        found = await routes.change_website(services, now, website_id, body)
    except AppError as error:
        return _website_form(request, entered, number=website_id, problem=what_is_wrong(error, LABELS))
    notice = gettext("%(name)s is changed.", name=found.name)
    return done(request, f"monitors/websites/{website_id}", remarked(notice, found.warnings))


@router.get("/monitors/websites/{website_id:int}/downtime/{window_id:int}", openapi_extra=OPERATE)
async def downtime_page(request: Request, services: Services, website_id: _Number, window_id: _Number) -> Response:
    """The form of what is said of a downtime."""
    row = await services.monitoring().monitors().read(website_id)
    window = await services.probes().websites().downtime(website_id, window_id)
    return render(request, "monitors/downtime.html", row=row, window=window)


# Maintenance


@router.get("/monitors/maintenance", openapi_extra=READ)
async def maintenances_page(
    request: Request, services: Services, now: Now, *, removed: Annotated[bool, Query(alias="all")] = False
) -> Response:
    """What is planned for websites, with `all` also what is over."""
    plans = await services.probes().maintenance().plans(removed=removed)
    rows = await services.monitoring().monitors().all()
    found = [
        (WebsiteMaintenanceResource.of(plan, now), sum(plan.covers(row.website_id, row.labels) for row in rows))
        for plan in plans
    ]
    return render(
        request,
        "monitors/maintenances.html",
        plans=sorted(
            found, key=lambda pair: (not pair[0].active, pair[0].next_at is None, pair[0].next_at, -pair[0].id)
        ),
        day_words=DAY_WORDS,
        names={row.website_id: row.name for row in rows},
        removed=removed,
    )


@router.get("/monitors/maintenance/new", openapi_extra=OPERATE)
async def new_website_maintenance_page(
    request: Request,
    services: Services,
    *,
    website: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    group: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """The form of a maintenance, of a website or a group where one is named."""
    entered = dict(MAINTENANCE)
    if website is not None:
        entered["website"] = str((await services.monitoring().monitors().read(website)).website_id)
    elif group:
        entered["labels"] = f"group={group}"
    return await _maintenance_form(request, services, entered)


async def _maintenance_form(
    request: Request, services: Services, entered: Mapping[str, str], problem: str = ""
) -> Response:
    rows = await services.monitoring().monitors().all()
    of_name = Counter(row.name for row in rows)
    named = ((row.website_id, row.name if of_name[row.name] == 1 else f"{row.name} ({row.website_id})") for row in rows)
    return render(
        request,
        "monitors/new_maintenance.html",
        answered(problem),
        entered=entered,
        websites=sorted(named, key=lambda pair: pair[1].casefold()),
        days=list(DayType),
        day_words=DAY_WORDS,
        problem=problem,
    )


@router.post("/monitors/maintenance", openapi_extra=OPERATE, name="plan_website_maintenance")
async def plan_maintenance_from_page(request: Request, services: Services, caller: Asking, now: Now) -> Response:
    """Plan a maintenance, once or again and again."""
    entered = _entered(request, MAINTENANCE)
    try:
        if not entered["website"] and not entered["labels"].strip() and not entered["every"]:
            raise ConfigurationError(gettext("choose a website, name labels, or say that it is for every website"))
        begins = _begin(entered, now)
        asked = {
            "name": entered["name"] or gettext("Maintenance"), "duration": entered["for"],
            "website_id": entered["website"] or None,
            "labels": _pairs(entered["labels"], "=", "labels", "name=value"), "starts_at": begins, "cron": entered["cron"],
            "zone": entered["zone"], "days": entered["days"], "country": entered["country"], "note": entered["note"],
        }  # fmt: skip
        body = body_of(WebsiteMaintenanceBody, asked, LABELS)
        found = await maintenance_routes.plan_website_maintenance(services, caller, now, body)
    except AppError as error:
        return await _maintenance_form(request, services, entered, what_is_wrong(error, LABELS))
    path = f"monitors/websites/{found.website_id}" if found.website_id else "monitors/maintenance"
    said = gettext("Maintenance “%(name)s” is planned.", name=found.name)
    notice = f"{said} {gettext('It is under way.')}" if found.active else said
    return done(request, path, remarked(notice, found.warnings))


def _begin(entered: Mapping[str, str], now: datetime) -> str | None:
    """When it begins, where it is once."""
    if not entered["cron"] and not entered["from"]:
        said = gettext("say when it begins: now, at a moment as 2026-10-04T22:00, or by cron again and again")
        raise ConfigurationError(f"{gettext(LABELS['starts_at'])}: {said}")
    if entered["cron"]:
        if entered["from"]:
            raise ConfigurationError(gettext("Say when it begins once, or by cron again and again, not both."))
        return None
    names = (gettext(LABELS["starts_at"]), gettext(LABELS["zone"]))
    return parse_begin(entered["from"], entered["zone"], now, names=names).isoformat()


@router.get("/monitors/maintenance/{plan_id:int}/end", openapi_extra=OPERATE)
async def end_website_maintenance_page(request: Request, services: Services, now: Now, plan_id: _Number) -> Response:
    """Ask whether a maintenance is to be planned no more."""
    found = next((one for one in await services.probes().maintenance().plans() if one.plan_id == plan_id), None)
    if found is None:
        raise NotFound(f"there is no maintenance {plan_id}")
    return render(
        request,
        "confirm.html",
        title=gettext("End maintenance “%(name)s”?", name=found.draft.name),
        lines=(
            gettext("It ends now: what is down from now on is a downtime, and people are notified.")
            if found.active(now)
            else gettext("None of it is planned any more."),
            gettext("What has been stays in the figures."),
        ),
        action=f"monitors/maintenance/{plan_id}/end",
        button=gettext("End it"),
        back="monitors/maintenance",
    )


@router.post("/monitors/maintenance/{plan_id:int}/end", openapi_extra=OPERATE, name="remove_website_maintenance")
async def end_website_maintenance_from_page(request: Request, services: Services, plan_id: _Number) -> Response:
    """End a maintenance that lasts, and plan none of it any more."""
    await maintenance_routes.remove_website_maintenance(services, plan_id)
    return done(request, "monitors/maintenance", gettext("Maintenance %(number)s is over.", number=plan_id))
