"""Which addresses may be connected to, and who asks for them: decided after resolution, for the address that is used."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from app.net.egress_guard import Endpoint, IpAddress, carried_addresses, is_forbidden
from app.probes.models import AddressFamily

LOOKUPS_AT_ONCE = 32
"""The system's resolver holds a thread while a name server does not answer."""
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
_FAMILIES = {
    AddressFamily.ANY: socket.AF_UNSPEC,
    AddressFamily.IPV4: socket.AF_INET,
    AddressFamily.IPV6: socket.AF_INET6,
}


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Link-local addresses and metadata services are refused always, the rest as the operator says."""

    allow_private: bool = True
    """Loopback, private, shared and reserved networks."""
    refused: tuple[IpNetwork, ...] = ()
    allowed: tuple[IpNetwork, ...] = ()
    """Though they are private, or link-local."""

    def refusal(self, address: str) -> str | None:
        """Why the address may not be connected to; None where it may."""
        found = ipaddress.ip_address(address.partition("%")[0])
        if any(_within(inner, self.refused) for inner in carried_addresses(found)):
            return f"{address} stands in a network that the settings refuse"
        if _within(found, self.allowed):
            return None
        if is_forbidden(address):
            return f"{address} is a link-local or metadata address"
        if not self.allow_private and not all(inner.is_global for inner in carried_addresses(found)):
            return f"{address} is no public address"
        return None


def _within(address: IpAddress, networks: Sequence[IpNetwork]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


Lookup = Callable[[str, int, int], list[tuple[Any, ...]]]
"""Host, port, family → what `socket.getaddrinfo` returns."""


class AddressResolver(Protocol):
    async def resolve(self, host: str, port: int, family: AddressFamily) -> tuple[list[Endpoint], float]:
        """The endpoints of a host in the order to try them, and the seconds that the answer took; OSError without an answer."""


def system_lookup(host: str, port: int, family: int) -> list[tuple[Any, ...]]:
    # AI_ADDRCONFIG as browsers ask: no IPv6 addresses where the machine has none.
    return list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG))


class SystemResolver:
    """Asks as every program of this machine does (hosts file, search domains, cache), with threads of its own."""

    def __init__(self, lookup: Lookup = system_lookup) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="check-dns")

    async def resolve(self, host: str, port: int, family: AddressFamily) -> tuple[list[Endpoint], float]:
        wanted = _FAMILIES[family]
        literal = _literal(host, port)
        if literal is not None:
            return ([literal] if wanted in {socket.AF_UNSPEC, literal.family} else []), 0.0
        found, seconds = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._timed, host, port, wanted
        )
        return [Endpoint(kind, str(place[0]), place) for kind, _, _, _, place in found], seconds

    def _timed(self, host: str, port: int, family: int) -> tuple[list[tuple[Any, ...]], float]:
        begun = time.perf_counter()
        return self._lookup(host, port, family), time.perf_counter() - begun

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _literal(host: str, port: int) -> Endpoint | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return Endpoint(socket.AF_INET, str(address), (str(address), port))
    return Endpoint(socket.AF_INET6, str(address), (str(address), port, 0, int(address.scope_id or 0)))
