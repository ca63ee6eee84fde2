"""Scores of the stored series, and what is wrong with their values."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query

from app.quality.assessment.day_range import DayRange
from app.quality.findings import State
from app.quality.overview.queries import FindingFilter
from app.quality.scan import ScanSelection
from app.quality.schemas import AcceptanceBody, FindingResource, RecheckedFindingResource, ScoreResource
from app.schemas import Page
from app.web.dependencies import OPERATE, READ_LIMITED, Asking, Now, Services, api_router
from app.web.paging import Paging
from app.web.parameters import (
    AreaQuery,
    FromQuery,
    ItemQuery,
    ToQuery,
    named,
    named_items,
    named_places,
    narrowed_to_key,
)

router = api_router("quality")

_Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="Number of the finding; `/quality/findings` lists them.")]
_States = Annotated[list[State], Query(alias="state", description="Only findings in these states; without it, all.")]


async def _stored(
    services: Services,
    caller: Asking,
    area: AreaQuery = [],  # noqa: B006  FastAPI copies it
    item: ItemQuery = [],  # noqa: B006
) -> ScanSelection:
    """The stored series that are named; an area stands also for its borders."""
    places, items = named_places(area), named_items(item)
    wanted = (
        await services.quality()
        .service()
        .wanted([place.code for place in places] if places else None, [one.value for one in items] if items else None)
    )
    return ScanSelection(*narrowed_to_key(wanted.items, wanted.areas, places, items, caller))


_Stored = Annotated[ScanSelection, Depends(_stored)]


async def _days(now: Now, start: FromQuery = "-7d", end: ToQuery = None) -> DayRange:
    with named("from", also=("to",)):
        return DayRange(start, end, now, names=("from", "to"))


@router.get("/quality/scores", openapi_extra=READ_LIMITED)
async def list_scores(
    services: Services, paging: Paging, wanted: _Stored, days: Annotated[DayRange, Depends(_days)]
) -> Page[ScoreResource]:
    """List completeness, timeliness, validity, accuracy and the overall score of each series and day, 0 to 100.

    As of the last scan of each series, which `scored_at` tells; nothing is scanned for the answer.
    """
    rows = await services.reads().quality_rows().scores(items=wanted.items, areas=wanted.areas, interval=days.hull)
    scores = [score for score in rows if days.holds(score)]
    return paging.of(scores, lambda one: (one.series_id, one.day.isoformat()), ScoreResource.of)


@router.get("/quality/findings", openapi_extra=READ_LIMITED)
async def list_findings(
    services: Services,
    paging: Paging,
    wanted: _Stored,
    days: Annotated[DayRange, Depends(_days)],
    states: _States = [],  # noqa: B006  FastAPI copies it
) -> Page[FindingResource]:
    """List what is wrong with stored values, the latest first: rule, interval, evidence, severity, what became of it."""
    filtered = FindingFilter(wanted.items, wanted.areas, states=states or None, interval=days.hull)
    after = paging.after(int)
    rows = await services.reads().quality_overview().findings(
        filtered, before=-int(after[0]) if after else None, limit=paging.limit + 1
    )  # fmt: skip
    return paging.page(rows, lambda one: (-one.finding_id,), FindingResource.of)


@router.post("/quality/findings/{finding_id}/accept", openapi_extra=OPERATE)
async def accept_finding(
    services: Services, caller: Asking, now: Now, finding_id: _Number, body: AcceptanceBody
) -> FindingResource:
    """Say that the values of a finding are right: they count as sound, and the finding is not raised again."""
    found = await services.quality().service().accept(finding_id, note=body.note, by=caller.name, now=now)
    return FindingResource.of(found)


@router.post("/quality/findings/{finding_id}/recheck", openapi_extra=OPERATE)
async def recheck_finding(services: Services, now: Now, finding_id: _Number) -> RecheckedFindingResource:
    """Look again at the stored values of a finding, and show what became of it."""
    done = await services.quality().service().recheck([finding_id], now)
    rows = await services.quality().rows().findings(ids=[finding_id])
    return RecheckedFindingResource.of_one(rows[0] if rows else None, done.scan)
