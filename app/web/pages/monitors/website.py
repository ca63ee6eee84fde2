"""A website by itself: how it is and why, how long its checks took, its results and downtimes, and what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query, Request, Response

from app.kit.language import gettext, gettext_noop
from app.market.time import MARKET_ZONE
from app.monitoring.summary import Standing
from app.probes.maintenance.models import MaintenancePlan
from app.probes.maintenance.schemas import WebsiteMaintenanceResource
from app.probes.monitors.bars import BarLength
from app.probes.monitors.latency import LatencyRange
from app.probes.regions.models import needed
from app.probes.regions.schemas import WebsiteRegionResource
from app.probes.sla.schemas import SlaLineResource
from app.probes.websites.models import WebsiteStatus, WindowKind
from app.probes.websites.schemas import WebsiteCheckResource, WebsiteResource, WindowChangeBody
from app.web.dependencies import OPERATE, READ, Asking, Now, Services
from app.web.pages.forms import body_of, done
from app.web.pages.monitors.drawing import bars_picture
from app.web.pages.monitors.latency_picture import PHASE_WORDS, latency_picture
from app.web.pages.monitors.listing import STATE_WORDS, TONES, said_of_row
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.parameters import named
from app.web.routes.v1.probes import websites as routes
from app.wiring.container import Container

router = page_router()

RANGE_WORDS: Mapping[LatencyRange, str] = {
    LatencyRange.DAY: gettext_noop("a day"),
    LatencyRange.WEEK: gettext_noop("a week"),
    LatencyRange.MONTH: gettext_noop("a month"),
    LatencyRange.QUARTER: gettext_noop("a quarter"),
    LatencyRange.YEAR: gettext_noop("a year"),
}
DAY_WORDS: Mapping[str, str] = {
    "all": gettext_noop("all days"),
    "business_days": gettext_noop("business days"),
    "holidays": gettext_noop("holidays"),
    "weekend": gettext_noop("weekends"),
}

REGION_WORDS: Mapping[WebsiteStatus, str] = {
    WebsiteStatus.UP: gettext_noop("up"),
    WebsiteStatus.DOWN: gettext_noop("down"),
    WebsiteStatus.UNKNOWN: gettext_noop("has no vote"),
    WebsiteStatus.PAUSED: gettext_noop("paused"),
}
REGION_TONES: Mapping[WebsiteStatus, Standing] = {
    WebsiteStatus.UP: Standing.GOOD,
    WebsiteStatus.DOWN: Standing.BAD,
    WebsiteStatus.UNKNOWN: Standing.WARN,
    WebsiteStatus.PAUSED: Standing.IDLE,
}

MOST_RESULTS, MOST_WINDOWS = 50, 50
CERTIFICATE_DAYS = (7, 21)
"""Days that are left of a certificate below which it is bad, or a warning."""
_Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/monitors/websites/{website_id:int}", openapi_extra=READ)
async def website_page(
    request: Request,
    services: Services,
    now: Now,
    website_id: _Number,
    *,
    span: Annotated[LatencyRange, Query(alias="range")] = LatencyRange.DAY,
    results: Literal["all", "failed"] = "all",
    before: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """Everything about a website but what is secret of it."""
    monitors, websites = services.monitoring().monitors(), services.probes().websites()
    row = await monitors.read(website_id)
    with named("before"):
        until = datetime.fromisoformat(before) if before else None
    found = await monitors.results(website_id, before=until, failed=results == "failed", limit=MOST_RESULTS + 1)
    history = (await monitors.histories([row], BarLength.CHECKS, now))[website_id]
    shown = [WebsiteCheckResource.of(one) for one in found[:MOST_RESULTS]]
    latest = shown[0] if found and until is None and results == "all" else None
    latency = await monitors.latency(row, span)
    [(website, windows)] = await websites.with_windows([website_id], latency.span.start, now)
    plans = await _plans(services, website_id, dict(row.labels))
    seen_by = await websites.regions(website_id) if website.draft.regions else []
    downtimes = await websites.windows(website_id, WindowKind.DOWN, before=None, limit=MOST_WINDOWS)
    return render(
        request,
        "monitors/website.html",
        row=row,
        website=WebsiteResource.of(website, now),
        state=row.state(now),
        seen_by=[WebsiteRegionResource.of(one, now) for one in seen_by],
        quorum=needed(website.draft.quorum, len(website.draft.regions)),
        region_words=REGION_WORDS,
        region_tones=REGION_TONES,
        state_words=STATE_WORDS,
        range_words=RANGE_WORDS,
        phase_words=PHASE_WORDS,
        day_words=DAY_WORDS,
        most_windows=MOST_WINDOWS,
        tone=TONES[row.state(now)],
        said=said_of_row(row, now),
        breaks=website.state.breaks,
        bars=bars_picture(history.bars, BarLength.CHECKS),
        history=history,
        latency=latency,
        picture=latency_picture(latency, windows),
        ranges=list(LatencyRange),
        span=span,
        results=shown,
        only=results,
        before=before,
        following=found[MOST_RESULTS - 1].at.isoformat() if len(found) > MOST_RESULTS else "",
        latest=latest,
        certificate=next((one.certificate_ends_at for one in found if one.certificate_ends_at), None) if latest else None,
        certificate_days=CERTIFICATE_DAYS,
        windows=downtimes,
        lasting=next((one for one in downtimes if one.end is None), None),
        maintained=await services.probes().maintenance().windows_of(website_id, before=None, limit=10),
        plans=[WebsiteMaintenanceResource.of(plan, now) for plan in plans],
        months=[SlaLineResource.of(line) for line in await monitors.months(website_id, MARKET_ZONE)],
    )  # fmt: skip


async def _plans(services: Container, website_id: int, labels: dict[str, str]) -> list[MaintenancePlan]:
    plans = await services.probes().maintenance().plans()
    return [plan for plan in plans if plan.covers(website_id, labels)]


@router.post("/monitors/websites/{website_id:int}/check", openapi_extra=OPERATE, name="check_website_now")
async def check_from_page(request: Request, services: Services, now: Now, website_id: _Number) -> Response:
    """Let a website be checked at once."""
    found = await routes.check_website_now(services, now, website_id)
    return done(
        request, f"monitors/websites/{website_id}", gettext("%(name)s is checked within a second.", name=found.name)
    )


@router.post("/monitors/websites/{website_id:int}/pause", openapi_extra=OPERATE, name="pause_website")
async def pause_from_page(request: Request, services: Services, now: Now, website_id: _Number) -> Response:
    """Check a website no more until it is resumed."""
    found = await routes.pause_website(services, now, website_id)
    return done(
        request,
        f"monitors/websites/{website_id}",
        gettext("%(name)s is paused: nobody checks it until it is resumed.", name=found.name),
    )


@router.post("/monitors/websites/{website_id:int}/resume", openapi_extra=OPERATE, name="resume_website")
async def resume_from_page(request: Request, services: Services, now: Now, website_id: _Number) -> Response:
    """Check a website again."""
    found = await routes.resume_website(services, now, website_id)
    return done(request, f"monitors/websites/{website_id}", gettext("%(name)s is checked again.", name=found.name))


@router.post(
    "/monitors/websites/{website_id:int}/downtime/{window_id:int}", openapi_extra=OPERATE, name="change_website_window"
)
async def annotate_from_page(
    request: Request, services: Services, caller: Asking, now: Now, *, website_id: _Number, window_id: _Number
) -> Response:
    """Say who looks after a downtime, and what is known of it."""
    form = request.state.form
    asked: dict[str, object] = {"note": form.get("note", "").strip()}
    if form.get("acknowledged"):
        asked["acknowledged"] = form["acknowledged"] == "yes"
    body = body_of(WindowChangeBody, asked)
    found = await routes.change_website_window(
        services=services, caller=caller, now=now, website_id=website_id, window_id=window_id, body=body
    )
    name = found.acknowledged_by
    said = gettext("Downtime %(number)s is looked after by %(name)s.", number=window_id, name=name or gettext("nobody"))
    return done(request, f"monitors/websites/{website_id}", said)


@router.get("/monitors/websites/{website_id:int}/remove", openapi_extra=OPERATE)
async def remove_page(request: Request, services: Services, website_id: _Number) -> Response:
    """Ask whether a website is to be forgotten."""
    row = await services.monitoring().monitors().read(website_id)
    return render(
        request,
        "confirm.html",
        title=gettext("Remove %(name)s?", name=row.name),
        lines=(
            gettext(
                "%(url)s would be checked no more, and its results, downtimes and figures would be gone for good.",
                url=row.url,
            ),
            gettext("To keep them, pause it instead."),
        ),
        action=f"monitors/websites/{website_id}/remove",
        button=gettext("Remove it"),
        back=f"monitors/websites/{website_id}",
    )


@router.post("/monitors/websites/{website_id:int}/remove", openapi_extra=OPERATE, name="delete_website")
async def remove_from_page(request: Request, services: Services, website_id: _Number) -> Response:
    """Forget a website."""
    row = await services.monitoring().monitors().read(website_id)
    await routes.delete_website(services, website_id)
    return done(request, "monitors", gettext("%(name)s is removed.", name=row.name))
