"""Pictures for other sites, and the page on which the owner releases them and takes them back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from app.access.released.models import ViewKind, ViewRequest
from app.errors import AppError
from app.kit.language import ENGLISH, choose_language, gettext, gettext_noop
from app.market.areas import find_place
from app.market.series import DataItem, find_item
from app.mistakes import choice_of, given_text
from app.web.dependencies import ADMIN, OPEN, Asking, Services, access_service
from app.web.pages.forms import done, what_is_wrong
from app.web.pages.public.drawing import Pictures
from app.web.pages.rendering import page_templates, render
from app.web.pages.routing import check_host, page_router
from app.web.parameters import named
from app.web.problem_types import ProblemType, wrong_field

router = page_router()

SECONDS = 60
"""So long a browser keeps a picture, and so often a frame looks again."""
POLICY = "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": f"public, max-age={SECONDS}",
}
"""Only a released picture may be shown by other sites."""
LABELS = {
    "kind": gettext_noop("Shows"), "series": gettext_noop("Number of the series, for a chart or a value"),
    "days": gettext_noop("Days of a chart"), "item": gettext_noop("Item, for freshness"),
    "area": gettext_noop("Area, for freshness"),
}  # fmt: skip
"""What the form calls its fields."""
_GONE = "Nothing is released under this address.\n"


@router.api_route("/embed/{name}", methods=["GET", "HEAD"], openapi_extra=OPEN)
async def embed(
    request: Request, services: Services, name: Annotated[str, Path(max_length=60, pattern=r"^[A-Za-z0-9_-]+(\.svg)?$")]
) -> Response:
    """A released picture: as SVG, or as a page for a frame that looks again by itself; one for all, in English."""
    choose_language(ENGLISH)
    check_host(request)
    access_service(request).take_turn(request.state.address)
    token = name.removesuffix(".svg")
    view = await services.access().released().find(token)
    if view is None:
        return Response(_GONE, HTTPStatus.NOT_FOUND, {"Cache-Control": "no-store"}, media_type="text/plain")
    if not name.endswith(".svg"):
        text = page_templates().get_template("embed.html").render(token=token, name=view.request.name)
        return HTMLResponse(text, headers={**HEADERS, "Refresh": str(SECONDS)})
    pictures: Pictures = request.app.state.pictures
    body = (await pictures.svg(view)).encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {**HEADERS, "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, headers=headers, media_type="image/svg+xml")


@router.get("/embeds", openapi_extra=ADMIN)
async def embeds_page(
    request: Request,
    services: Services,
    *,
    kind: Annotated[str, Query(max_length=20)] = "",
    series: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """What is released, and a form to release more, with what the address names filled in."""
    given = {"kind": kind, "series": series}
    try:
        if kind:
            with named("kind"):
                choice_of(ViewKind, kind)
        _number(series, "series")
    except AppError as error:
        return await _page(request, services, given, problem=what_is_wrong(error, LABELS))
    return await _page(request, services, given)


async def _page(
    request: Request, services: Services, given: Mapping[str, str], *, problem: str = "", address: str = ""
) -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return render(
        request,
        "embeds.html",
        status,
        views=await services.access().released().views(),
        kinds=list(ViewKind),
        items=[one.value for one in DataItem],
        given={name: given.get(name, "") for name in ("name", "kind", "series", "item", "area", "days")},
        problem=problem,
        address=address,
    )


@router.post("/embeds", openapi_extra=ADMIN, name="release_view")
async def release_view_from_page(request: Request, services: Services, caller: Asking) -> Response:
    """Release a picture; its address is on the answer alone, because only a digest of it is stored."""
    form = request.state.form
    try:
        view, token = await services.access().released().release(_asked(form), caller, audit_id=request.state.audit_id)
    except AppError as error:
        return await _page(request, services, form, problem=what_is_wrong(error, LABELS))
    address = f"{str(request.base_url).rstrip('/')}/embed/{token}{view.request.kind.ending}"
    return await _page(request, services, {}, address=address)


def _asked(form: Mapping[str, str]) -> ViewRequest:
    with named("kind"):
        kind = choice_of(ViewKind, form.get("kind", ""))
    series, days = _number(form.get("series", ""), "series"), _number(form.get("days", ""), "days")
    item = area = ""
    if kind is ViewKind.FRESHNESS:
        with named("item"):
            item = find_item(form.get("item", "")).value
        with named("area"):
            area = find_place(form.get("area", "")).eic
    return ViewRequest(
        form.get("name", "").strip(), kind, series if kind.of_series else None, item, area, 7 if days is None else days
    )


def _number(text: str, field: str) -> int | None:
    """The number in a field of the form, None where nothing stands in it."""
    if not text.strip():
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text.strip()):
        raise wrong_field(
            ProblemType.INVALID_REQUEST, field, gettext("%(input)s is no whole number", input=given_text(text))
        )
    return int(text)


@router.post("/embeds/revoke", openapi_extra=ADMIN, name="revoke_view")
async def revoke_view_from_page(request: Request, services: Services, caller: Asking) -> Response:
    """Take a picture back."""
    name = request.state.form.get("name", "")
    view = await services.access().released().revoke(name, caller, audit_id=request.state.audit_id)
    return done(
        request,
        "embeds",
        gettext("%(name)s is revoked; browsers show it for another minute at most", name=view.request.name),
    )
