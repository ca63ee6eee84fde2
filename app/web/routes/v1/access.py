"""Keys of the API, the record of what was changed with them, and pictures that are released for other sites."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request

from app.access.keys import ends_at, limited_to
from app.access.models import KeyRequest
from app.access.released.schemas import NewReleasedViewResource, ReleasedViewResource, ViewRequestBody
from app.access.schemas import ApiKeyResource, AuditEntryResource, KeyName, KeyRequestBody, NewApiKeyResource
from app.schemas import Page
from app.web.dependencies import (
    ADMIN,
    ADMIN_ONCE,
    READ_LIMITED,
    Asking,
    CurrentSettings,
    Now,
    Recorded,
    Services,
    api_router,
)
from app.web.paging import Paging
from app.web.parameters import named, named_items, named_places
from app.web.problem_types import ProblemType

router = api_router("access")

_Name = Annotated[KeyName, Path(description="Name of the key; `/keys` lists them.")]
_View = Annotated[str, Path(max_length=60, description="Name of the picture; `/embeds` lists them.")]
_Actor = Annotated[str | None, Query(description="Only what this key, or person at the machine, changed.")]


@router.get("/keys", openapi_extra=ADMIN)
async def list_keys(services: Services, now: Now, paging: Paging) -> Page[ApiKeyResource]:
    """List the keys: what each may do, when it ends, its last use and its requests."""
    keys = await services.access().service().keys()
    return paging.of(keys, lambda key: (key.key_id,), lambda key: ApiKeyResource.of(key, now))


@router.post("/keys", status_code=201, openapi_extra=ADMIN_ONCE)
async def create_key(
    services: Services, caller: Asking, now: Now, recorded: Recorded, body: KeyRequestBody
) -> NewApiKeyResource:
    """Make a key; it is in this answer only, because only a digest of it is stored."""
    with named("areas", ProblemType.UNKNOWN_NAME, location="body"):
        areas, _ = limited_to(body.areas, ())
    with named("items", ProblemType.UNKNOWN_NAME, location="body"):
        _, items = limited_to((), body.items)
    with named("expires", location="body"):
        end = ends_at(body.expires, now, name="expires")
    wanted = KeyRequest(body.name, body.scope, areas, items, end)
    key, token = await services.access().service().create(wanted, caller, audit_id=recorded)
    return NewApiKeyResource.with_token(key, token, now)


@router.get("/keys/me", openapi_extra=READ_LIMITED)
async def read_own_key(caller: Asking, now: Now) -> ApiKeyResource | None:
    """Show the key that asks; null where somebody at the machine asks without one."""
    return ApiKeyResource.of(caller.key, now) if caller.key else None


@router.delete("/keys/{name}", openapi_extra=ADMIN)
async def revoke_key(services: Services, caller: Asking, now: Now, recorded: Recorded, name: _Name) -> ApiKeyResource:
    """End a key: within a second no replica takes it any more."""
    key = await services.access().service().revoke(name, caller, audit_id=recorded)
    return ApiKeyResource.of(key, now)


@router.get("/audit", openapi_extra=ADMIN)
async def list_changes_made(services: Services, paging: Paging, actor: _Actor = None) -> Page[AuditEntryResource]:
    """List what was changed over the API, the newest first: who, when, what, from where, what was answered."""
    after = paging.after(int)
    rows = (
        await services.access()
        .service()
        .audit(before=int(after[0]) if after else None, actor=actor, limit=paging.limit + 1)
    )
    return paging.page(rows, lambda entry: (entry.audit_id,), AuditEntryResource.of)


@router.get("/embeds", openapi_extra=ADMIN)
async def list_released_views(services: Services, paging: Paging) -> Page[ReleasedViewResource]:
    """List the charts and badges that are released, and that were: what each shows, since when and by whom."""
    views = await services.access().released().views()
    return paging.of(views, lambda view: (view.view_id,), ReleasedViewResource.of)


@router.post("/embeds", status_code=201, openapi_extra=ADMIN_ONCE)
async def release_view(
    request: Request,
    services: Services,
    settings: CurrentSettings,
    caller: Asking,
    *,
    recorded: Recorded,
    body: ViewRequestBody,
) -> NewReleasedViewResource:
    """Release a chart or badge; its address is in this answer only, and whoever has it sees the picture."""
    items = named_items([body.item], location="body") if body.item else []
    places = named_places([body.area], location="body") if body.area else []
    wanted = body.request("".join(one.value for one in items), "".join(one.eic for one in places))
    view, token = await services.access().released().release(wanted, caller, audit_id=recorded)
    base = settings.url or str(request.base_url).rstrip("/").removesuffix("/api/v1")
    return NewReleasedViewResource.with_address(view, f"{base}/embed/{token}{view.request.kind.ending}")


@router.delete("/embeds/{name}", openapi_extra=ADMIN)
async def revoke_view(services: Services, caller: Asking, recorded: Recorded, name: _View) -> ReleasedViewResource:
    """Take a picture back: caches of browsers show it for another minute at most."""
    return ReleasedViewResource.of(await services.access().released().revoke(name, caller, audit_id=recorded))
