"""Keys of the API, and the record of what was changed with them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request

from app.access.keys import NAME, ends_at, limited_to
from app.access.models import KeyRequest
from app.access.schemas import ApiKeyResource, AuditEntryResource, KeyRequestBody, NewApiKeyResource
from app.schemas import Page
from app.web.api_problems import request_id_of
from app.web.dependencies import ADMIN, ADMIN_AUDITED, READ_LIMITED, Asking, Now, Services, api_router
from app.web.paging import Paging
from app.web.parameters import named
from app.web.problem_types import ProblemType

router = api_router("access")

_Name = Annotated[str, Path(pattern=NAME, description="Name of the key; `/keys` lists them.")]
_Actor = Annotated[str | None, Query(description="Only what this key, or person at the machine, changed.")]


@router.get("/keys", openapi_extra=ADMIN)
async def list_keys(services: Services, now: Now, paging: Paging) -> Page[ApiKeyResource]:
    """List the keys: what each may do, when it ends, its last use and its requests."""
    keys = await services.access().service().keys()
    return paging.of(keys, lambda key: (key.key_id,), lambda key: ApiKeyResource.of(key, now))


@router.post("/keys", status_code=201, openapi_extra=ADMIN_AUDITED)
async def create_key(
    services: Services, caller: Asking, now: Now, request: Request, body: KeyRequestBody
) -> NewApiKeyResource:
    """Make a key; it is in this answer only, because only a digest of it is stored."""
    with named("areas", ProblemType.UNKNOWN_NAME, location="body"):
        areas, _ = limited_to(body.areas, ())
    with named("items", ProblemType.UNKNOWN_NAME, location="body"):
        _, items = limited_to((), body.items)
    with named("expires", location="body"):
        end = ends_at(body.expires, now)
    wanted = KeyRequest(body.name, body.scope, areas, items, end)
    key, token = await services.access().service().create(wanted, caller, request_id=request_id_of(request))
    return NewApiKeyResource.with_token(key, token, now)


@router.get("/keys/me", openapi_extra=READ_LIMITED)
async def read_own_key(caller: Asking, now: Now) -> ApiKeyResource | None:
    """Show the key that asks; null where somebody at the machine asks without one."""
    return ApiKeyResource.of(caller.key, now) if caller.key else None


@router.delete("/keys/{name}", openapi_extra=ADMIN_AUDITED)
async def revoke_key(services: Services, caller: Asking, now: Now, request: Request, name: _Name) -> ApiKeyResource:
    """End a key: within a second no replica takes it any more."""
    key = await services.access().service().revoke(name, caller, request_id=request_id_of(request))
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
