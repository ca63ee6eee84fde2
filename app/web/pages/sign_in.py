"""Signing in with an API key, and out."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from app.access.models import NotAuthenticated
from app.web.browser_session import keep_key
from app.web.dependencies import OPEN, CurrentSettings, access_service
from app.web.pages.rendering import render
from app.web.pages.routing import check_host, page_router, read_own_form

router = page_router()


@router.get("/sign-in", openapi_extra=OPEN)
async def sign_in_page(request: Request) -> Response:
    check_host(request)
    return render(request, "welcome.html", detail="")


@router.post("/sign-in", openapi_extra=OPEN)
async def sign_in(request: Request, settings: CurrentSettings) -> Response:
    """Let the browser keep the key where it is one that can be used."""
    await read_own_form(request)
    key = request.state.form.get("key", "").strip()
    try:
        await access_service(request).authenticate(f"Bearer {key}", request.state.address, local=False)
    except NotAuthenticated as error:
        return render(request, "welcome.html", HTTPStatus.UNAUTHORIZED, detail=str(error))
    response = RedirectResponse("./", HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
    keep_key(response, request, settings, key)
    return response


@router.post("/sign-out", openapi_extra=OPEN)
async def sign_out(request: Request, settings: CurrentSettings) -> Response:
    """Let the browser forget the key."""
    await read_own_form(request)
    response = RedirectResponse("sign-in", HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
    keep_key(response, request, settings, "")
    return response
