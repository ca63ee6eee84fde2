"""Connections to addresses that people configure: never to link-local ones, where clouds keep their secrets.

The address that was looked at is the one that is connected to, so that a name cannot change its mind in between.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import logging
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from app.errors import AppError
from app.net.client import open_wire, proxy_for

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_LINK_LOCAL = tuple(ipaddress.ip_network(text) for text in ("169.254.0.0/16", "fe80::/10"))
# Where clouds answer with credentials outside the link-local ranges: Alibaba, AWS over IPv6, Oracle.
_METADATA = tuple(ipaddress.ip_network(text) for text in ("100.100.100.200/32", "fd00:ec2::/32", "192.0.0.192/32"))
# NAT64 as it is everywhere, and the translation of single hosts (SIIT).
_CARRIED_LOW = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "::ffff:0:0:0/96"))
_NAT64_OF_OPERATORS = ipaddress.ip_network("64:ff9b:1::/48")
"""RFC 8215: the IPv4 address stands behind the prefix of 48 bits (RFC 6052), or at the end of a longer one."""


class AddressRefused(AppError):
    """The address is link-local or a metadata service; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address to connect to, as the resolver gave it."""

    family: int
    address: str
    sockaddr: Any


def is_forbidden(address: str) -> bool:
    """Whether the address, or the one that it carries within, is link-local or a metadata service."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return any(inner in network for inner in carried_addresses(found) for network in (*_LINK_LOCAL, *_METADATA))


def carried_addresses(address: IpAddress) -> list[IpAddress]:
    """The address and the IPv4 addresses that it may lead to: mapped, 6to4, Teredo, NAT64, SIIT, compatible."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    carried = [address.ipv4_mapped, address.sixtofour, (address.teredo or (None, None))[1]]
    low = int(address) & 0xFFFFFFFF
    operators = address in _NAT64_OF_OPERATORS
    if operators or any(address in network for network in _CARRIED_LOW) or int(address) == low:
        carried.append(ipaddress.IPv4Address(low))
    if operators:
        carried.append(ipaddress.IPv4Address(address.packed[6:8] + address.packed[9:11]))
    return [address, *(inner for inner in carried if inner is not None)]


async def resolve(host: str, port: int, *, allow_link_local: bool) -> list[Endpoint]:
    """The addresses of a host; AddressRefused where one of them is forbidden, OSError where there is none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    endpoints = [Endpoint(family, str(place[0]), place) for family, _, _, _, place in found]
    if not allow_link_local and any(is_forbidden(endpoint.address) for endpoint in endpoints):
        raise AddressRefused(
            f"{host} is a link-local or metadata address; if it is meant, say allow_link_local: true for the channel"
        )
    return endpoints


CONNECT_SECONDS = 10.0
STAGGER = 0.25
"""Seconds after which the next address is tried beside one that has not answered (RFC 8305)."""


async def connect(host: str, port: int, *, allow_link_local: bool, seconds: float = 10.0) -> socket.socket:
    """A connected socket to the address that answers first; each address has so many seconds of its own."""
    async with asyncio.timeout(seconds):
        endpoints = await resolve(host, port, allow_link_local=allow_link_local)
    _, connection = await race(endpoints, f"{host}:{port}", seconds)
    return connection


async def race(endpoints: Sequence[Endpoint], name: str, seconds: float) -> tuple[Endpoint, socket.socket]:
    """Happy eyeballs: the endpoint that connects first, the next one tried after a short while or a failure."""
    attempts: dict[asyncio.Task[socket.socket], Endpoint] = {}
    waiting, failures = list(_alternating(endpoints)), [OSError(f"{name} has no address")]
    try:
        while waiting or any(not attempt.done() for attempt in attempts):
            if waiting:
                endpoint = waiting.pop(0)
                attempts[asyncio.create_task(_connected(endpoint, name, seconds))] = endpoint
            pending = [attempt for attempt in attempts if not attempt.done()]
            patience = STAGGER if waiting else None
            done, _ = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                error = attempt.exception()
                if error is None:
                    return attempts.pop(attempt), attempt.result()
                failures += [error] if isinstance(error, OSError) else []
        raise failures[-1]
    finally:
        await _give_up(attempts)


