"""A route that answers with a page: who may read it is what the REST API says, and an error is a page as well."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from app.access.models import AccessScope
from app.access.service import check_scope
from app.errors import AppError
from app.web.api.boundary import known_host, own_hosts, wrong_host
from app.web.api_problems import as_api_error
from app.web.dependencies import BEARER, access_service, check_query, query_names
from app.web.pages.rendering import render
from app.web.problem_types import ApiError, ProblemType

RETRY_SECONDS = 5
"""After so many a page that found no database looks again, with scripts or without."""
# A challenge for Basic would open the browser's own dialog before a page could say anything.
_QUIET_CHALLENGE = 'Bearer realm="gridkeeper"'


class PageRoute(APIRoute):
    """Asks who is there before the page is made; without a declaration of its access nobody is let in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        known = query_names(self.dependant)
        security = (self.openapi_extra or {})["security"]
        whole = not (self.openapi_extra or {}).get("x-limited-keys")

        async def page(request: Request) -> Response:
            if security:
                await identify(request)
                check_scope(request.state.caller, AccessScope(security[0][BEARER][0]), whole=whole)
                check_query(request, known)
            found: Response = await handle(request)
            return found

        return page


def page_router() -> APIRouter:
    return APIRouter(route_class=PageRoute)


async def identify(request: Request) -> None:
    """Who asks, by the rules of the REST API; a name that is not ours may have led here by DNS rebinding."""
    state = request.state
    if not known_host(request.headers.get("host", ""), own_hosts(request.app.state.container.settings())):
        raise wrong_host()
    state.caller = await access_service(request).authenticate(
        request.headers.get("authorization"), state.address, local=state.local
    )


def install_error_pages(pages: FastAPI) -> None:
    """Let every error be a page that says what to do."""

    async def answer(request: Request, error: Exception) -> Response:
        found = as_api_error(error)
        if found.kind is ProblemType.INTERNAL:
            structlog.get_logger().error("page_failed", path=request.url.path, exc_info=error)
        return error_page(request, found)

    for kind in (AppError, RequestValidationError, HTTPException, Exception):
        pages.add_exception_handler(kind, answer)


def error_page(request: Request, error: ApiError) -> Response:
    status = error.kind.status
    if error.kind is ProblemType.NOT_AUTHENTICATED:
        first = request.url.path == "/"
        response = render(request, "welcome.html", HTTPStatus.OK if first else status, detail=str(error))
        if not first:
            response.headers["WWW-Authenticate"] = _QUIET_CHALLENGE
        return response
    gone = error.kind is ProblemType.UNAVAILABLE
    response = render(
        request, "error.html", status, title=_TITLES.get(status, status.phrase), detail=str(error), gone=gone
    )
    response.headers.update(error.headers or {})
    if gone:
        response.headers["Refresh"] = str(RETRY_SECONDS)
    return response


_TITLES = {
    HTTPStatus.SERVICE_UNAVAILABLE: "The database does not answer",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.FORBIDDEN: "This key is not for that",
    HTTPStatus.INTERNAL_SERVER_ERROR: "This page failed",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
}
