"""What checks saw at the other end, kept where it changed, and what of a single check is worth keeping. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.probes.kept import storable
from app.probes.models import CheckAttempt, CheckPhase, CheckResult, ServerCertificate


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """What a website is reached by; most checks see the same as the one before."""

    certificate: ServerCertificate | None = None
    http_version: str = ""
    addresses: tuple[str, ...] = ()
    """The answer of DNS, in order."""


@dataclass(frozen=True, slots=True)
class SeenConnection:
    """Facts as they are kept, since the check that saw them first."""

    since: datetime
    certificate: ServerCertificate | None = None
    http_version: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotedConnection:
    """Facts of a website that are new, as of a check."""

    website_id: int
    region: str
    at: datetime
    facts: ConnectionFacts


def facts_of(result: CheckResult) -> ConnectionFacts | None:
    """None where nothing of the other end was seen: nobody answered, and no certificate was refused."""
    shown = result.certificate
    if result.status is None and (shown is None or not shown.problem):
        return None
    return ConnectionFacts(shown, result.http_version or "", tuple(sorted(result.resolved)))


def is_news(known: ConnectionFacts | None, found: ConnectionFacts) -> bool:
    """Whether something changed that is worth a row.

    Name servers that spread their answers give other parts of one set each time, so that addresses count as others only
    when none of them was there before.
    """
    if known is None or known.http_version != found.http_version:
        return True
    if known.certificate is not found.certificate and known.certificate != found.certificate:
        return True
    return known.addresses != found.addresses and not set(known.addresses) & set(found.addresses)


@dataclass(slots=True)
class ConnectionMemory:
    """What was seen of each website last, in one process."""

    _known: dict[int, ConnectionFacts] = field(default_factory=dict[int, ConnectionFacts])

    def news(self, website_id: int, region: str, at: datetime, result: CheckResult) -> NotedConnection | None:
        found = facts_of(result)
        if found is None:
            return None
        known = self._known.get(website_id)
        if known is not None and not found.http_version:
            found = replace(found, http_version=known.http_version)  # the handshake failed before anybody spoke
        if not is_news(known, found):
            return None
        self._known[website_id] = found
        return NotedConnection(website_id, region, at, found)

    def forget(self, website_id: int) -> None:
        self._known.pop(website_id, None)


def details_of(result: CheckResult) -> str | None:
    """As JSON, what a check has beside its figures: each attempt of several, redirects, the proxy, and the addresses of one
    that failed. None for most checks, which have nothing of it."""
    if len(result.attempts) < 2 and result.failure is None and not result.redirects and not result.proxy:
        return None
    found: dict[str, Any] = {}
    if len(result.attempts) > 1:
        found["attempts"] = [_attempt(one) for one in result.attempts]
    if result.redirects:
        found["redirects"] = [
            {"status": one.status, "url": one.url, "location": one.location} for one in result.redirects
        ]
    if result.proxy:
        found["proxy"] = result.proxy
    if result.failure is not None and result.resolved:
        found["resolved"] = list(result.resolved)
    return storable(json.dumps(found, ensure_ascii=False)) if found else None


def _attempt(one: CheckAttempt) -> Mapping[str, Any]:
    phases = {f"{phase}_ms": round(ms, 2) for phase in CheckPhase if (ms := one.phases.of(phase)) is not None}
    return {
        "at": one.time.isoformat(),
        "reason": "" if one.failure is None else one.failure.value,
        "message": one.detail,
        "address": one.address or "",
        **phases,
    }
