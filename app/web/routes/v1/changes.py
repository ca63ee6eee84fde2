"""What changed, in the order in which it was committed."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from app.timeseries.changes.models import LogPlace, place_numbers, place_of_numbers
from app.timeseries.changes.schemas import ChangesResource, changes_text
from app.web.api.cursors import decode_cursor, encode_cursor
from app.web.dependencies import READ_LIMITED, Asking, CurrentSettings, Services, api_router
from app.web.parameters import AreaQuery, ItemQuery, narrowed
from app.web.problem_types import ProblemType, wrong_field

router = api_router("series")

DEFAULT_CHANGES = 1000
NOW = "now"
LONGEST_WAIT = 60

_After = Annotated[
    str | None,
    Query(
        description="`next` of the answer before; `now`: only what changes from here on. Without it, from the first change "
        "that is kept.",
        min_length=1,
        examples=[NOW],
    ),
]
_Rows = Annotated[int, Query(ge=1, description="Most changes of the answer.")]
_Wait = Annotated[
    float,
    Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for a change behind a cursor where there is none yet."),
]


@router.get("/changes", openapi_extra=READ_LIMITED, response_model=ChangesResource, response_class=Response)
async def follow_changes(
    request: Request,
    services: Services,
    settings: CurrentSettings,
    caller: Asking,
    *,
    after: _After = None,
    area: AreaQuery = [],  # noqa: B006  FastAPI copies it
    item: ItemQuery = [],  # noqa: B006
    limit: _Rows = DEFAULT_CHANGES,
    wait: _Wait = 0,
) -> Response:
    """Give every value that became new, revised or vanished, in the order of commits, each once behind a cursor.

    Hand back `next` as `after`, with the same filter; with `wait` the answer comes as soon as there is a change. A cursor
    holds for `GRIDKEEPER_API__CHANGES_DAYS`, then it is a 410. To copy everything and stay up to date: ask with
    `after=now` and keep `next`, read all values from `/observations`, then follow.
    """
    most = settings.api.changes_rows
    if limit > most:
        raise wrong_field(
            ProblemType.LIMIT_EXCEEDED, "limit", f"an answer has at most {most} changes (GRIDKEEPER_API__CHANGES_ROWS)"
        )
    areas, items = narrowed(area, item, caller)
    feed = services.storage().changes()
    place = await feed.end() if after == NOW else _place(after)
    wait = wait if after not in {None, NOW} else 0
    page = await feed.follow(place, items=items, areas=areas, rows=limit, wait=wait)
    if wait:
        await request.state.check_again()
    text = await asyncio.to_thread(changes_text, page, encode_cursor(place_numbers(page.place)))
    return Response(text, headers={"Cache-Control": "no-store"}, media_type="application/json")


def _place(cursor: str | None) -> LogPlace | None:
    if cursor is None:
        return None
    try:
        return place_of_numbers(decode_cursor(cursor, [int] * 5))
    except ValueError as error:
        raise wrong_field(
            ProblemType.INVALID_REQUEST, "after", f"{error}; hand back `next` of the answer before as it is"
        ) from None
