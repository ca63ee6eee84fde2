"""What happens, as it happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import Header, Query, Request
from starlette.responses import Response

from app.access.models import TooManyRequests
from app.events.models import Event, EventPlace, Topic
from app.events.schemas import EventResource
from app.events.service import TooManyStreams
from app.kit.suggest import did_you_mean
from app.market.text import listed
from app.web.api.cursors import decode_cursor
from app.web.connections import keep_open
from app.web.dependencies import READ_LIMITED, Asking, CurrentSettings, Services, api_router
from app.web.event_stream import MEDIA_TYPE, EventStreamAnswer, stream_events
from app.web.parameters import named
from app.web.problem_types import ProblemType, wrong_field
from app.web.value_stream import ChunkedAnswer, heading_of_stream

router = api_router("events")

RETRY_AFTER = 10.0

_Topics = Annotated[
    list[str],
    Query(
        description=f"Any of {', '.join(Topic)}; several with commas, or repeat it; without it, all.",
        examples=[["runs"]],
    ),
]
_LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="The `id` of the last event that was read; the stream goes on there."),
]
_After = Annotated[str | None, Query(description="The same, for clients that cannot send the header.", min_length=1)]


@router.get(
    "/events",
    openapi_extra=READ_LIMITED,
    response_class=EventStreamAnswer,
    responses={
        200: {"model": EventResource, "description": "Server-sent events: `id`, `event` (the topic) and `data`."}
    },
)
async def stream_what_happens(
    request: Request,
    services: Services,
    settings: CurrentSettings,
    caller: Asking,
    *,
    topics: _Topics = [],  # noqa: B006  FastAPI copies it
    last_event_id: _LastEventId = None,
    after: _After = None,
) -> Response:
    """Tell what happens as server-sent events: runs, jobs, backfills, alerts, findings, changes of series, interfaces, websites.

    The stream begins now, or behind the event whose id is given, and does not end. It is the same from every replica.
    An id holds for `GRIDKEEPER_API__EVENTS_DAYS`, then it is a 410. It ends with its key. A key that is limited to areas or items is told of
    their findings and changes only.
    """
    wanted = frozenset(_topics(topics))
    feed = services.storage().events()
    place = await feed.start(_place("Last-Event-ID", "header", last_event_id) or _place("after", "query", after))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.state.method == "HEAD":
        return heading_of_stream(headers, MEDIA_TYPE)

    def concerns(event: Event) -> bool:
        if event.topic not in wanted:
            return False
        return not caller.limited or (
            event.item is not None and event.area is not None and caller.may_read(event.item, event.area)
        )

    reader = caller.identity
    stream = stream_events(
        feed,
        place,
        concerns,
        reader,
        keep_open=keep_open(request.scope),
        check_again=request.state.check_again,
    )
    try:
        return await ChunkedAnswer.of(stream, MEDIA_TYPE, headers, patience=settings.api.reader_seconds)
    except TooManyStreams as error:
        raise TooManyRequests(str(error), RETRY_AFTER) from None


def _topics(texts: Sequence[str]) -> list[Topic]:
    with named("topics"):
        names = [name for text in texts for name in listed(text)]
    for name in names:
        if name not in set(Topic):
            known = f"; there are {', '.join(Topic)}"
            said = f"there is no topic {name[:60]!r}" + did_you_mean(name, list(Topic), otherwise=known)
            raise wrong_field(ProblemType.INVALID_REQUEST, "topics", said)
    return [Topic(name) for name in names] or list(Topic)


def _place(field: str, location: str, text: str | None) -> EventPlace | None:
    if not text:
        return None
    try:
        return EventPlace.of(decode_cursor(text, [int] * 3))
    except ValueError as error:
        detail = f"{error}; hand back the `id` of an event as it is"
        raise wrong_field(ProblemType.INVALID_REQUEST, field, detail, location=location) from None
