"""Connections to the HTTP side: how many there may be, and how long one may wait, send its question and read the answer."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import ClassVar, cast

import h11
import structlog
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from app.schemas import ProblemResource
from app.web.api.boundary import SECURITY_HEADERS

HEADER_SECONDS = 10.0
"""From the connection, or the answer before, to the end of a request's headers."""
ANSWER_SECONDS = 120.0
"""From there to the last byte of the answer that the client has read."""
SAID_EVERY = 60.0
_KEEP_OPEN = "gridkeeper.keep_open"
NO_REQUEST = ProblemResource(
    title=HTTPStatus.BAD_REQUEST.phrase,
    status=HTTPStatus.BAD_REQUEST.value,
    detail="this is no request of HTTP/1.1: it needs a line with method and path, one header Host, and headers and a body "
    "of the length that it says",
)
logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg != "Invalid HTTP request received.")
"""Whoever sends such a thing gets an answer; a line without time and address says nothing to anybody else."""


class Room:
    """The open connections; where one more than `most` comes, the one that has been idle for longest makes room."""

    def __init__(self, most: int, *, header_seconds: float = HEADER_SECONDS) -> None:
        self._most = most
        self._open: dict[LimitedProtocol, None] = {}
        self._said_at = -math.inf
        self.header_seconds = header_seconds

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, connection: LimitedProtocol) -> None:
        while len(self._open) >= self._most:
            oldest = next((one for one in self._open if not one.busy), next(iter(self._open)))
            self.leave(oldest)
            self._say()
            oldest.end()
        self._open[connection] = None

    def rest(self, connection: LimitedProtocol) -> None:
        """It has been answered, and is idle from now on."""
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def leave(self, connection: LimitedProtocol) -> None:
        self._open.pop(connection, None)

    def _say(self) -> None:
        if time.monotonic() - self._said_at >= SAID_EVERY:
            self._said_at = time.monotonic()
            remedy = "see who opens them, or raise GRIDKEEPER_WEB__MAX_CONNECTIONS"
            structlog.get_logger().warning("http_connections_exhausted", most=self._most, remedy=remedy)


class LimitedProtocol(H11Protocol):
    """A connection that takes its place in a room, and is ended when it takes too long."""

    room: ClassVar[Room]
    _timer: asyncio.TimerHandle | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def end(self) -> None:
        """Close at once, whatever the client has not read."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        # An answer is written in parts: without this a part waits until the client has acknowledged the one before, 40 ms.
        # The event loop does the same where a listener names its protocol, which `socket.create_server` does not.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.room.enter(self)
        self._end_after(self.room.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self.room.leave(self)
        self._cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        was_busy = self.busy
        super().handle_events()
        if self.busy and not was_busy:
            self._end_after(ANSWER_SECONDS)
            if self.scope is not None:
                cast("dict[str, object]", self.scope)[_KEEP_OPEN] = self._answer_on

    def on_response_complete(self) -> None:
        self.room.rest(self)
        self._end_after(self.timeout_keep_alive + self.room.header_seconds)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  as uvicorn has it
        """The answer to what is no request, in the form of every other error."""
        body = NO_REQUEST.model_dump_json().encode()
        headers = [("Content-Type", "application/problem+json"), ("Content-Length", str(len(body)))]
        headers += [*SECURITY_HEADERS.items(), ("Connection", "close")]
        status = HTTPStatus.BAD_REQUEST
        events = (
            h11.Response(status_code=status.value, headers=headers, reason=status.phrase.encode()),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _answer_on(self) -> None:
        if self.busy:
            self._end_after(ANSWER_SECONDS)

    def _end_after(self, seconds: float) -> None:
        self._cancel()
        self._timer = self.loop.call_later(seconds, self.end)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def keep_open(scope: Scope) -> Callable[[], None]:
    """What an answer that does not end calls while it is read, so that it lasts longer than others may."""
    prolong: Callable[[], None] = scope.get(_KEEP_OPEN, lambda: None)
    return prolong


def limited(room: Room) -> type[LimitedProtocol]:
    """The protocol of a server whose connections share a room."""
    return type("RoomProtocol", (LimitedProtocol,), {"room": room})
