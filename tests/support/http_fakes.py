"""Stand-ins at the network's edge: scripted wires, a loopback server, a budget and a sleep that take no time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from app.clock import FixedClock
from app.net.client import build_client
from app.settings import EntsoeSettings
from app.sources.entsoe.client import secret_headers
from app.sources.entsoe.responses import classify_response

NOW = datetime(2026, 5, 7, 12, 34, 0, tzinfo=UTC)
TOKEN = "11111111-2222-4333-8444-abcdefabcdef"
URL = "http://platform.example/api"
DOCUMENT = b"<GL_MarketDocument><type>A65</type></GL_MarketDocument>"

Reply = httpx.Response | Exception


class OpenBudget:
    """A budget that lets everything through and remembers what it was told."""

    def __init__(self) -> None:
        self.acquired = 0
        self.blocks: list[datetime] = []

    async def acquire(self) -> int:
        self.acquired += 1
        await asyncio.sleep(0)
        return self.acquired

    async def block(self, until: datetime) -> None:
        self.blocks.append(until)


class PassingTime:
    """A sleep that moves a clock instead of waiting."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))
        await asyncio.sleep(0)


class ScriptedWire(httpx.AsyncBaseTransport):
    """Answers with one reply after the other, the last of them for ever."""

    def __init__(self, *replies: Reply | Callable[[httpx.Request], Reply]) -> None:
        self._replies = list(replies)
        self.requests: list[httpx.Request] = []
        self.tokens: list[str | None] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.tokens.append(request.headers.get("SECURITY_TOKEN"))
        await asyncio.sleep(0)
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)

    @property
    def parameters(self) -> list[dict[str, str]]:
        return [dict(request.url.params) for request in self.requests]


class Caller:
    """A client over a wire, with everything around it that a test may ask about."""

    def __init__(self, wire: httpx.AsyncBaseTransport | None, **settings: Any) -> None:
        self.settings = EntsoeSettings.model_validate({"token": TOKEN, "base_url": URL, "backoff": 1.0} | settings)
        self.clock = FixedClock(NOW)
        self.time = PassingTime(self.clock)
        self.budget = OpenBudget()
        self.said: list[str] = []
        self.url = str(self.settings.base_url)
        self.http = build_client(
            self.settings,
            self.budget,
            classify_response,
            secret_headers=secret_headers(self.settings),
            on_wait=self.said.append,
            clock=self.clock,
            sleep=self.time,
            wire=wire,
        )

    async def get(self) -> httpx.Response:
        return await self.http.get(self.url)


@asynccontextmanager
async def calling(wire: httpx.AsyncBaseTransport | None, **settings: Any) -> AsyncIterator[Caller]:
    caller = Caller(wire, **settings)
    async with caller.http:
        yield caller


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on loopback that hands each request, read to the end of its head, to the handler; gives its URL."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client went away, as some tests want
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"{'https' if context else 'http'}://{host}:{port}/api"


def sending(pieces: Iterable[bytes], *, pause: float = 0.0) -> Handler:
    """A handler that writes the pieces and closes the connection."""

    async def handler(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return handler


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


def acknowledgement(text: str, *, code: str = "999") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Acknowledgement_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:8:1">'
        f"<mRID>1</mRID><Reason><code>{code}</code><text>{text}</text></Reason></Acknowledgement_MarketDocument>"
    ).encode()


def messages(error: BaseException | None) -> str:
    """Everything that a traceback of the error could show, its whole chain."""
    shown = ""
    while error is not None:
        shown += f"{error!r} {error} {error.__dict__}\n"
        error = error.__cause__ or error.__context__
    return shown
