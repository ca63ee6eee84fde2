"""A small proxy on loopback: tunnels for CONNECT, requests with whole URLs for http, a login where one is wanted."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.raw_server import Client, raw_server, response


@dataclass
class ConnectProxy:
    port: int = 0
    asked: list[str] = field(default_factory=list)
    """The first line of each request."""

    def url(self, login: str = "", scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{login}{host}:{self.port}"


@asynccontextmanager
async def connect_proxy(
    login: str = "", *, hosts: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ConnectProxy]:
    """`login` is `user:password`; `hosts` are the names that only the proxy knows; others are refused with 502."""
    made, known = ConnectProxy(), {"127.0.0.1": "127.0.0.1", **(hosts or {})}
    wanted = base64.b64encode(login.encode())

    async def handler(client: Client) -> None:
        if not await client.request():
            return
        made.asked.append(client.head.split(b"\r\n")[0].decode())
        if login and b"Proxy-Authorization: Basic " + wanted not in client.head:
            await client.send(response(407, b"", "Proxy-Authenticate: Basic\r\n"))
            return
        tunnel = client.head.startswith(b"CONNECT ")
        place = urlsplit(f"//{client.path}" if tunnel else client.path)
        if place.hostname not in known:
            await client.send(response(502, b""))
            return
        reader, writer = await asyncio.open_connection(known[place.hostname], place.port or 80)
        if tunnel:
            await client.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            writer.write(client.head)
        await asyncio.gather(_piped(client.reader, writer), _piped(reader, client.writer))

    async with raw_server(handler, tls=tls) as server:
        made.port = server.port
        yield made


async def _piped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()
