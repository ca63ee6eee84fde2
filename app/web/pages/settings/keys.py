"""The keys of the API: which there are, making one, ending one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Request, Response

from app.access.keys import ends_at, limited_to
from app.access.models import AccessScope, KeyRequest
from app.access.schemas import ApiKeyResource, KeyRequestBody
from app.errors import AppError, NotFound
from app.kit.language import gettext, gettext_noop
from app.market.text import listed
from app.web.dependencies import ADMIN, ADMIN_ONCE, Asking, Now, Services
from app.web.pages.forms import body_of, done, what_is_wrong
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.parameters import named
from app.wiring.container import Container

router = page_router()

ENTERED = {"name": "", "scope": AccessScope.READ.value, "areas": "", "items": "", "expires": "90d"}
"""The fields of the form, and what stands in them at first."""
LABELS = {
    "name": gettext_noop("Name of the person or program"), "areas": gettext_noop("Areas it may read"),
    "items": gettext_noop("Items it may read"), "expires": gettext_noop("Ends"),
}  # fmt: skip
"""What the form calls them."""
_Name = Annotated[str, Path(max_length=60)]


@router.get("/settings/keys", openapi_extra=ADMIN)
async def keys_page(request: Request, services: Services, now: Now) -> Response:
    """The keys, and the form that makes one."""
    return await _page(request, services, now, ENTERED)


async def _page(
    request: Request, services: Container, now: Now, entered: dict[str, str], *, problem: str = "", token: str = ""
) -> Response:
    keys = await services.access().service().keys()
    return render(
        request,
        "settings/keys.html",
        HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        keys=[ApiKeyResource.of(key, now) for key in keys],
        scopes=list(AccessScope),
        entered=entered,
        problem=problem,
        token=token,
    )


@router.post("/settings/keys", openapi_extra=ADMIN_ONCE, name="create_key")
async def create_key_from_page(request: Request, services: Services, caller: Asking, now: Now) -> Response:
    """Make a key, and show it on this one page."""
    form = request.state.form
    entered = {name: form.get(name, "").strip() for name in ENTERED}
    try:
        fields: dict[str, object] = {
            "name": entered["name"], "scope": entered["scope"], "expires": entered["expires"] or None,
        }  # fmt: skip
        for field in ("areas", "items"):
            with named(field):
                fields[field] = listed(entered[field])
        body = body_of(KeyRequestBody, fields, LABELS)
        with named("areas"):
            areas, _ = limited_to(body.areas, ())
        with named("items"):
            _, items = limited_to((), body.items)
        with named("expires"):
            end = ends_at(body.expires, now, name="expires")
        with named("scope"):
            wanted = KeyRequest(body.name, body.scope, areas, items, end)
            _, token = await services.access().service().create(wanted, caller, audit_id=request.state.audit_id)
    except AppError as error:
        return await _page(request, services, now, entered, problem=what_is_wrong(error, LABELS))
    return await _page(request, services, now, ENTERED, token=token)


@router.get("/settings/keys/{name}/revoke", openapi_extra=ADMIN)
async def revoke_page(request: Request, services: Services, name: _Name) -> Response:
    """Asks once more: what was revoked stays so."""
    found = next((key for key in await services.access().service().keys() if key.name == name), None)
    if found is None or found.revoked_at is not None:
        raise NotFound(gettext("there is no key %(name)s that could be revoked", name=repr(name)))
    return render(
        request,
        "confirm.html",
        title=gettext("Revoke the key %(name)s?", name=name),
        lines=[
            gettext("Within a second no replica takes it any more, and whoever uses it has to be given another one.")
        ],
        action=f"settings/keys/{name}/revoke",
        button=gettext("Revoke it"),
        back="settings/keys",
    )


@router.post("/settings/keys/{name}/revoke", openapi_extra=ADMIN, name="revoke_key")
async def revoke_key_from_page(request: Request, services: Services, caller: Asking, name: _Name) -> Response:
    """End a key."""
    key = await services.access().service().revoke(name, caller, audit_id=request.state.audit_id)
    return done(request, "settings/keys", gettext("The key %(name)s is revoked.", name=key.name))
