"""The readable reference of the API: Swagger UI out of a pinned package, without anything from elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from importlib.metadata import files as files_of
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.errors import NotFound
from app.web.health import READ
from app.web.problem_types import BASE

_PACKAGE = "fastapi-offline"
"""Its files only: nothing of it is imported."""
_ASSETS: Mapping[str, str] = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon.png": "image/png",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Gridkeeper API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="docs/favicon.png"><link rel="stylesheet" href="docs/swagger-ui.css"></head>
<body><div id="reference"></div>
<script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body></html>
"""
# Links are relative, so that a proxy may put a path before them.
_START = """\
SwaggerUIBundle({
  url: new URL("v1/openapi.json", window.location.href).href,
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  validatorUrl: null,
});
"""


def reference_router() -> APIRouter:
    """The page and what it loads; nothing is read before somebody looks at it."""
    routes = APIRouter(prefix="/api/docs")

    @routes.api_route("", methods=READ)
    async def page() -> Response:
        return Response(_PAGE, media_type="text/html", headers={"Content-Security-Policy": _POLICY})

    @routes.api_route("/start.js", methods=READ)
    async def start() -> Response:
        return Response(_START, media_type="text/javascript")

    @routes.api_route("/{name}", methods=READ)
    async def asset(request: Request) -> Response:
        # For the first parameter that it reads by itself the framework loads models of 3 MB; this part is always there.
        name = request.path_params["name"]
        if name not in _ASSETS:
            raise NotFound("the reference has no such file; it begins at /api/docs")
        body = await asyncio.to_thread((_folder() / name).read_bytes)
        return Response(body, media_type=_ASSETS[name], headers={"Cache-Control": "max-age=86400"})

    return routes


def front_routes() -> APIRouter:
    """What /api and /api/v1 lead to: the reference for people, the document for programs."""
    routes = APIRouter()

    @routes.api_route("/api", methods=READ)
    async def front(request: Request) -> Response:
        return RedirectResponse("api/docs" if wants_page(request) else "api/v1/openapi.json")

    @routes.api_route(BASE, methods=READ)
    async def of_version(request: Request) -> Response:
        return RedirectResponse("docs" if wants_page(request) else "v1/openapi.json")

    @routes.api_route(f"{BASE}/", methods=READ)
    async def below_version(request: Request) -> Response:
        return RedirectResponse("../docs" if wants_page(request) else "openapi.json")

    return routes


def wants_page(request: Request) -> bool:
    """Whether a browser asks, for somebody to read."""
    return "text/html" in request.headers.get("accept", "")


@cache
def _folder() -> Path:
    [found] = [file for file in files_of(_PACKAGE) or () if file.name == "swagger-ui.css"]
    return Path(str(found.locate())).parent
