"""Charts and badges that are released for other sites."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request

from app.access.released.schemas import NewReleasedViewResource, ReleasedViewResource, ViewRequestBody
from app.schemas import Page
from app.web.dependencies import ADMIN, ADMIN_ONCE, Asking, CurrentSettings, Recorded, Services, api_router
from app.web.paging import Paging
from app.web.parameters import named_items, named_places

router = api_router("access")

_Name = Annotated[str, Path(max_length=60, description="Name of the picture; `/embeds` lists them.")]


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
async def revoke_view(services: Services, caller: Asking, recorded: Recorded, name: _Name) -> ReleasedViewResource:
    """Take a picture back: caches of browsers show it for another minute at most."""
    return ReleasedViewResource.of(await services.access().released().revoke(name, caller, audit_id=recorded))
