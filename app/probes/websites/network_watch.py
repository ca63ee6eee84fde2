"""Whether this machine has a network, asked when a website cannot be reached: ours is not theirs."""

from __future__ import annotations

import asyncio
import ipaddress
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from app.clock import Clock
from app.probes.checking.network import UNREACHED, HostOutcome, host_outcome, is_network_down, without_network
from app.probes.models import CheckFailure, CheckResult

OUTCOMES_FOR = timedelta(minutes=10)
"""How long the latest result of a host is remembered."""
REFERENCE_SECONDS = 5.0
ASKED_HOSTS = 3
"""Hosts of other websites that are asked where no references are set."""


class Reacher(Protocol):
    async def reach(self, address: str, seconds: float, *, guarded: bool = False) -> bool: ...


class NetworkWatch:
    """Remembers what was reached last, and asks whether anything can be reached at all."""

    def __init__(self, reacher: Reacher, clock: Clock, references: Sequence[str]) -> None:
        self._reacher = reacher
        self._clock = clock
        self._references = references
        self._seen: dict[str, tuple[datetime, str, CheckFailure | None]] = {}
        """By host: when it was checked last, at which URL, and what came of it."""

    async def judged(self, checked: Sequence[tuple[str, CheckResult]]) -> list[CheckResult]:
        """The results of these URLs, as `ours` where this machine has no network."""
        now = self._clock.now()
        results = [result for _, result in checked]
        for url, result in checked:
            if result.proxy:
                continue  # what the proxy reached, or not, says nothing of a way of our own
            outcome = host_outcome(url, result)
            self._seen[outcome.host] = (now, url, outcome.failure)
        if not any(result.failure in UNREACHED for result in results):
            return results
        self._seen = {host: one for host, one in self._seen.items() if one[0] > now - OUTCOMES_FOR}
        if self._references:
            reached = await self._reached(self._references, guarded=False)
            return without_network(results) if is_network_down((), reached) else results
        if await asyncio.to_thread(has_no_route):
            return [
                one if is_local(one) else changed
                for one, changed in zip(results, without_network(results), strict=True)
            ]
        return without_network(results) if await self._reaches_nothing() else results

    async def _reaches_nothing(self) -> bool:
        """Whether nothing of all hosts can be reached; what was reached minutes ago is asked again now."""
        old = [
            (host, url)
            for host, (_, url, failure) in self._seen.items()
            if failure not in {*UNREACHED, CheckFailure.OURS, CheckFailure.BLOCKED}
        ]
        asked = random.sample(old, min(len(old), ASKED_HOSTS))
        reached = await self._reached([url for _, url in asked], guarded=True)
        latest = {host: failure for host, (_, _, failure) in self._seen.items()}
        if not any(reached.values()):
            # Those that were not asked were well for as long as these were.
            latest |= {host: CheckFailure.CONNECT for host, _ in old}
        return is_network_down(HostOutcome(host, failure) for host, failure in latest.items())

    async def _reached(self, addresses: Sequence[str], *, guarded: bool) -> dict[str, bool]:
        reached = await asyncio.gather(
            *(self._reacher.reach(one, REFERENCE_SECONDS, guarded=guarded) for one in addresses)
        )
        return dict(zip(addresses, reached, strict=True))


def is_local(result: CheckResult) -> bool:
    """Whether the target is at this machine's own address, which needs no network."""
    known = [ipaddress.ip_address(one.partition("%")[0]) for one in result.resolved]
    return bool(known) and all(one.is_loopback for one in known)


def has_no_route() -> bool:
    """Whether no interface but the loopback leads anywhere, as the kernel says; False where it does not say."""
    four, six = _lines(Path("/proc/net/route")), _lines(Path("/proc/net/ipv6_route"))
    if four is None:
        return False
    interfaces = {line.split()[0] for line in four[1:]} | {line.split()[-1] for line in six or ()}
    return interfaces <= {"lo"}


def _lines(path: Path) -> list[str] | None:
    try:
        return [line for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
    except OSError:
        return None
