"""Server-sent events (WHATWG HTML, "Server-sent events"), as bytes and as an answer that does not end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from starlette.responses import Response

from app.access.models import NotAuthenticated
from app.events.models import Event, EventPage, EventPlace
from app.events.schemas import EventResource
from app.events.service import EventFeed
from app.web.api.cursors import encode_cursor

RETRY_MILLISECONDS = 2000
MEDIA_TYPE = "text/event-stream"


class EventStreamAnswer(Response):
    """What the document says of such an answer."""

    media_type = MEDIA_TYPE


def page_bytes(page: EventPage) -> bytes:
    """Events, then the id behind them, which also shows that the stream is alive; an id alone is no event to a reader."""
    parts = [_event_text(event) for event in page.events]
    if not page.events or page.events[-1].place != page.place:
        parts.append(f": alive\nid: {encode_cursor(page.place.numbers)}\n\n")
    return "".join(parts).encode()


def _event_text(event: Event) -> str:
    data = EventResource.of(event).model_dump_json()
    return f"id: {encode_cursor(event.place.numbers)}\nevent: {event.topic}\ndata: {data}\n\n"


async def stream_events(
    feed: EventFeed,
    after: EventPlace,
    wanted: Callable[[Event], bool],
    reader: str,
    *,
    keep_open: Callable[[], None],
    check_again: Callable[[], Awaitable[None]],
) -> AsyncGenerator[bytes]:
    """The stream of a reader, until it may not read any more, which `check_again` says before each page.

    `keep_open` is called whenever it has taken what came before.
    """
    with feed.stream(reader):
        yield f"retry: {RETRY_MILLISECONDS}\n".encode()
        async with aclosing(feed.follow(after, wanted)) as pages:
            async for page in pages:
                try:
                    await check_again()
                except NotAuthenticated:
                    return  # whoever connects again is told why
                keep_open()
                yield page_bytes(page)
