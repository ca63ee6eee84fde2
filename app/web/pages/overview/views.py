"""The first page: how things are, in a sentence, in tiles, and area by area."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from urllib.parse import quote

from fastapi import Query, Request, Response

from app.monitoring.health import Health
from app.monitoring.summary import Standing, freshness, summary_of, up_to
from app.monitoring.trends.queries import Trends
from app.monitoring.zones.queries import ZoneScore
from app.probes.monitors.models import MonitorCounts
from app.web.dependencies import READ, Now, Services
from app.web.pages.forms import answered
from app.web.pages.overview.filters import OverviewFilter
from app.web.pages.overview.matrix import CellTexts
from app.web.pages.overview.recent import RecentRead
from app.web.pages.overview.tiles import tiles_of
from app.web.pages.overview.zone_map import MEASURES, MapChoice, zone_map
from app.web.pages.rendering import render
from app.web.pages.routing import page_router
from app.wiring.container import Container

router = page_router()

FRESH_SECONDS = 2.0
"""However many people look, the database is asked this often at most."""
SLOW_SECONDS = 60.0
"""What changes by hours and days is read less often."""
SCORED = timedelta(days=3)
"""Scores of a day come with the next night; within so many days one has been scored."""

_Chosen = Annotated[list[str], Query()]


@dataclass(frozen=True, slots=True)
class OverviewState:
    """What the page shows, read once for everybody."""

    health: Health
    slow: SlowState
    monitors: MonitorCounts


@dataclass(frozen=True, slots=True)
class SlowState:
    """What changes by hours and days."""

    scores: list[ZoneScore]
    trends: Trends


async def read_slow(services: Container) -> SlowState:
    now, monitoring = services.clock().now(), services.monitoring()
    return SlowState(await monitoring.zones().scores(now - SCORED, now), await monitoring.trends().trends(now))


def recent_state(services: Container) -> RecentRead[OverviewState]:
    slow = RecentRead(lambda: read_slow(services), SLOW_SECONDS)

    async def read() -> OverviewState:
        monitoring = services.monitoring()
        health = await monitoring.status().health(services.clock().now())
        return OverviewState(health, await slow.get(), await monitoring.monitors().counts())

    return RecentRead(read, FRESH_SECONDS)


@router.get("/", openapi_extra=READ)
async def overview(
    request: Request,
    services: Services,
    now: Now,
    *,
    area: _Chosen = [],  # noqa: B006  FastAPI copies it
    item: _Chosen = [],  # noqa: B006
    state: _Chosen = [],  # noqa: B006
    coloured: Annotated[str, Query(alias="map", max_length=60)] = "",
    day: Annotated[str, Query(max_length=60)] = "",
    hour: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """How things are: in a sentence, in tiles, zone by zone on a map, and area by area."""
    recent: RecentRead[OverviewState] = request.app.state.overview
    found = await recent.get()
    health = found.health
    areas = freshness(health.lateness)
    items = sorted({name for one in areas for name in one.cells})
    chosen = OverviewFilter.of(area, item, state)
    columns = chosen.columns(items)
    choice = MapChoice.of(coloured, day, hour, items, now)
    return render(
        request,
        "overview.html",
        answered(" ".join(choice.problems)),
        summary=summary_of(health),
        reaches=up_to(health.lateness, health.at),
        health=health,
        tiles=tiles_of(health, found.slow.scores, found.slow.trends, found.monitors),
        areas=areas,
        shown=chosen.rows(areas, columns),
        unknown=list(chosen.problems({one.area for one in areas}, items)),
        items=items,
        columns=columns,
        zones=await zone_map(choice, services.monitoring().zones(), health.lateness, found.slow.scores, now),
        measures=MEASURES,
        chosen=chosen,
        columns_encoded={name: quote(name) for name in columns},
        say=CellTexts(health.at),
        conditions=[one for one in Standing if any(area.condition is one for area in areas)],
        at=health.at,
    )
