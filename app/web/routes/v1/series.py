"""The stored series."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Path, Query

from app.errors import NotFound
from app.market.areas import find_place
from app.market.moments import parse_moment
from app.market.time import MARKET_ZONE
from app.schemas import Page
from app.timeseries.queries import LARGEST_SERIES, Belief, SeriesFilter, StoredSeries
from app.timeseries.schemas import NewestValueResource, RevisionResource, SeriesResource
from app.web.api.cursors import instant_in, part_of
from app.web.dependencies import READ_LIMITED, Asking, CurrentSettings, Now, Services, api_router
from app.web.paging import Paging
from app.web.parameters import AreaQuery, FromQuery, ItemQuery, ToQuery, named, named_interval, narrowed

router = api_router("series")

_Part = Annotated[str | None, Query(description="Value of this part of the key; empty: series without it.")]


async def _parts(
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


async def _filter(caller: Asking, parts: _Parts, area: AreaQuery = [], item: ItemQuery = []) -> SeriesFilter:  # noqa: B006  FastAPI copies it
    areas, items = narrowed(area, item, caller)
    return SeriesFilter(items, areas, parts)


_Wanted = Annotated[SeriesFilter, Depends(_filter)]
_Number = Annotated[int, Path(ge=1, le=LARGEST_SERIES, description="Number of the series; `/series` lists them.")]
_Before = Annotated[str | None, Query(alias="to", description="First moment that is too late.", examples=["now"])]


@router.get("/series", openapi_extra=READ_LIMITED)
async def list_series(services: Services, paging: Paging, wanted: _Wanted) -> Page[SeriesResource]:
    """List the stored series: key, unit, resolutions, first delivery, latest value and when it was learned."""
    after = paging.after(int)
    rows = await services.reads().series().page(wanted, after=int(after[0]) if after else 0, limit=paging.limit + 1)
    return paging.page(rows, lambda row: (row.series_id,), SeriesResource.of)


@router.get("/observations/latest", openapi_extra=READ_LIMITED)
async def list_newest_values(
    services: Services, now: Now, paging: Paging, wanted: _Wanted, end: _Before = None
) -> Page[NewestValueResource]:
    """Give the newest value of each series, those of tomorrow too; with `to`, the newest delivered before it.

    Without `area` and `item` of all series. Moments are those of Brussels.
    """
    after = paging.after(int)
    before = None
    if end is not None:
        with named("to"):
            before = parse_moment(end, MARKET_ZONE, now, name="to")
    rows = (
        await services.reads()
        .series()
        .newest(wanted, before=before, after=int(after[0]) if after else 0, limit=paging.limit + 1)
    )
    return paging.page(rows, lambda row: (row.series_id,), NewestValueResource.of)


@router.get("/series/{series_id}", openapi_extra=READ_LIMITED)
async def read_series_entry(services: Services, caller: Asking, series_id: _Number) -> SeriesResource:
    """Show a stored series."""
    return SeriesResource.of(await _permitted(services, caller, series_id))


@router.get("/series/{series_id}/revisions", openapi_extra=READ_LIMITED)
async def list_revisions(
    services: Services,
    settings: CurrentSettings,
    caller: Asking,
    now: Now,
    paging: Paging,
    *,
    series_id: _Number,
    start: FromQuery = "-7d",
    end: ToQuery = None,
) -> Page[RevisionResource]:
    """List everything that was believed of the values of a series, by delivery, then by when it was learned."""
    found = await _permitted(services, caller, series_id)
    most = timedelta(days=settings.api.range_days)
    interval = named_interval(start, end, find_place(found.key.area), now, most=most)
    after = paging.after(int, int, int)
    with named("next"):
        place = (instant_in(after[0]), min(max(int(after[1]), 0), 2**15 - 1), instant_in(after[2])) if after else None
    rows = await services.reads().series().beliefs(series_id, interval, after=place, limit=paging.limit + 1)
    return paging.page(rows, _belief_key, RevisionResource.of)


def _belief_key(belief: Belief) -> tuple[int, int, int]:
    return part_of(belief.delivery_start), belief.resolution.id, part_of(belief.recorded_at)


async def _permitted(services: Services, caller: Asking, series_id: int) -> StoredSeries:
    found = await services.reads().series().one(series_id)
    if found is None or not caller.may_read(found.key.item, found.key.area):
        raise NotFound(f"there is no series {series_id}; GET /api/v1/series lists them")
    return found
