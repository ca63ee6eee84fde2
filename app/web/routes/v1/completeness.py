"""What is missing and why, and how complete the store is."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from app.collection.gaps.classification import Reason
from app.collection.gaps.coverage import Cell
from app.collection.gaps.schemas import CoverageResource, GapResource
from app.collection.gaps.windows import Gap
from app.schemas import Page
from app.timeseries.coverage import Granularity
from app.web.api.cursors import CursorPart
from app.web.dependencies import READ_LIMITED, Now, Services, api_router
from app.web.paging import Paging
from app.web.parameters import Selected

router = api_router("completeness")

_Reasons = Annotated[
    list[Reason], Query(alias="reason", description="Only gaps of these reasons; without it, all but `not_due`.")
]
_Step = Annotated[Granularity, Query(description="The length of what each row tells of.")]


@router.get("/gaps", openapi_extra=READ_LIMITED)
async def list_gaps(
    services: Services,
    selected: Selected,
    now: Now,
    paging: Paging,
    reasons: _Reasons = [],  # noqa: B006  FastAPI copies it
) -> Page[GapResource]:
    """List what is missing and why: late, missing_at_source or ours; on request not_due.

    The gaps are looked for anew, in the range of delivery that is named. Nothing is asked of the source.
    """
    shown = set(reasons) or set(Reason) - {Reason.NOT_DUE}
    found = await services.collection().gaps().analyse(selected.requests, now, adding=False)
    return paging.of([gap for gap in found if gap.reason in shown], _gap_key, GapResource.of)


def _gap_key(gap: Gap) -> tuple[CursorPart, ...]:
    series = gap.series_key.distinguishing_name if gap.series_key else ""
    return gap.item.value, gap.place.code, series, gap.interval.start.isoformat(), gap.resolution.id, gap.reason.value


@router.get("/coverage", openapi_extra=READ_LIMITED)
async def list_coverage(
    services: Services, selected: Selected, now: Now, paging: Paging, step: _Step = Granularity.MONTH
) -> Page[CoverageResource]:
    """Tell month by month or day by day how many hours of each item and place were due, and how many have values."""
    collection = services.collection()
    cells = await collection.coverage().matrix(selected.requests, now, step)
    gaps = await collection.gaps().analyse(selected.requests, now, adding=False)

    def resource(cell: Cell) -> CoverageResource:
        return CoverageResource.of(cell, gaps, by_day=step is Granularity.DAY)

    return paging.of(cells, lambda cell: (cell.item.value, cell.place.code, cell.begin.isoformat()), resource)
