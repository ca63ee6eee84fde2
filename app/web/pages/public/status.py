"""The public page of the status: what the owner chose to show, and no word more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from app.errors import NotFound
from app.kit.language import gettext, gettext_noop
from app.market.areas import find_place, label
from app.monitoring.health import Health
from app.monitoring.summary import Standing, lateness_condition, worst_condition
from app.probes.interfaces.models import ServiceOverview
from app.probes.maintenance.service import AHEAD
from app.probes.maintenance.upcoming import upcoming
from app.probes.websites.models import StatusWindow, Website, WebsiteStatus
from app.scheduling.models import JobOutcome
from app.scheduling.repository import JobView
from app.settings import Origin
from app.settings.web import STATUS_MAINTENANCE
from app.web.dependencies import OPEN, CurrentSettings, access_service
from app.web.pages.assets import assets
from app.web.pages.overview.recent import RecentRead
from app.web.pages.overview.views import OverviewState
from app.web.pages.public.drawing import said_of
from app.web.pages.rendering import PAGE_HEADERS, age, item_name, page_templates
from app.web.pages.routing import check_host, page_router
from app.web.pages.words import word
from app.wiring.container import Container

router = page_router()

SECONDS = 60
FRESH_SECONDS = 15.0
_SAID = {
    Standing.GOOD: gettext_noop("Everything shown here is well"),
    Standing.IDLE: gettext_noop("There is nothing to judge"),
    Standing.WARN: gettext_noop("Something shown here needs a look"),
    Standing.BAD: gettext_noop("Something shown here is wrong"),
}
_WEBSITES = {
    WebsiteStatus.UP: Standing.GOOD,
    WebsiteStatus.DOWN: Standing.BAD,
    WebsiteStatus.UNKNOWN: Standing.IDLE,
    WebsiteStatus.PAUSED: Standing.IDLE,
}
_SERVICES = {
    "up": (Standing.GOOD, gettext_noop("up")),
    "failing": (Standing.BAD, gettext_noop("down")),
    "auth": (Standing.BAD, gettext_noop("down")),
    "unknown": (Standing.IDLE, gettext_noop("unknown")),
}
_OUTCOMES = {
    JobOutcome.FAILED: (Standing.BAD, gettext_noop("failed")),
    JobOutcome.SUCCEEDED: (Standing.GOOD, gettext_noop("done")),
    JobOutcome.NOTHING_DUE: (Standing.GOOD, gettext_noop("done")),
}


@dataclass(frozen=True, slots=True)
class StatusRow:
    """Something that is shown, and how it is."""

    name: str
    condition: Standing
    said: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """What the rows are made of."""

    health: Health
    websites: Sequence[Website]
    jobs: Sequence[JobView]
    services: Sequence[ServiceOverview] = ()
    planned: Mapping[int, Sequence[StatusWindow]] = field(default_factory=dict[int, Sequence[StatusWindow]])
    """Maintenance of the websites that are shown, by their numbers; empty where the owner does not show it."""

    def shown_websites(self, text: str) -> list[Website]:
        """The websites of `website:NAME` and `websites:GROUP`."""
        kind, _, name = text.partition(":")
        if kind == "website":
            return [one for one in self.websites if one.draft.name == name]
        return [one for one in self.websites if kind == "websites" and one.draft.labels.get("group") == name]


@dataclass(frozen=True, slots=True)
class MaintenanceRow:
    """Maintenance that lasts or comes, and what it is for."""

    name: str
    websites: str
    start: datetime
    end: datetime
    active: bool


def maintenance_rows(facts: StatusFacts, now: datetime) -> list[MaintenanceRow]:
    names = {one.website_id: one.draft.name for one in facts.websites}
    return [
        MaintenanceRow(
            one.name, ", ".join(names[number] for number in one.website_ids), one.start, one.end, one.active(now)
        )
        for one in upcoming(facts.planned, now)
    ]


def status_rows(shown: Sequence[str], facts: StatusFacts, now: datetime) -> list[StatusRow]:
    """The rows of what the owner chose, in that order: `series:ITEM`, `series:ITEM/AREA`, `website:NAME`, `websites:GROUP`, `service:NAME`, `job:NAME`."""
    makers: dict[str, Callable[[str], list[StatusRow]]] = {
        "series": lambda name: _series(name, facts.health),
        "service": lambda name: [_service(one) for one in facts.services if one.name == name],
        "job": lambda name: [_job(one) for one in facts.jobs if one.job.name == name],
    }
    found: list[StatusRow] = []
    for text in shown:
        kind, _, name = text.partition(":")
        if kind == STATUS_MAINTENANCE:
            continue
        rows = [_website(one, facts, now) for one in facts.shown_websites(text)] or makers.get(kind, _nothing)(name)
        found += rows or [StatusRow(name, Standing.IDLE, gettext("nothing is known"))]
    return found


def _nothing(_name: str) -> list[StatusRow]:
    return []


def _series(name: str, health: Health) -> list[StatusRow]:
    item, _, area = name.partition("/")
    eic = find_place(area).eic if area else ""
    pairs = [one for one in health.lateness if one.item == item and (not area or label(one.area) == label(eic))]
    if not pairs:
        return []
    title = f"{item_name(item)}{f', {label(eic)}' if area else ''}"
    late = sorted((one for one in pairs if one.late), key=lambda one: -one.late)
    if area:
        said, condition = said_of(pairs[0])
        return [StatusRow(title, condition, said)]
    if not late:
        return [
            StatusRow(
                title,
                Standing.GOOD,
                gettext("on time in %(part)s of %(whole)s areas", part=len(pairs), whole=len(pairs)),
            )
        ]
    said = gettext(
        "on time in %(part)s of %(whole)s areas, the latest by %(length)s",
        part=len(pairs) - len(late),
        whole=len(pairs),
        length=age(late[0].late),
    )
    return [StatusRow(title, lateness_condition(late[0].late), said)]


def _website(website: Website, facts: StatusFacts, now: datetime) -> StatusRow:
    status = website.status(now)
    name, since = website.draft.name, website.since(now)
    planned = any(one.start <= now < (one.end or now) for one in facts.planned.get(website.website_id, ()))
    if status is WebsiteStatus.DOWN and planned:
        return StatusRow(name, Standing.IDLE, gettext("down in maintenance"), since)
    return StatusRow(name, _WEBSITES[status], word(status.value), since)


def _service(service: ServiceOverview) -> StatusRow:
    condition, said = _SERVICES[service.status]
    if service.status == "failing" and service.failing < service.operations:
        said = gettext_noop("partly down")
    return StatusRow(service.name, condition, gettext(said), service.auth_failing_since or service.failing_since)


def _job(view: JobView) -> StatusRow:
    last = view.last
    if last is None:
        return StatusRow(view.job.name, Standing.IDLE, gettext("has not run yet"))
    if last.outcome is None or last.finished_at is None:
        return StatusRow(view.job.name, Standing.IDLE, gettext("runs"))
    condition, said = _OUTCOMES.get(last.outcome, (Standing.WARN, gettext_noop("partly done")))
    return StatusRow(view.job.name, condition, gettext(said), last.finished_at)


class StatusPage:
    """The text of the page, made anew for all who ask now and then."""

    def __init__(self, services: Container, overview: RecentRead[OverviewState]) -> None:
        self._services = services
        self._overview = overview
        self._facts = RecentRead(self._read, FRESH_SECONDS)

    async def rows(self) -> tuple[list[StatusRow], list[MaintenanceRow]]:
        """The rows in the language of who asks, and the maintenance that the owner shows."""
        shown, facts = self._services.settings().web.status_shows, await self._facts.get()
        now = self._services.clock().now()
        return status_rows(shown, facts, now), maintenance_rows(facts, now)

    async def _read(self) -> StatusFacts:
        shown = self._services.settings().web.status_shows
        kinds = {text.partition(":")[0] for text in shown}
        probes = self._services.probes()
        facts = StatusFacts(
            (await self._overview.get()).health,
            await probes.websites().all() if kinds & {"website", "websites"} else [],
            await self._services.storage().job_runs().jobs() if "job" in kinds else [],
            await probes.interfaces().all() if "service" in kinds else [],
        )
        if STATUS_MAINTENANCE not in kinds:
            return facts
        now = self._services.clock().now()
        websites = {one.website_id: one for text in shown for one in facts.shown_websites(text)}
        return replace(facts, planned=await probes.maintenance().windows(websites.values(), now, now + AHEAD))


@router.get("/status", openapi_extra=OPEN)
async def status_page(request: Request, settings: CurrentSettings) -> Response:
    """How what the owner chose is; without a choice there is no such page."""
    check_host(request)
    access_service(request).take_turn(request.state.address)
    if not settings.web.status_shows:
        raise NotFound("there is no public status page; GRIDKEEPER_WEB__STATUS_SHOWS chooses what one shows")
    page: StatusPage = request.app.state.status
    rows, planned = await page.rows()
    condition = worst_condition(row.condition for row in rows if row.condition is not Standing.IDLE)
    text = (
        page_templates()
        .get_template("status.html")
        .render(
            rows=rows,
            planned=planned,
            shows_maintenance=STATUS_MAINTENANCE in settings.web.status_shows,
            condition=condition,
            said=gettext(_SAID[condition]),
            instance=settings.instance.strip(),
            synthetic=settings.origin is Origin.SANDBOX,
            asset=lambda name: f"static/{assets()[name].public}",
            now=request.app.state.container.clock().now(),
        )
    )
    return HTMLResponse(
        text,
        headers={
            **PAGE_HEADERS,
            "Cache-Control": f"public, max-age={int(FRESH_SECONDS)}",
            "Vary": "Accept-Language, Cookie",
            "Refresh": str(SECONDS),
        },
    )
