"""What the HTTP side bears: too many connections, slow ones, and requests that no client sends by accident."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from app.settings import WebSettings
from app.web.app import create_app, serve_http
from app.web.connections import LimitedProtocol, Room
from tests.support.web_factory import Service

MOST = 20
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Caller:
    """Opens connections to a served application."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.wires: list[Wire] = []

    async def wire(self) -> Wire:
        parts = urlsplit(self.url)
        made = await asyncio.open_connection(parts.hostname, parts.port)
        self.wires.append(made)
        return made

    async def sends(self, data: bytes) -> bytes:
        """The first line that comes back on a new connection; empty where it is closed."""
        reader, writer = await self.wire()
        writer.write(data)
        return await reader.readline()


@asynccontextmanager
async def served() -> AsyncIterator[Caller]:
    async with serve_http(create_app(Service().probes()), WebSettings(port=0, max_connections=MOST)) as url:
        caller = Caller(url)
        try:
            yield caller
        finally:
            for _, writer in caller.wires:
                writer.close()


async def answered(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return head.partition(b"\r\n")[0]


async def test_idle_connections_make_room_for_those_that_ask() -> None:
    async with served() as it:
        with capture_logs() as logs:
            first = [await it.wire() for _ in range(MOST)]
            more = [await it.wire() for _ in range(3 * MOST)]
            assert b" 200 " in await it.sends(LIVE)
        for reader, _ in first:
            assert await reader.read() == b""
        assert not more[-1][0].at_eof()
        assert [log["event"] for log in logs] == ["http_connections_exhausted"]


async def test_a_connection_that_was_answered_of_late_stays_longer_than_an_older_idle_one() -> None:
    async with served() as it:
        scraper, writing = await it.wire()
        idle, _ = await it.wire()
        writing.write(LIVE)
        await answered(scraper)
        for _ in range(MOST - 1):
            await it.wire()
        assert await idle.read() == b""
        writing.write(LIVE)
        assert b" 200 " in await answered(scraper)


@pytest.mark.parametrize("asked_before", [False, True])
async def test_headers_that_do_not_end_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, *, asked_before: bool
) -> None:
    monkeypatch.setattr("app.web.app.Room", partial(Room, header_seconds=0.2))
    monkeypatch.setattr("uvicorn.protocols.http.h11_impl.H11Protocol.timeout_keep_alive", 0.1, raising=False)
    async with served() as it:
        reader, writer = await it.wire()
        if asked_before:
            writer.write(LIVE)
            await answered(reader)
        ended = asyncio.create_task(reader.read())
        writer.write(b"GET /health/live HTTP/1.1\r\nX-Slow: ")
        while not ended.done():
            writer.write(b"a")
            await asyncio.wait([ended], timeout=0.02)
        assert await ended == b""


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /\xff\xfe HTTP/1.1", b"GET /%ff%00%0d%0a HTTP/1.1", b"GET /" + b"a" * 9000 + b" HTTP/1.1",
        b"G\xc3\x89T / HTTP/1.1", b"BREW /metrics HTTP/1.1", b"OPTIONS * HTTP/1.1", b"CONNECT x:1 HTTP/1.1",
        b"GET http://other/health/live HTTP/1.1", b"PRI * HTTP/2.0", b"GET /../../etc/passwd HTTP/1.1",
        b"GET /runbook/%2e%2e/x HTTP/1.1", b"TRACE /metrics HTTP/1.1", b"", b"\x16\x03\x01\x02\x00",
    ],
)  # fmt: skip
@pytest.mark.parametrize("headers", [b"Host: x", b"Host: \xe9", b"Content-Length: -1", b"Transfer-Encoding: gzip"])
async def test_an_odd_request_is_no_error_of_ours(request_line: bytes, headers: bytes) -> None:
    async with served() as it:
        line = await it.sends(request_line + b"\r\n" + headers + b"\r\nConnection: close\r\n\r\n")
        assert line == b"" or 200 <= int(line.split()[1]) < 500, line
        assert b" 200 " in await it.sends(LIVE)


async def test_no_part_of_an_answer_waits_for_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[LimitedProtocol] = []
    monkeypatch.setattr(Room, "enter", lambda _room, connection: kept.append(connection))
    async with served() as it:
        assert b" 200 " in await it.sends(LIVE)
        found = kept[0].transport.get_extra_info("socket")
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_request_without_host_is_told_in_the_form_of_every_error() -> None:
    async with served() as it:
        reader, writer = await it.wire()
        writer.write(b"GET /health/live HTTP/1.1\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    assert b"X-Frame-Options: DENY" in head, "careful headers are on every answer"
    assert "one header Host" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    "accept",
    [
        "é", "text/plain; version=é", "application/openmetrics-text; version=x", ";;;", "a" * 5000, "*/*;q=x",
        "application/openmetrics-text; version=1.0.0; escaping=é", "text/plain; version=9999999999999999999.0",
        "text/plain; version=", "application/openmetrics-text; version=1..0",
    ],
)  # fmt: skip
async def test_metrics_are_given_whatever_a_reader_says_it_accepts(accept: str) -> None:
    async with served() as it, httpx.AsyncClient() as client:
        found = await client.get(f"{it.url}/metrics", headers=[(b"accept", accept.encode("utf-8"))])
        assert found.status_code == 200
        assert "gridkeeper_build_info" in found.text
