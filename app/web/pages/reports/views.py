"""The reports that are mailed, made anew for any day, and their text as it was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import Query, Request, Response
from markupsafe import Markup

from app.kit.language import ENGLISH, speaking
from app.market.time import MARKET_ZONE, delivery_day
from app.reporting.operations.document import operations_as_document
from app.reporting.periods import Period, ReportLength, chosen_period
from app.reporting.quality.document import quality_as_document
from app.reporting.render import Figure, ReportDocument, pieces, stamped
from app.web.dependencies import READ, Now, Services
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.web.parameters import named
from app.wiring.container import Container

router = page_router()


class ReportKind(StrEnum):
    """The reports there are."""

    DAILY = "daily"
    WEEKLY = "weekly"
    QUALITY = "quality"

    @property
    def length(self) -> ReportLength:
        return ReportLength.WEEKLY if self is ReportKind.WEEKLY else ReportLength.DAILY


@dataclass(frozen=True, slots=True)
class ReportDays:
    """The period of a report, and those before and after it."""

    period: Period
    following: date
    over: bool
    """Whether the following one has begun, so that there is something to report."""


def days_of_report(kind: ReportKind, text: str, now: datetime) -> ReportDays:
    """The named day or week, without one the last that is over."""
    with named("day"):
        period = chosen_period(kind.length, text or None, "day", now)
    return ReportDays(period, period.last + timedelta(days=1), period.interval.end <= now)


@router.get("/reports", openapi_extra=READ)
async def reports_page(
    request: Request,
    services: Services,
    now: Now,
    *,
    kind: ReportKind = ReportKind.DAILY,
    day: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """A report of a day or week; without a day, of the last that is over."""
    days = days_of_report(kind, day, now)
    with speaking(ENGLISH):
        document = await _document(services, kind, days.period, now)
    return render(
        request,
        "reports/report.html",
        document=document,
        kind=kind.value,
        kinds=[one.value for one in ReportKind],
        days=days,
        download=_download(kind, days.period),
        mailed=await services.reporting().mailed().of(kind.value, days.period.name),
        pieces=pieces,
        picture=lambda figure: _picture(figure, synthetic=document.synthetic),
    )


def _picture(figure: Figure, *, synthetic: bool) -> Markup:
    return Markup(stamped(figure.svg, synthetic=synthetic))  # noqa: S704  the plots escape every text they are given


async def _document(services: Container, kind: ReportKind, period: Period, now: datetime) -> ReportDocument:
    reporting = services.reporting()
    if kind is ReportKind.QUALITY:
        return quality_as_document(
            await reporting.quality_reports().report(delivery_day(period.first, MARKET_ZONE), now)
        )
    return operations_as_document(await reporting.operations_reports().report(period, now))


def _download(kind: ReportKind, period: Period) -> str:
    """The same of the REST API, without its format."""
    if kind is ReportKind.QUALITY:
        return f"api/v1/reports/quality?from={period.first}&to={period.last + timedelta(days=1)}"
    return f"api/v1/reports/{kind}?day={period.name}"
