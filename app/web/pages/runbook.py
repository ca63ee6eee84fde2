"""What to do about each shipped alert: where the links of messages lead."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.alerting.rules import runbook
from app.errors import NotFound
from app.kit.language import choose_language
from app.web.health import READ
from app.web.pages.languages import language_of
from app.web.pages.translation.said import said_runbook


def runbook_router() -> APIRouter:
    """The runbook as text in the language of who reads, for everybody: it tells nothing of the data."""
    routes = APIRouter()

    def shown(request: Request, text: str) -> Response:
        language = language_of(request)
        choose_language(language)
        headers = {"Content-Language": language.tag, "Vary": "Accept-Language, Cookie"}
        return Response(said_runbook(text), media_type="text/plain", headers=headers)

    @routes.api_route(f"/{runbook.PATH}", methods=READ)
    async def whole(request: Request) -> Response:
        return shown(request, runbook.whole())

    @routes.api_route(f"/{runbook.PATH}/{{rule}}", methods=READ)
    async def section(request: Request) -> Response:
        rule = request.path_params["rule"]
        text = runbook.sections().get(rule)
        if text is None:
            raise NotFound("no shipped rule has this name; /runbook has them all")
        return shown(request, text)

    return routes
