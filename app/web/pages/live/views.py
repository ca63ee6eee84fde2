"""The stream of a page: its parts as they change, for one viewer."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from app.access.models import Caller, NotAuthenticated
from app.web.browser_session import form_token
from app.web.connections import keep_open
from app.web.dependencies import OPEN, CurrentSettings
from app.web.event_stream import MEDIA_TYPE
from app.web.pages.live.messages import ended_message
from app.web.pages.live.viewers import LivePages, ViewedAddress, Viewer
from app.web.pages.routing import check_host, identify, page_router, viewer_check
from app.web.problem_types import ProblemType, wrong_field
from app.web.value_stream import ChunkedAnswer

router = page_router()

LONGEST_ADDRESS, LONGEST_LIST = 4000, 40_000
OWN = ("gridkeeper-session", "gridkeeper-form", "gridkeeper-notice")
"""Cookies that say who looks, which the key or user says already."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get("/live", openapi_extra=OPEN)
async def live_stream(
    request: Request,
    settings: CurrentSettings,
    *,
    page: Annotated[str, Query(max_length=LONGEST_ADDRESS)],
    has: Annotated[str, Query(max_length=LONGEST_LIST)] = "",
) -> Response:
    """Tell what of a page changes. `page` is its address below the root of the service, `has` what is shown of it.

    Whoever may not read is told so in the stream: a browser keeps the status of a stream from its page.
    """
    check_host(request)
    path, _, query = page.partition("?")
    if not path.startswith("/") or path.startswith(("//", "/live")):
        raise wrong_field(ProblemType.INVALID_REQUEST, "page", "write the address of a page as /alerts?rule=NAME")
    try:
        await identify(request)
    except NotAuthenticated as error:
        return Response(ended_message(str(error)), media_type=MEDIA_TYPE, headers=HEADERS)
    caller: Caller = request.state.caller
    token, _ = form_token(request, settings)
    shown = dict(pair.split(":", 1) for pair in has.split(",") if ":" in pair)
    viewer = Viewer(request.scope, token, viewer_check(request), shown)
    live: LivePages = request.app.state.live
    stream = live.stream(ViewedAddress(path, query, _likeness(request, caller)), viewer, keep_open(request.scope))
    return await ChunkedAnswer.of(stream, MEDIA_TYPE, HEADERS, patience=settings.api.reader_seconds)


def _likeness(request: Request, caller: Caller) -> tuple[object, ...]:
    """Viewers who are alike in this see the same page, but for the token of their forms."""
    others = tuple(
        sorted(pair for pair in request.cookies.items() if not pair[0].removeprefix("__Host-").startswith(OWN))
    )
    return caller.name, caller.scope, caller.identity, request.headers.get("accept-language", ""), others
