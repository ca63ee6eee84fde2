"""One HTTP/1.1 connection, with control over what HTTP servers usually get right: lengths, endings and drops."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl

import h11

IDLE_SECONDS = 75.0
_CHUNK = 65_536
_GZIP_FROM = 256
"""Bodies below this many bytes are not worth compressing."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as it came over the wire."""

    method: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]

    @property
    def accepts_gzip(self) -> bool:
        return "gzip" in self.headers.get("accept-encoding", "")


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes over the wire; with `cut` only so many bytes follow the announced length, then the connection ends."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    cut: int | None = None


def encode_reply(
    status: int, content_type: str, body: bytes, *, file_name: str = "", accepts_gzip: bool = False, cut: bool = False
) -> Reply:
    """The reply with its headers, compressed where the client takes it and it pays."""
    headers = [("Content-Type", content_type)]
    if file_name:
        headers.append(("Content-Disposition", f'inline; filename="{file_name}"'))
    if accepts_gzip and len(body) >= _GZIP_FROM and content_type != "application/zip":
        body = gzip.compress(body, 1, mtime=0)
        headers.append(("Content-Encoding", "gzip"))
    headers.append(("Content-Length", str(len(body))))
    return Reply(status, tuple(headers), body, len(body) * 3 // 5 if cut else None)


class Connection:
    """The server's side of a keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None

    async def receive(self) -> WireRequest | None:
        """The next request; None where the client has gone or stays idle. h11.RemoteProtocolError for nonsense."""
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._request = event
            elif isinstance(event, h11.EndOfMessage) and self._request:
                return _query(self._request)
            elif isinstance(event, h11.ConnectionClosed) or (event is h11.NEED_DATA and not await self._feed()):
                return None

    async def _feed(self) -> bool:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                data = await self._reader.read(_CHUNK)
        except TimeoutError:
            return False
        self._http.receive_data(data)
        return True

    async def send(self, reply: Reply) -> bool:
        """Sends the reply; False where the connection is finished after it."""
        head = h11.Response(status_code=reply.status, headers=list(reply.headers), reason=_reason(reply.status))
        parts = [self._http.send(head)]
        if reply.body and not (self._request and self._request.method == b"HEAD"):
            parts.append(self._http.send(h11.Data(data=reply.body[: reply.cut])))
        if reply.cut is None:
            parts.append(self._http.send(h11.EndOfMessage()))
        self._writer.write(b"".join(part for part in parts if part))
        await self._writer.drain()
        return reply.cut is None and self._http.our_state is h11.DONE

    async def refuse(self, status: int) -> None:
        """A bare status for a request that is no HTTP."""
        await self.send(Reply(status, (("Content-Length", "0"), ("Connection", "close")), b""))

    def drop(self) -> None:
        """Ends the connection without a word."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Ends the connection in good order."""
        self._writer.close()
        await self._writer.wait_closed()


def _query(request: h11.Request) -> WireRequest:
    path, _, query = request.target.decode("ascii").partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in request.headers}
    return WireRequest(request.method.decode("ascii"), path, parameters, headers)


def _reason(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode()
