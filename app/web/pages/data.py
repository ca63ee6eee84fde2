"""The stored series: a catalogue, and a page for each with its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Path, Query, Request, Response

from app.access.models import Caller
from app.errors import AppError, NotFound
from app.kit.language import gettext
from app.market.areas import find_place, with_borders
from app.market.moments import parse_known_at, parse_moment
from app.market.series import DataItem
from app.market.time import Interval, Resolution
from app.timeseries.queries import LARGEST_SERIES, SeriesFilter, StoredSeries
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.schemas import SeriesIdentity
from app.timeseries.shape import FinerThanStored
from app.web.dependencies import READ_LIMITED, Asking, CurrentSettings, Now, Services
from app.web.pages.forms import answered, what_is_wrong
from app.web.pages.rendering import render, see_other
from app.web.pages.routing import page_router
from app.web.pages.search import matching, offered_areas
from app.web.pages.series_values import ShownValue, values_of
from app.web.pages.series_view import (
    COUNTERPARTS,
    MOST_BESIDE,
    SeriesView,
    chart_lines,
    counterparts,
    first_range,
    lines_of,
    name_of,
    newest_part,
    not_alike,
    unit_of,
)
from app.web.parameters import named, named_interval, named_places, narrowed
from app.web.problem_types import ProblemType, wrong_field
from app.wiring.container import Container

router = page_router()

PAGE_ROWS = 100
KNOWN_BEFORE = timedelta(days=8)
"""So long before its first delivery something may be known of a range: forecasts of a week."""
_Number = Annotated[int, Path(ge=1, le=LARGEST_SERIES)]
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
    rows: Sequence[StoredSeries] = ()
    problem = ""
    try:
        named_areas = with_borders(named_places([area])) if area else []
        eics, items = narrowed(named_areas, [item] if item else [], caller)
        if wanted := matching(q, SeriesFilter(items, eics)):
            rows = await services.reads().series().page(wanted, after=after, limit=PAGE_ROWS + 1)
    except AppError as error:
        problem = what_is_wrong(error)
    return render(
        request,
        "catalogue.html",
        answered(problem),
        problem=problem,
        rows=[SeriesView(row, first_range(row, find_place(row.key.area).zone, now)) for row in rows[:PAGE_ROWS]],
        following=rows[PAGE_ROWS - 1].series_id if len(rows) > PAGE_ROWS else None,
        chosen={"q": q, "area": area, "item": item},
        items=[one.value for one in DataItem],
        areas=offered_areas(),
        after=after,
    )


MOST_BELIEFS = 500
MOST_STORED = 200
"""Series of one place that are looked through for those to compare with."""


@router.get("/data/{series_id}", openapi_extra=READ_LIMITED)
async def series_page(
    request: Request,
    services: Services,
    settings: CurrentSettings,
    caller: Asking,
    now: Now,
    *,
    series_id: _Number,
    start: Annotated[str, Query(alias="from", max_length=60)] = "",
    end: Annotated[str, Query(alias="to", max_length=60)] = "",
    as_of: Annotated[str, Query(max_length=60)] = "",
    resolution: Annotated[str, Query(max_length=10)] = "",
    beside: Annotated[str, Query(alias="with", max_length=100)] = "",
    add: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Series over a range: their values as a chart and a table, what was found about them, and how to get them."""
    found = await permitted(services, caller, series_id)
    given = {"from": start, "to": end, "as_of": as_of, "resolution": resolution, "with": beside}
    place = find_place(found.key.area)
    view, good, problem = SeriesView(found, first_range(found, place.zone, now)), given, ""
    repository, most = services.reads().time_series(), timedelta(days=settings.api.range_days)
    try:
        if add.strip():
            chosen = await _named(services, caller, found, add)
            numbers = ",".join(dict.fromkeys([*(one.strip() for one in beside.split(",") if one.strip()), str(chosen)]))
            return see_other(request, f"data/{series_id}?{_address({**given, 'with': numbers})}")
        wanted = await _viewed(services, caller, view, given, now=now, most=most)
        values = await _newest_values(repository, wanted)
        view = wanted
    except AppError as error:
        problem, good = what_is_wrong(error), dict.fromkeys(given, "")
        values = await _newest_values(repository, view)
    interval = view.interval
    findings = await services.reads().quality_rows().findings(ids=[series_id], interval=interval)
    latest = found.latest if view.as_of is None else await services.reads().series().newest_known(series_id, view.as_of)
    up = "../"
    return render(
        request,
        "series.html",
        answered(problem),
        problem=problem,
        series=found,
        latest=latest,
        view=view,
        place=place,
        identity=SeriesIdentity.model_validate(found.key).model_dump(),
        values=values,
        findings=findings,
        chart=chart_lines(view, f"{up}api/v1/observations"),
        lines=lines_of(view, str(request.base_url).rstrip("/"), keyed=caller.rights is not None),
        given=given | {"add": add if problem else ""},
        address=lambda **other: f"{up}data/{series_id}?{_address({**good, **other})}",
        compared=await _compared(services, view),
        name_of=name_of,
        known_from=interval.start - KNOWN_BEFORE,
        longer=[one for one in LONGER_UNITS if all(one.nominal > held.nominal for held in found.resolutions)],
        ranges=("-1d", "-7d", "-31d", "-366d"),
    )


