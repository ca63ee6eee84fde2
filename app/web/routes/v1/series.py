"""The stored series."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query

from app.errors import NotFound
from app.schemas import Page
from app.timeseries.queries import SeriesFilter
from app.timeseries.schemas import SeriesResource
from app.web.dependencies import READ_LIMITED, Asking, Services, api_router
from app.web.paging import Paging
from app.web.parameters import AreaQuery, ItemQuery, narrowed

router = api_router("series")

LARGEST_SERIES = 2**31 - 1
_Part = Annotated[str | None, Query(description="Value of this part of the key; empty: series without it.")]


def _parts(
    *,
    psr_type: _Part = None,
    direction: _Part = None,
    business_type: _Part = None,
    contract: _Part = None,
    sequence: _Part = None,
    flow_direction: _Part = None,
    category: _Part = None,
    unit_eic: _Part = None,
) -> dict[str, str]:
    return {name: value for name, value in locals().items() if value is not None}


_Parts = Annotated[dict[str, str], Depends(_parts)]


def _filter(caller: Asking, parts: _Parts, area: AreaQuery = [], item: ItemQuery = []) -> SeriesFilter:  # noqa: B006  FastAPI copies it
    areas, items = narrowed(area, item, caller)
    return SeriesFilter(items, areas, parts)


@router.get("/series", openapi_extra=READ_LIMITED)
async def list_series(
    services: Services, paging: Paging, wanted: Annotated[SeriesFilter, Depends(_filter)]
) -> Page[SeriesResource]:
    """List the stored series: key, unit, resolutions, first delivery, latest value and when it was learned."""
    after = paging.after(int)
    rows = await services.storage().series().page(wanted, after=int(after[0]) if after else 0, limit=paging.limit + 1)
    return paging.page(rows, lambda row: (row.series_id,), SeriesResource.of)


@router.get("/series/{series_id}", openapi_extra=READ_LIMITED)
async def read_series_entry(
    services: Services,
    caller: Asking,
    series_id: Annotated[int, Path(ge=1, le=LARGEST_SERIES, description="Number of the series; `/series` lists them.")],
) -> SeriesResource:
    """Show a stored series."""
    found = await services.storage().series().one(series_id)
    if found is None or not caller.may_read(found.key.item, found.key.area):
        raise NotFound(f"there is no series {series_id}; GET /api/v1/series lists them")
    return SeriesResource.of(found)
