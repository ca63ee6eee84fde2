"""Reports for people and programs: how a day or a week went, and how good the data are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel

from app.market.areas import with_borders
from app.market.moments import parse_zone
from app.market.time import MARKET_ZONE
from app.probes.sla.report import SlaRange, SlaSubject
from app.probes.sla.schemas import SlaLineResource
from app.reporting.operations.document import operations_as_document
from app.reporting.operations.schemas import OperationsReportResource
from app.reporting.periods import ReportLength, chosen_period
from app.reporting.quality.document import quality_as_document
from app.reporting.quality.schemas import QualityReportResource
from app.reporting.render import ReportDocument, to_html, to_markdown
from app.web.dependencies import READ, Now, Services, api_router
from app.web.parameters import AreaQuery, FromQuery, ItemQuery, ToQuery, named, named_items, named_places, named_range

router = api_router("reports")


class ReportMediaType(StrEnum):
    """How a report is written."""

    JSON = "json"
    HTML = "html"
    MARKDOWN = "md"


_CONTENT: Mapping[ReportMediaType, str] = {
    ReportMediaType.JSON: "application/json",
    ReportMediaType.HTML: "text/html",
    ReportMediaType.MARKDOWN: "text/markdown",
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {"type": "string"}} for kind in ("text/html", "text/markdown")}}
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
_Format = Annotated[
    ReportMediaType, Query(alias="format", description="JSON for programs, HTML or Markdown for people.")
]
_Subject = Annotated[SlaSubject, Query(alias="per", description="A line for each website, or for each group.")]
_ByMonth = Annotated[bool, Query(description="A line for each month.")]
_Latency = Annotated[bool, Query(description="With percentiles of latencies, of whole hours.")]
_Zone = Annotated[str, Query(description="Time zone of days and months.", max_length=60)]
_Group = Annotated[str | None, Query(description="Websites of this group only; empty: of none.", max_length=200)]
_Objective = Annotated[
    float, Query(ge=1, le=100, description="What was promised, in percent; a label `objective` of a website wins.")
]
_Day = Annotated[
    str | None,
    Query(description="A day of the period, or its ISO week (`2024-W07`); without it, the last complete one."),
]


@router.get("/reports/daily", openapi_extra=READ, responses=_RESPONSES)
async def read_daily_report(
    services: Services, now: Now, day: _Day = None, form: _Format = ReportMediaType.JSON
) -> Response:
    """Report how a day went: what was collected, what is missing, what fired, and what to do about it."""
    return await _operations(services, ReportLength.DAILY, now, day, form)


@router.get("/reports/weekly", openapi_extra=READ, responses=_RESPONSES)
async def read_weekly_report(
    services: Services, now: Now, day: _Day = None, form: _Format = ReportMediaType.JSON
) -> Response:
    """Report how a week went, from Monday to Sunday."""
    return await _operations(services, ReportLength.WEEKLY, now, day, form)


async def _operations(
    services: Services, length: ReportLength, now: Now, day: str | None, form: ReportMediaType
) -> Response:
    with named("day"):
        period = chosen_period(length, day, "day", now)
    report = await services.reads().operations_reports().report(period, now)
    return await _written(OperationsReportResource.of(report), operations_as_document(report), form)


@router.get("/reports/sla", openapi_extra=READ)
async def read_sla_report(
    *,
    services: Services,
    now: Now,
    start: FromQuery = "-30d",
    end: ToQuery = None,
    subject: _Subject = SlaSubject.WEBSITE,
    by_month: _ByMonth = False,
    zone: _Zone = "UTC",
    group: _Group = None,
    latency: _Latency = False,
    objective: _Objective = 99.9,
) -> list[SlaLineResource]:
    """Report what was promised of websites against what was, by website or group and by month, with error budgets."""
    with named("zone"):
        place = parse_zone(zone)
    interval = named_range(start, end, place, now)
    chosen = SlaRange(interval.start, interval.end, place, by_month)
    lines = await services.probes().sla().lines(chosen, objective, subject, group=group, latency=latency)
    return [SlaLineResource.of(line) for line in lines]


@router.get("/reports/quality", openapi_extra=READ, responses=_RESPONSES)
async def read_quality_report(
    services: Services,
    now: Now,
    *,
    area: AreaQuery = [],  # noqa: B006  FastAPI copies it
    item: ItemQuery = [],  # noqa: B006
    start: FromQuery = "-7d",
    end: ToQuery = None,
    form: _Format = ReportMediaType.JSON,
) -> Response:
    """Report how good the stored data of a range are: scores, findings, what has fallen."""
    interval = named_range(start, end, MARKET_ZONE, now)
    areas = with_borders(named_places(area)) if area else None
    items = [one.value for one in named_items(item)] if item else None
    report = await services.reads().quality_reports().report(interval, now, items=items, areas=areas)
    return await _written(QualityReportResource.of(report), quality_as_document(report), form)


async def _written(resource: BaseModel, document: ReportDocument, form: ReportMediaType) -> Response:
    if form is ReportMediaType.JSON:
        text = resource.model_dump_json(by_alias=True)
    else:
        text = await asyncio.to_thread(to_html if form is ReportMediaType.HTML else to_markdown, document)
    return Response(text, media_type=_CONTENT[form], headers={"Content-Security-Policy": _POLICY})