@router.get("/data/{series_id}/revisions", openapi_extra=READ_LIMITED)
async def revisions_page(
    request: Request,
    services: Services,
    caller: Asking,
    now: Now,
    *,
    series_id: _Number,
    at: Annotated[str, Query(max_length=60)],
    days: Annotated[int, Query(ge=0, le=31)] = 0,
) -> Response:
    """Everything that was believed of the value that is delivered from an instant on, or of the days from there."""
    found = await permitted(services, caller, series_id)
    zone = find_place(found.key.area).zone
    with named("at"):
        begin = parse_moment(at, zone, now, name="at")
    length = timedelta(days=days) if days else timedelta(seconds=1)
    beliefs = (
        await services.storage()
        .series()
        .beliefs(series_id, Interval(begin, begin + length), after=None, limit=MOST_BELIEFS + 1)
    )
    return render(
        request,
        "revisions.html",
        series=found,
        name=name_of(found),
        unit=unit_of(found),
        beliefs=beliefs[:MOST_BELIEFS],
        more=len(beliefs) > MOST_BELIEFS,
        begin=begin,
        days=days,
    )


async def _viewed(
    services: Container, caller: Caller, view: SeriesView, given: Mapping[str, str], *, now: datetime, most: timedelta
) -> SeriesView:
    """The view that the address names; ApiError where it names none."""
    place = find_place(view.series.key.area)
    if given["from"] or given["to"]:
        interval = named_interval(given["from"] or "-7d", given["to"] or None, place, now, most=most)
        view = replace(view, interval=interval)
    view = replace(view, beside=await _beside(services, caller, view.series, given["with"]))
    if given["as_of"]:
        with named("as_of"):
            known_at = parse_known_at(given["as_of"], place.zone, now, name="as_of")
        view = replace(view, as_of=await services.reads().time_series().settled(known_at))
    if given["resolution"]:
        with named("resolution"):
            view = replace(view, resolution=Resolution.parse(given["resolution"].strip().upper()))
    return view


async def permitted(services: Container, caller: Caller, series_id: int) -> StoredSeries:
    """The series; NotFound where there is none for this caller."""
    found = await services.reads().series().one(series_id)
    if found is None or not caller.may_read(found.key.item, found.key.area):
        raise NotFound(gettext("there is no series %(number)s; the catalogue lists them", number=series_id))
    return found


async def _beside(services: Container, caller: Caller, found: StoredSeries, text: str) -> tuple[StoredSeries, ...]:
    numbers = list(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    if len(numbers) > MOST_BESIDE or not all(one.isdecimal() and int(one) <= LARGEST_SERIES for one in numbers):
        raise wrong_field(
            ProblemType.INVALID_REQUEST,
            "with",
            gettext("write up to %(most)s numbers of series with commas, as 15,18", most=MOST_BESIDE),
        )
    return tuple([await permitted(services, caller, int(one)) for one in numbers if int(one) != found.series_id])


async def _named(services: Container, caller: Caller, found: StoredSeries, text: str) -> int:
    """The number of the series that words name, as those of the search; of several the one most like the series."""
    if text.strip().isdecimal() and int(text) <= LARGEST_SERIES:
        return (await permitted(services, caller, int(text))).series_id
    wanted = matching(text, SeriesFilter())
    if wanted is not None and wanted.items is None:
        wanted = replace(wanted, items=[found.key.item])
    elif wanted is not None and wanted.areas is None:
        wanted = replace(wanted, areas=[found.key.area])
    rows = await services.reads().series().page(wanted, after=0, limit=MOST_STORED) if wanted else []
    allowed = [one for one in rows if caller.may_read(one.key.item, one.key.area) and one.series_id != found.series_id]
    if not allowed:
        said = gettext(
            "no other series is like %(text)s; name an item, an area or both: load belgium",
            text=repr(text.strip()[:60]),
        )
        raise wrong_field(ProblemType.UNKNOWN_NAME, "add", said)
    return min(allowed, key=lambda one: not_alike(found, one)).series_id


async def _compared(services: Container, view: SeriesView) -> list[StoredSeries]:
    """What the page offers to draw beside."""
    items = [one.value for one in COUNTERPARTS.get(DataItem(view.series.key.item), ())]
    if not items:
        return []
    wanted = SeriesFilter(items, [view.series.key.area])
    stored = await services.reads().series().page(wanted, after=0, limit=MOST_STORED)
    drawn = {one.series_id for one in view.shown}
    return [one for one in counterparts(view.series, stored) if one.series_id not in drawn]


def _address(given: Mapping[str, str]) -> str:
    return urlencode([pair for pair in given.items() if pair[1]], safe=":,")


async def _newest_values(repository: TimeSeriesRepository, view: SeriesView) -> list[ShownValue]:
    series = view.series
    held = view.resolution or (series.latest.resolution if series.latest else Resolution.PT60M)
    part = newest_part(view.interval, held, find_place(series.key.area).zone)
    try:
        rows = await values_of(repository, view, part)
    except FinerThanStored as error:
        raise wrong_field(ProblemType.INVALID_REQUEST, "resolution", str(error)) from None
    return rows[::-1]
