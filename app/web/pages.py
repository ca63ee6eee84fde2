"""Where the links of messages lead: a page about this service, and what to do about each shipped alert."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Response

from app.alerting.rules import runbook
from app.errors import NotFound
from app.settings import Origin
from app.web.health import READ, ServiceState

_LINKS = ("health/ready", "health/live", "metrics", runbook.PATH)


def router(probes: ServiceState) -> APIRouter:
    """The pages; their links are relative, so that a proxy may put a path before them."""
    routes = APIRouter()

    @routes.api_route("/", methods=READ)
    async def start() -> Response:
        name = f"Gridkeeper on {probes.instance}" if probes.instance else "Gridkeeper"
        said = ["SYNTHETIC data: nothing here comes from the Transparency Platform."]
        links = [f'<a href="{link}">{link}</a>' for link in _LINKS]
        lines = [*(said if probes.origin is Origin.SANDBOX else []), *links]
        items = "".join(f"<p>{line}</p>\n" for line in lines)
        head = f'<meta charset="utf-8"><title>{escape(name)}</title>'
        page = f"<!DOCTYPE html>\n<html><head>{head}</head>\n<body><h1>{escape(name)}</h1>\n{items}</body></html>\n"
        return Response(page, media_type="text/html")

    @routes.api_route(f"/{runbook.PATH}", methods=READ)
    async def whole() -> Response:
        return Response(runbook.whole(), media_type="text/plain")

    @routes.api_route(f"/{runbook.PATH}/{{rule}}", methods=READ)
    async def section(rule: str) -> Response:
        text = runbook.sections().get(rule)
        if text is None:
            raise NotFound("no shipped rule has this name; /runbook has them all")
        return Response(text, media_type="text/plain")

    return routes
