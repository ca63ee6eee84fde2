"""Which requests a replica may answer, and that nobody is shown the state before what they have just changed."""

from __future__ import annotations

from math import ceil

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db.reading.context import AllowedReads, reading
from app.db.reading.database import ReadDatabase
from app.web.api.boundary import is_api

WROTE = "gridkeeper-wrote"
"""A cookie that a browser keeps as long as a replica may lag: another process of ours may answer its next request."""
_READING = {"GET", "HEAD"}


class ReadPolicy:
    """Allows a replica for what only reads.

    Whoever changed something in this process is answered by who knows of it. In another process that is known by the
    cookie of a browser; a program says `Cache-Control: no-cache`, as it would to any other cache.
    """

    def __init__(self, app: ASGIApp, reads: ReadDatabase) -> None:
        self._app = app
        self._reads = reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] in _READING:
            with reading(AllowedReads(primary=_must_be_exact(Headers(scope=scope)))):
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, self._noting(scope, send))

    def _noting(self, scope: Scope, send: Send) -> Send:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._reads.note_write()
                if not is_api(scope["path"]):
                    seconds = ceil(self._reads.state.max_lag)
                    cookie = f"{WROTE}=1; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax"
                    MutableHeaders(scope=message).append("set-cookie", cookie)
            await send(message)

        return answer


def _must_be_exact(headers: Headers) -> bool:
    directives = {one.strip().lower() for one in headers.get("cache-control", "").split(",")}
    return "no-cache" in directives or WROTE in cookie_parser(headers.get("cookie", ""))
