"""Which addresses may be connected to, and who asks for them: decided after resolution, for the address that is used."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, Self

import httpx

from app.net.egress_guard import Endpoint, IpAddress, carried_addresses, is_forbidden
from app.probes.checking.lookups import Lookup, LookupThreads, system_lookup
from app.probes.models import AddressFamily
from app.settings import ProbeSettings

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
_NUMBERS = re.compile(r"(?i)(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+)){0,3}")
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

    @classmethod
    def of(cls, settings: ProbeSettings) -> Self:
        refused, allowed = (
            tuple(map(ipaddress.ip_network, texts)) for texts in (settings.refused_networks, settings.allowed_networks)
        )
        return cls(not settings.refuse_private, refused, allowed)

    def refusal(self, address: str) -> str | None:
        """Why the address may not be connected to; None where it may."""
        return _refusal(self, address)

    def decide(self, address: str) -> str | None:
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


@lru_cache(maxsize=65_536)
def _refusal(policy: AddressPolicy, address: str) -> str | None:
    return policy.decide(address)


def _within(address: IpAddress, networks: Sequence[IpNetwork]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def refused_literal(url: str, policy: AddressPolicy) -> str | None:
    """Why the host of a URL may not be connected to, where it is an address; None where it may, or is a name."""
    host = httpx.URL(url).raw_host.decode("ascii").strip("[]")
    if _NUMBERS.fullmatch(host):  # 2852039166 and 0xa9fea9fe are addresses, too, to whoever looks them up
        with contextlib.suppress(OSError):
            host = socket.inet_ntoa(socket.inet_aton(host))
    found = literal_endpoint(host, 0, AddressFamily.ANY)
    return policy.refusal(found[0].address) if found else None


class AddressResolver(Protocol):
    async def resolve(self, host: str, port: int, family: AddressFamily) -> tuple[list[Endpoint], float]:
        """The endpoints of a host in the order to try them, and the seconds that the answer took; OSError without an answer."""


class SystemResolver:
    """Asks as every program of this machine does (hosts file, search domains, cache), with threads of its own."""

    def __init__(self, lookup: Lookup = system_lookup) -> None:
        self._lookup = lookup
        self._threads = LookupThreads()

    async def resolve(self, host: str, port: int, family: AddressFamily) -> tuple[list[Endpoint], float]:
        if (literal := literal_endpoint(host, port, family)) is not None:
            return literal, 0.0
        wanted = _FAMILIES[family]
        found, seconds = await self._threads.ask(lambda: self._lookup(host, port, wanted))
        return [Endpoint(kind, str(place[0]), place) for kind, _, _, _, place in found], seconds

    def close(self) -> None:
        self._threads.close()


def literal_endpoint(host: str, port: int, family: AddressFamily) -> list[Endpoint] | None:
    """What a host that is an address leads to, in the wanted family; None where it is a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        found = Endpoint(socket.AF_INET, str(address), (str(address), port))
    else:
        found = Endpoint(socket.AF_INET6, str(address), (str(address), port, 0, int(address.scope_id or 0)))
    return [found] if _FAMILIES[family] in {socket.AF_UNSPEC, found.family} else []
