"""Who guesses, as a row names them, and how long they have to wait; only decisions."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass

ROOM = 60.0
"""Seconds of guesses that may come at once: those of a minute."""
_NETWORK = 64
"""Bits that are one household of IPv6: whoever has one address of it has all of them."""
_KEPT = 16


@dataclass(frozen=True, slots=True)
class Guesser:
    """An address or a name that guesses are counted of."""

    digest: bytes
    """A digest, because people write passwords where names belong."""
    step: float
    """Seconds in which one guess comes back."""

    def wait(self, ahead: float) -> float:
        """Seconds until the next guess; `ahead` is how far the row lies ahead of the clock."""
        return max(0.0, ahead + self.step - ROOM)


def guesser(what: str, name: str, per_minute: int) -> Guesser:
    return Guesser(hashlib.sha256(f"{what}\0{name}".encode(errors="surrogatepass")).digest()[:_KEPT], 60 / per_minute)


def household(address: str) -> str:
    """The address, of IPv6 its network."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _NETWORK), strict=False))
