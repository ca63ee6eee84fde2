"""How a browser shows a key: HTTP Basic, whose password is the key."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from app.access.models import NotAuthenticated
from app.web.dependencies import OPEN
from app.web.pages.rendering import render
from app.web.pages.routing import identify, page_router

router = page_router()
CHALLENGE_DIALOG = 'Basic realm="gridkeeper", charset="UTF-8"'


@router.get("/sign-in", openapi_extra=OPEN)
async def sign_in(request: Request) -> Response:
    """Let the browser ask for the key, which it keeps until it ends, and go on to the first page."""
    try:
        await identify(request)
    except NotAuthenticated as error:
        page = render(request, "welcome.html", HTTPStatus.UNAUTHORIZED, detail=str(error))
        page.headers["WWW-Authenticate"] = CHALLENGE_DIALOG
        return page
    return RedirectResponse("./", HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
