"""Draws what was released: reads what the picture is of, and nothing else."""

from __future__ import annotations

import time
from collections import OrderedDict
from datetime import datetime, timedelta
from math import nan

from app.access.released.models import ReleasedView, ViewKind
from app.kit.language import gettext
from app.market.areas import find_place, label
from app.market.time import Interval, Resolution
from app.monitoring.health import Health
from app.monitoring.models import Lateness
from app.monitoring.summary import Standing, lateness_condition, summary_of
from app.reporting.plots import PlotLine, time_chart, with_breaks
from app.settings import Origin
from app.timeseries.queries import StoredSeries
from app.web.pages.overview.recent import RecentRead
from app.web.pages.overview.views import OverviewState
from app.web.pages.public.badges import badge
from app.web.pages.rendering import age, moment_text, shown_number
from app.web.pages.series_values import values_of
from app.web.pages.series_view import SeriesView, first_range, name_of, unit_of
from app.wiring.container import Container

KEPT_SECONDS = 30.0
MOST_KEPT = 500
_SAID = {
    Standing.GOOD: "all well",
    Standing.IDLE: "nothing to judge",
    Standing.WARN: "needs a look",
    Standing.BAD: "something is wrong",
}


class Pictures:
    """Pictures as they were drawn a moment ago: however often one is asked for, the database is asked seldom."""

    def __init__(self, services: Container, overview: RecentRead[OverviewState]) -> None:
        self._services = services
        self._overview = overview
        self._kept: OrderedDict[int, tuple[float, str]] = OrderedDict()

    async def svg(self, view: ReleasedView) -> str:
        known = self._kept.get(view.view_id)
        if known is not None and time.monotonic() - known[0] < KEPT_SECONDS:
            return known[1]
        drawn = await self._draw(view)
        self._kept[view.view_id] = (time.monotonic(), drawn)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return drawn

    async def _draw(self, view: ReleasedView) -> str:
        asked = view.request
        if asked.series_id is None:
            health = (await self._overview.get()).health
            return _freshness(asked.item, asked.area, health) if asked.kind is ViewKind.FRESHNESS else _status(health)
        series = await self._services.storage().series().one(asked.series_id)
        if series is None:
            return badge("series", "gone", Standing.IDLE)
        synthetic = self._services.settings().origin is Origin.SANDBOX
        if asked.kind is ViewKind.VALUE:
            return _newest(series, synthetic=synthetic)
        return await self._chart(series, asked.days, self._services.clock().now(), synthetic=synthetic)

    async def _chart(self, series: StoredSeries, days: int, now: datetime, *, synthetic: bool) -> str:
        end = first_range(series, find_place(series.key.area).zone, now).end
        interval = Interval(end - timedelta(days=days), end)
        rows = await values_of(self._services.storage().time_series(), SeriesView(series, interval), interval)
        starts = [row.start.timestamp() for row in rows]
        ends = [(row.start + Resolution.parse(row.resolution).nominal).timestamp() for row in rows]
        values = [nan if row.value is None else row.value for row in rows]
        instants, drawn = with_breaks(starts, ends, values) if rows else ([], [])
        name = f"{name_of(series)}{', SYNTHETIC' if synthetic else ''}"
        title = f"{name}, {days} days; drawn {moment_text(now)}"
        return time_chart([PlotLine(name, instants, drawn)], title=title, unit=unit_of(series))


def _newest(series: StoredSeries, *, synthetic: bool) -> str:
    about = f"{name_of(series)}{' (SYNTHETIC)' if synthetic else ''}"
    if series.latest is None:
        return badge(about, "no value", Standing.IDLE)
    said = f"{shown_number(series.latest.value)} {unit_of(series)}, {moment_text(series.latest.delivery_start)}"
    return badge(about, said.replace("\N{NARROW NO-BREAK SPACE}", " "), Standing.IDLE)


def _freshness(item: str, area: str, health: Health) -> str:
    about = f"{item.replace('_', ' ')}, {label(area)}"
    found = lateness_of(health, item, area)
    if found is None:
        return badge(about, "no deadline", Standing.IDLE)
    return badge(about, *said_of(found))


def lateness_of(health: Health, item: str, area: str) -> Lateness | None:
    """How late an item of an area is, which may be named by code or EIC."""
    names = {area, label(area)}
    return next((one for one in health.lateness if one.item == item and one.area in names), None)


def said_of(found: Lateness) -> tuple[str, Standing]:
    if not found.late:
        return gettext("on time"), Standing.GOOD
    return gettext("late %(length)s", length=age(found.late)), lateness_condition(found.late)


def _status(health: Health) -> str:
    condition = summary_of(health).condition
    return badge("data", _SAID[condition], condition)
