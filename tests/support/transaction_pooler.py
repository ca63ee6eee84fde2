"""A pooler in transaction mode: every client shares one session of the server, handed out for one transaction each."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

SSL_REQUEST, READY, TERMINATE = 80877103, b"Z", b"X"


class TransactionPooler:
    """Speaks enough of the protocol for clients that log in without a password."""

    def __init__(self, socket: str, user: str, database: str) -> None:
        self._socket = socket
        self._startup = f"user\0{user}\0database\0{database}\0\0".encode()
        self._turn = asyncio.Lock()
        self._greeting = b""
        self._client: asyncio.StreamWriter | None = None
        self._clients: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """The port at which clients are taken."""
        reader, self._session = await asyncio.open_unix_connection(self._socket)
        self._session.write(struct.pack("!ii", len(self._startup) + 8, 196608) + self._startup)
        while not self._greeting.endswith(b"I") or self._greeting[-6:-5] != READY:
            self._greeting += await _message(reader)
        pump = asyncio.create_task(self._pump(reader))
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            pump.cancel()
            for client in [*self._clients, self._session]:
                client.close()
                with suppress(ConnectionError):
                    await client.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            if await _startup_code(reader) == SSL_REQUEST:
                writer.write(b"N")
                await _startup_code(reader)
            writer.write(self._greeting)
            while (message := await _message(reader))[:1] != TERMINATE:
                if self._client is not writer:
                    await self._turn.acquire()
                    self._client = writer
                self._session.write(message)
        writer.close()

    async def _pump(self, reader: asyncio.StreamReader) -> None:
        """Answers to whoever has the turn; the turn ends with the transaction."""
        while True:
            message = await _message(reader)
            if self._client is not None:
                self._client.write(message)
            if message[:1] == READY and message[-1:] == b"I":
                self._client = None
                self._turn.release()


async def _startup_code(reader: asyncio.StreamReader) -> int:
    (length,) = struct.unpack("!i", await reader.readexactly(4))
    body = await reader.readexactly(length - 4)
    return int(struct.unpack("!i", body[:4])[0])


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)
