"""The stored series: a catalogue, and a page for each with its values."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Annotated

from fastapi import Path, Query, Request, Response

from app.collection.models import CollectionRequest
from app.collection.series_query import series_query
from app.errors import NotFound
from app.market.areas import areas, find_place, with_borders
from app.market.moments import parse_known_at
from app.market.series import DataItem
from app.market.time import Resolution
from app.timeseries.queries import LARGEST_SERIES, SeriesFilter
from app.timeseries.query import read_shaped
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.schemas import SeriesIdentity
from app.timeseries.shape import Auction, FinerThanStored, Resampling
from app.web.dependencies import READ_LIMITED, Asking, CurrentSettings, Now, Services
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.pages.search import matching
from app.web.pages.series_view import SeriesView, first_range, lines_of, newest_part
from app.web.parameters import named, named_interval, named_places, narrowed
from app.web.problem_types import ProblemType, wrong_field
from app.wiring.catalog import CATALOG

router = page_router()

PAGE_ROWS = 100
LONGER_UNITS = (Resolution.PT60M, Resolution.P1D, Resolution.P7D, Resolution.P1M)


@router.get("/data", openapi_extra=READ_LIMITED)
async def catalogue(
    request: Request,
    services: Services,
    caller: Asking,
    now: Now,
    *,
    q: Annotated[str, Query(max_length=200)] = "",
    area: Annotated[str, Query(max_length=200)] = "",
    item: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[int, Query(ge=0, le=LARGEST_SERIES)] = 0,
) -> Response:
    """Every series that is stored, with its newest value."""
    named_areas = with_borders(named_places([area])) if area else []
    eics, items = narrowed(named_areas, [item] if item else [], caller)
    wanted = matching(q, SeriesFilter(items, eics))
    rows = await services.storage().series().page(wanted, after=after, limit=PAGE_ROWS + 1) if wanted else []
    return render(
        request,
        "catalogue.html",
        rows=[SeriesView(row, first_range(row, find_place(row.key.area).zone, now)) for row in rows[:PAGE_ROWS]],
        following=rows[PAGE_ROWS - 1].series_id if len(rows) > PAGE_ROWS else None,
        chosen={"q": q, "area": area, "item": item},
        items=[one.value for one in DataItem],
        areas=sorted(areas()),
        after=after,
    )


@dataclass(frozen=True, slots=True)
class ShownValue:
    """A row of the table."""

    start: datetime
    resolution: str
    value: float | None
    filled: bool
    recorded_at: datetime


@router.get("/data/{series_id}", openapi_extra=READ_LIMITED)
async def series_page(
    request: Request,
    services: Services,
    settings: CurrentSettings,
    caller: Asking,
    now: Now,
    *,
    series_id: Annotated[int, Path(ge=1, le=LARGEST_SERIES)],
    start: Annotated[str, Query(alias="from", max_length=60)] = "",
    end: Annotated[str, Query(alias="to", max_length=60)] = "",
    as_of: Annotated[str, Query(max_length=60)] = "",
    resolution: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """A series: its values in a range as a chart and a table, what was found about them, and how to get them."""
    found = await services.storage().series().one(series_id)
    if found is None or not caller.may_read(found.key.item, found.key.area):
        raise NotFound(f"there is no series {series_id}; the catalogue lists them")
    place = find_place(found.key.area)
    most = timedelta(days=settings.api.range_days)
    interval = first_range(found, place.zone, now)
    if start or end:
        interval = named_interval(start or "-7d", end or None, place, now, most=most)
    view = SeriesView(found, interval)
    repository = services.storage().time_series()
    if as_of:
        with named("as_of"):
            known_at = parse_known_at(as_of, place.zone, now, name="as_of")
        view = replace(view, as_of=await repository.settled(known_at))
    if resolution:
        with named("resolution"):
            view = replace(view, resolution=Resolution.parse(resolution.strip().upper()))
    findings = await services.quality().rows().findings(ids=[series_id], interval=interval)
    return render(
        request,
        "series.html",
        series=found,
        view=view,
        place=place,
        identity=SeriesIdentity.model_validate(found.key).model_dump(),
        values=await _newest_values(repository, view),
        findings=findings,
        present=replace(view, as_of=None).query(format="csv", fields="delivery_start,resolution,value"),
        lines=lines_of(view, str(request.base_url).rstrip("/"), keyed=caller.rights is not None),
        given={"from": start, "to": end, "as_of": as_of, "resolution": resolution},
        longer=[one for one in LONGER_UNITS if all(one.nominal > held.nominal for held in found.resolutions)],
        ranges=("-1d", "-7d", "-31d", "-366d"),
    )


async def _newest_values(repository: TimeSeriesRepository, view: SeriesView) -> list[ShownValue]:
    series = view.series
    place = find_place(series.key.area)
    held = view.resolution or (series.latest.resolution if series.latest else Resolution.PT60M)
    part = newest_part(view.interval, held, place.zone)
    query = series_query(
        [CollectionRequest(DataItem(series.key.item), place, part)],
        CATALOG,
        as_of=view.as_of,
        auction=Auction.ALL,
        resampling=Resampling(view.resolution) if view.resolution else None,
    )
    rows: list[ShownValue] = []
    try:
        async with aclosing(read_shaped(repository, replace(query, ids=frozenset([series.series_id])))) as batches:
            async for shaped in batches:
                batch = shaped.batch
                columns = (batch.starts, batch.resolutions, batch.values, batch.filled, batch.recorded_at)
                rows += (_shown(*row) for row in zip(*(column.tolist() for column in columns), strict=True))
    except FinerThanStored as error:
        raise wrong_field(ProblemType.INVALID_REQUEST, "resolution", str(error)) from None
    return rows[::-1]


def _shown(start: int, resolution: int, value: float, filled: bool, recorded: int) -> ShownValue:
    return ShownValue(
        datetime.fromtimestamp(start, UTC),
        Resolution.from_id(resolution).code,
        None if isnan(value) else value,
        filled,
        datetime.fromtimestamp(recorded / 1e6, UTC),
    )
