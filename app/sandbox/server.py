"""A stand-in for the ENTSO-E Transparency Platform's API: its protocol, its limits and its faults, synthetic series."""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter, deque
from dataclasses import dataclass, replace
from datetime import timedelta
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import h11
import structlog

from app.entsoe.request import TOKEN_PARAMETER, Refused, no_matching_data, read_request
from app.errors import ConfigurationError
from app.sandbox.answers import SandboxResponse, World, acknowledgement, answer
from app.sandbox.faults import BusiestMinute, Fault, Throttle, fault_of, html_instead, throttled, unavailable
from app.sandbox.replay import Replay
from app.sandbox.settings import SandboxSettings
from app.sandbox.wire import Connection, WireRequest, encode_reply

__all__ = ["Logged", "SandboxServer", "SandboxSettings"]

PATH = "/api"
_WAKE_UP = timedelta(seconds=2)
"""After a 429 by rate nobody is banned: the page names a moment soon after."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One request that was answered; status 0 is a dropped connection. The token is left out."""

    method: str
    path: str
    query: str
    status: int


class SandboxServer:
    """Serves while its context is entered; `url` is the whole endpoint."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._world = World.of(settings)
        self._replay = Replay(settings.replay) if settings.replay else None
        self._throttle = Throttle(settings.limit_per_minute, settings.ban_seconds)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests = 0
        self.busiest_minute = BusiestMinute()
        self.statuses: Counter[int] = Counter()
        self.log: deque[Logged] = deque(maxlen=settings.log_size)
        self._log = structlog.get_logger()

    @property
    def token(self) -> str:
        return self._settings.token

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the sandbox has a port only while its context is entered")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        host = self._settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}{PATH}"

    async def __aenter__(self) -> Self:
        host, port = self._settings.host, self._settings.port
        try:
            self._server = await asyncio.start_server(self._connected, host, port, backlog=512)
        except OSError as error:
            raise ConfigurationError(
                f"the sandbox cannot listen on {host} port {port} ({error.strerror}); choose another with --port"
            ) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def serve_forever(self) -> None:
        """Waits until it is cancelled; connections are served as long as the context is entered."""
        await asyncio.Event().wait()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(Connection(reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: Connection) -> None:
        try:
            await self._converse(connection)
            await connection.close()
        except ConnectionError:
            self._log.debug("sandbox_client_disconnected")
        finally:
            connection.drop()

    async def _converse(self, connection: Connection) -> None:
        try:
            while (query := await connection.receive()) and await self._exchange(connection, query):
                pass
        except h11.RemoteProtocolError as error:
            await connection.refuse(error.error_status_hint)

    async def _exchange(self, connection: Connection, query: WireRequest) -> bool:
        """Answers one request; False where the connection is finished after it."""
        self.requests += 1
        self.busiest_minute.note(asyncio.get_running_loop().time())
        number = self.requests
        if self._settings.latency:
            await asyncio.sleep(self._settings.latency)
        fault = fault_of(self._settings, number) if query.path == PATH else Fault.NONE
        if fault is Fault.DROPPED:
            self._note(query, 0)
            connection.drop()
            return False
        given = await self._answer(query, fault)
        if fault is Fault.CUT_DOCUMENT:
            given = replace(given, body=given.body[: len(given.body) * 3 // 5])
        reply = await asyncio.to_thread(
            encode_reply,
            given.status,
            given.content_type,
            given.body,
            file_name=given.file_name,
            accepts_gzip=query.accepts_gzip,
            cut=fault is Fault.CUT_ON_THE_WIRE,
        )
        self._note(query, reply.status)
        return await connection.send(reply)

    async def _answer(self, query: WireRequest, fault: Fault) -> SandboxResponse:
        """The request border: whatever fails inside becomes a 500 and a line in the log."""
        refused = self._turned_away(query) or self._faulty(fault)
        if refused:
            return refused
        parameters = {name: value for name, value in query.parameters.items() if name.lower() != TOKEN_PARAMETER}
        try:
            return await asyncio.to_thread(self._content, parameters)
        except Exception:  # noqa: BLE001  the boundary of a request: the next one is to be answered
            self._log.exception("sandbox_request_failed", query=urlencode(parameters))
            return SandboxResponse(500, "text/plain", b"500 internal server error\n")

    def _turned_away(self, query: WireRequest) -> SandboxResponse | None:
        """The answer to a request that never reaches the data: wrong path, method or token, or too many."""
        if query.path != PATH:
            return SandboxResponse(404, "text/plain", b"404 page not found\n")
        if query.method != "GET":
            return SandboxResponse(405, "text/plain", b"405 method not allowed\n")
        now = self._settings.clock.now()
        lowered = {name.lower(): value for name, value in query.parameters.items()}
        token = query.headers.get("security_token") or lowered.get(TOKEN_PARAMETER, "")
        if not hmac.compare_digest(token.encode(), self._settings.token.encode()):
            return acknowledgement(401, "Unauthorized. Missing or invalid security token", now)
        wait = self._throttle.refuse(asyncio.get_running_loop().time())
        if wait is not None:
            return throttled(self._settings.limit_per_minute, now + timedelta(seconds=wait))
        return None

    def _faulty(self, fault: Fault) -> SandboxResponse | None:
        if fault is Fault.UNAVAILABLE:
            return unavailable()
        if fault is Fault.THROTTLED:
            return throttled(self._settings.limit_per_minute, self._settings.clock.now() + _WAKE_UP)
        return html_instead() if fault is Fault.HTML else None

    def _content(self, parameters: dict[str, str]) -> SandboxResponse:
        now = self._settings.clock.now()
        if self._replay is None:
            return answer(parameters, self._world, now)
        return self._replay.find(parameters) or _nothing_recorded(parameters, self._settings)

    def _note(self, query: WireRequest, status: int) -> None:
        self.statuses[status] += 1
        shown = {name: value for name, value in query.parameters.items() if name.lower() != TOKEN_PARAMETER}
        self.log.append(Logged(query.method, query.path, urlencode(shown), status))


def _nothing_recorded(parameters: dict[str, str], settings: SandboxSettings) -> SandboxResponse:
    """The refusal that the platform would give, or that nothing matches."""
    now = settings.clock.now()
    try:
        refused = no_matching_data(read_request(parameters))
    except Refused:
        return acknowledgement(200, "No matching data found", now)
    return acknowledgement(refused.status, refused.text, now)
