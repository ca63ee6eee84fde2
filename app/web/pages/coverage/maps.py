"""The map of months, the days of an item and area, and the hours of a month with the reason of each hole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Annotated

from fastapi import Query, Request, Response

from app.access.models import Caller
from app.collection.gaps.heat_map import EVIDENCE_TEXTS, FILL_TEXTS, Fill, HeatRow, hours_of, month_of, months
from app.collection.models import CollectionRequest
from app.errors import AppError, NotFound
from app.kit.language import gettext
from app.market.areas import Place, areas, find_place, with_borders
from app.market.moments import parse_month
from app.market.series import DataItem, find_item
from app.market.time import Interval
from app.settings import Settings
from app.timeseries.coverage import Granularity
from app.web.dependencies import READ_LIMITED, Asking, CurrentSettings, Now, Services
from app.web.pages.coverage.heat_table import MARKS, day_cells, fill_word, heat_cells, hour_cells, years_of
from app.web.pages.forms import answered, what_is_wrong
from app.web.pages.packing import packed
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.parameters import named, named_places, narrowed
from app.web.problem_types import ProblemType, wrong_field

router = page_router()

MONTHS_AT_FIRST = 24
PAGE_ROWS = 500

_Name = Annotated[str, Query(max_length=200)]
_Month = Annotated[str, Query(max_length=20)]
_From = Annotated[str, Query(alias="from", max_length=20)]
_To = Annotated[str, Query(alias="to", max_length=20)]


@router.get("/coverage", openapi_extra=READ_LIMITED)
async def coverage_page(
    request: Request,
    services: Services,
    settings: CurrentSettings,
    caller: Asking,
    now: Now,
    *,
    area: _Name = "",
    item: _Name = "",
    start: _From = "",
    end: _To = "",
    holes: Annotated[bool, Query()] = False,
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:
    """How much of each month is there, for each item and area."""
    service = services.reads().heat_map()
    given, problem = {"area": area, "item": item, "holes": holes, "from": start, "to": end}, ""
    pairs: Sequence[tuple[DataItem, Place]] = ()
    rows: Sequence[HeatRow] = ()
    try:
        interval = _chosen_months(start, end, settings, now)
        given |= _shown(interval)
        eics, items = narrowed(with_borders(named_places([area])) if area else [], [item] if item else [], caller)
        pairs = [pair for pair in await service.pairs(items, eics) if caller.may_read(pair[0], pair[1].eic)]
        if here := pairs[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]:
            rows = await service.read(here, interval, now, Granularity.MONTH)
    except AppError as error:
        problem = what_is_wrong(error)
    begins = rows[0].begins if rows else []
    response = render(
        request,
        "coverage/months.html",
        answered(problem),
        problem=problem,
        rows=[row for row in rows if not holes or not row.whole],
        read=len(rows),
        pairs=len(pairs),
        begins=begins,
        years=years_of(begins),
        cells=heat_cells,
        item_names=[one.value for one in DataItem],
        area_names=sorted(areas()),
        chosen=given,
        following=page + 1 if page * PAGE_ROWS < len(pairs) else None,
        legend=_legend(Fill.UNKNOWN),
    )
    return packed(request, response)


@router.get("/coverage/days", openapi_extra=READ_LIMITED)
async def coverage_days_page(
    request: Request,
    services: Services,
    settings: CurrentSettings,
    caller: Asking,
    now: Now,
    *,
    area: _Name,
    item: _Name,
    start: _From = "",
    end: _To = "",
) -> Response:
    """How much of each day is there, of an item and area."""
    wanted, place = _pair(item, area, caller)
    chosen, problem = {"from": start, "to": end}, ""
    try:
        interval = _chosen_months(start, end, settings, now)
        chosen = _shown(interval)
    except AppError as error:
        problem = what_is_wrong(error)
        interval = _chosen_months("", "", settings, now)
    [row] = await services.reads().heat_map().read([(wanted, place)], interval, now, Granularity.DAY)
    by_month = [(first, list(cells)) for first, cells in groupby(row.cells, key=lambda cell: cell.begin.replace(day=1))]
    return render(
        request,
        "coverage/days.html",
        answered(problem),
        problem=problem,
        item=wanted.value,
        place=place,
        months=by_month[::-1],
        cells=day_cells,
        interval=interval,
        chosen=chosen,
        legend=_legend(Fill.UNKNOWN),
    )


@router.get("/coverage/hours", openapi_extra=READ_LIMITED)
async def coverage_hours_page(
    request: Request, services: Services, caller: Asking, now: Now, *, area: _Name, item: _Name, month: _Month
) -> Response:
    """Which hours of a month lack values, and why; the gaps are looked for anew, and the source is asked nothing."""
    wanted, place = _pair(item, area, caller)
    with named("month"):
        first = parse_month(month, name="month")
    interval = month_of(first)
    collection = services.collection()
    gaps = await collection.gaps().analyse([CollectionRequest(wanted, place, interval)], now, adding=False)
    [row] = await collection.heat_map().read([(wanted, place)], interval, now, Granularity.DAY)
    known = Fill.NOT_DUE if any(gap.reason.value == Fill.NOT_DUE for gap in gaps) else Fill.COMPLETE
    return render(
        request,
        "coverage/hours.html",
        item=wanted.value,
        place=place,
        month=first,
        before=(first - timedelta(days=1)).replace(day=1),
        after=interval.end.date(),
        days=hours_of(row.cells, gaps),
        cells=hour_cells,
        interval=interval,
        gaps=[gap for gap in gaps if gap.reason.value != Fill.NOT_DUE],
        later=[gap for gap in gaps if gap.reason.value == Fill.NOT_DUE],
        evidence={asked: gettext(text) for asked, text in EVIDENCE_TEXTS.items()},
        legend=_legend(known),
    )


def _pair(item: str, area: str, caller: Caller) -> tuple[DataItem, Place]:
    with named("item", ProblemType.UNKNOWN_NAME):
        wanted = find_item(item)
    with named("area", ProblemType.UNKNOWN_NAME):
        place = find_place(area)
    if not caller.may_read(wanted, place.eic):
        raise NotFound(f"there is no coverage of {wanted} for {place.code}")
    return wanted, place


def _chosen_months(start: str, end: str, settings: Settings, now: datetime) -> Interval:
    """The months that are named, else the last two years."""
    with named("to"):
        last = parse_month(end, name="to") if end else now.date()
    with named("from"):
        first = parse_month(start, name="from") if start else _months_before(last, MONTHS_AT_FIRST - 1)
    interval = months(first, max(first, last))
    most = settings.api.range_days
    if interval.duration > timedelta(days=most):
        detail = f"the range is longer than {most} days (GRIDKEEPER_API__RANGE_DAYS); ask for less at a time"
        raise wrong_field(ProblemType.LIMIT_EXCEEDED, "from", detail)
    return interval


def _months_before(day: date, count: int) -> date:
    number = day.year * 12 + day.month - 1 - count
    return date(number // 12, number % 12 + 1, 1)


def _shown(interval: Interval) -> dict[str, str]:
    last = interval.end - timedelta(days=1)
    return {"from": f"{interval.start:%Y-%m}", "to": f"{last:%Y-%m}"}


def _legend(extra: Fill) -> list[tuple[str, str, str]]:
    """The conditions that a page shows, in words."""
    order = [Fill.COMPLETE, Fill.OURS, Fill.LATE, Fill.MISSING_AT_SOURCE, Fill.NOTHING_EXPECTED]
    shown = order if extra in order else [*order, extra]
    return [(MARKS[fill], fill_word(fill), gettext(FILL_TEXTS[fill])) for fill in shown]
