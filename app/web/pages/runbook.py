"""What to do about each shipped alert: where the links of messages lead."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.alerting.rules import runbook
from app.errors import NotFound
from app.web.health import READ


def runbook_router() -> APIRouter:
    """The runbook as text, for everybody: it tells nothing of the data."""
    routes = APIRouter()

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
