"""A server on loopback that sends whatever bytes a test wants, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Client:
    """One connection, as a handler sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes = b""

    async def request(self) -> bytes:
        """The head of the next request; nothing where the client closed."""
        try:
            self.head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            self.head = b""
        return self.head

    @property
    def path(self) -> str:
        return self.head.split()[1].decode()

    async def send(self, data: bytes) -> None:
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            return

    async def until_closed(self) -> None:
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            return

    def reset(self) -> None:
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Client], Awaitable[None]]


@dataclass
class RawServer:
    port: int
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@asynccontextmanager
async def raw_server(
    handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[RawServer]:
    """Each connection is handed to the handler and closed after it."""
    made = RawServer(0)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        client = _Recorded(reader, writer, made)
        try:
            await handler(client)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


class _Recorded(Client):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, made: RawServer) -> None:
        super().__init__(reader, writer)
        self._made = made

    async def request(self) -> bytes:
        head = await super().request()
        if head:
            self._made.heads.append(head)
        return head


def answer(data: bytes) -> Handler:
    """Reads one request, sends the bytes and closes."""

    async def handler(client: Client) -> None:
        if await client.request():
            await client.send(data)

    return handler


def response(status: int = 200, body: bytes = b"ok", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def by_path(**answers: bytes) -> Handler:
    """Answers by the first part of the path, any number of requests on a connection; `root` is that of `/`."""

    async def handler(client: Client) -> None:
        while await client.request():
            await client.send(answers[client.path.strip("/").partition("?")[0] or "root"])

    return handler
