"""The pages of `serve`: every module of views is included here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request, Response

from app.errors import NotFound
from app.kit.language import gettext
from app.web.health import READ
from app.web.pages import data, sign_in
from app.web.pages.alerting import alert, channels, listing, rules, silences
from app.web.pages.assets import assets, assets_by_public_name
from app.web.pages.coverage import maps
from app.web.pages.languages import LanguageChoice
from app.web.pages.live import views as live_views
from app.web.pages.live.viewers import LivePages
from app.web.pages.monitors import editing as website_forms
from app.web.pages.monitors import listing as monitors
from app.web.pages.monitors import services as interfaces
from app.web.pages.monitors import website
from app.web.pages.overview import views as overview
from app.web.pages.public import embeds, status
from app.web.pages.public.drawing import Pictures
from app.web.pages.quality import views as quality
from app.web.pages.rendering import with_tokens
from app.web.pages.reports import views as reports
from app.web.pages.routing import install_error_pages
from app.web.pages.settings import keys
from app.web.pages.settings import views as settings
from app.web.pages.work import backfills, jobs, runs, workers

if TYPE_CHECKING:
    from app.web.health import ServiceState
    from app.wiring.container import Container

MODULES = (
    overview,
    data,
    maps,
    quality,
    reports,
    settings,
    keys,
    listing,
    silences,
    rules,
    channels,
    alert,
    monitors,
    website_forms,
    website,
    interfaces,
    jobs,
    runs,
    backfills,
    workers,
    sign_in,
    embeds,
    status,
    live_views,
)
FOR_EVER = "public, max-age=31536000, immutable"
"""The name of a file changes with its content."""
VIEWERS_PERCENT = 75
"""Of the open connections, for pages that are kept up to date; the others are for those who come."""


def create_pages(container: Container, probes: ServiceState) -> FastAPI:
    pages = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    pages.state.container = container
    pages.state.probes = probes
    pages.state.overview = overview.recent_state(container)
    pages.state.pictures = Pictures(container, pages.state.overview)
    pages.state.status = status.StatusPage(container, pages.state.overview)
    pages.state.routes = [route for module in MODULES for route in module.router.routes]
    pages.state.live = _live_pages(pages, container)
    install_error_pages(pages)
    pages.add_middleware(LanguageChoice)
    pages.include_router(_static())
    for module in MODULES:
        pages.include_router(module.router)
    return pages


def _live_pages(pages: FastAPI, container: Container) -> LivePages:
    most = container.settings().web.max_connections * VIEWERS_PERCENT // 100
    storage = container.storage()
    live = LivePages(
        pages,
        storage.events(),
        lambda: container.clock().now(),
        most,
        notices=storage.notices(),
        for_viewer=with_tokens,
    )
    live.heard.append(pages.state.overview.forget)
    return live


def _static() -> APIRouter:
    routes = APIRouter()

    @routes.api_route("/favicon.ico", methods=READ)
    @routes.api_route("/favicon.svg", methods=READ)
    async def icon() -> Response:
        mark = assets()["mark.svg"]
        return Response(mark.body, media_type=mark.media_type, headers={"Cache-Control": "public, max-age=86400"})

    @routes.api_route("/static/{name:path}", methods=READ)
    async def static(request: Request, name: str) -> Response:
        found = assets_by_public_name().get(name)
        if found is None:
            raise NotFound(gettext("the pages have no such file; reload the page that names it"))
        packed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"} | (
            {"Content-Encoding": "gzip"} if packed else {}
        )
        return Response(found.packed if packed else found.body, media_type=found.media_type, headers=headers)

    return routes