async def _give_up(attempts: Iterable[asyncio.Task[socket.socket]]) -> None:
    """End attempts that lost; one that succeeds at the same moment is closed."""
    for attempt in attempts:
        attempt.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()


async def _connected(endpoint: Endpoint, name: str, seconds: float) -> socket.socket:
    with ExitStack() as unless_connected:
        connection = unless_connected.enter_context(socket.socket(endpoint.family, socket.SOCK_STREAM))
        connection.setblocking(False)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_connect(connection, endpoint.sockaddr)
        except TimeoutError:
            raise TimeoutError(f"{name} does not answer at {endpoint.address} within {seconds:g} s") from None
        unless_connected.pop_all()
    return connection


def _alternating(endpoints: Sequence[Endpoint]) -> Iterator[Endpoint]:
    """The resolver's order, but with the families taking turns."""
    first = [endpoint for endpoint in endpoints if endpoint.family == endpoints[0].family]
    others = [endpoint for endpoint in endpoints if endpoint.family != endpoints[0].family]
    for pair in itertools.zip_longest(first, others):
        yield from (endpoint for endpoint in pair if endpoint is not None)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Looks the host up itself and connects to what it found; a proxy looks it up again, beyond our sight."""

    def __init__(self, wire: httpx.AsyncBaseTransport, *, proxied: bool, allow_link_local: bool) -> None:
        self._wire = wire
        self._proxied = proxied
        self._allow = allow_link_local
        self._fastest = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            endpoints = await resolve(host, port, allow_link_local=self._allow)
        except (OSError, UnicodeError) as error:
            if not self._proxied:
                raise httpx.ConnectError(f"{host} cannot be found: {error}", request=request) from error
            return await self._wire.handle_async_request(request)
        if self._proxied:
            return await self._wire.handle_async_request(request)
        request.extensions = {**request.extensions, "sni_hostname": host}
        return await self._to_one_of(request, endpoints)

    async def _to_one_of(self, request: httpx.Request, endpoints: list[Endpoint]) -> httpx.Response:
        name = f"{request.url.host}:{endpoints[0].sockaddr[1]}" if endpoints else request.url.host
        failure: httpx.HTTPError = httpx.ConnectError(f"{name} has no address", request=request)
        for endpoint in await self._by_speed(request, endpoints, name):
            request.url = request.url.copy_with(host=endpoint.address)
            try:
                response = await self._wire.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                self._fastest = ""
                failure = error
            else:
                self._fastest = endpoint.address
                return response
        raise failure

    async def _by_speed(self, request: httpx.Request, endpoints: list[Endpoint], name: str) -> list[Endpoint]:
        """The address that answers before the others: of several, the one that was last reached or wins a race."""
        known = [endpoint for endpoint in endpoints if endpoint.address == self._fastest]
        if len(endpoints) > 1 and not known:
            seconds = request.extensions.get("timeout", {}).get("connect") or CONNECT_SECONDS
            try:
                winner, connection = await race(endpoints, name, seconds)
            except OSError as error:
                raise httpx.ConnectError(
                    f"none of the addresses of {name} answers: {error}", request=request
                ) from error
            connection.close()
            known = [winner]
        return [*known, *(endpoint for endpoint in endpoints if endpoint not in known)]

    async def aclose(self) -> None:
        await self._wire.aclose()


class GuardedClients:
    """One client for each origin, kept until `close`: building the certificates' context takes longer than a request."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str, bool], httpx.AsyncClient] = {}
        # At level INFO the library logs whole URLs, and those of chats are passwords.
        logging.getLogger("httpx").setLevel(logging.WARNING)

    def client(self, url: httpx.URL, *, allow_link_local: bool) -> httpx.AsyncClient:
        key = (url.scheme, url.netloc.decode("ascii"), allow_link_local)
        if key not in self._clients:
            proxied = proxy_for(url) is not None
            transport = GuardedTransport(open_wire(url), proxied=proxied, allow_link_local=allow_link_local)
            self._clients[key] = httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)
        return self._clients[key]

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()
