"""A website as it is to be checked, what the checks have shown, and the times in which it was not up. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from app.probes.evidence.models import SeenConnection

SHORTEST_INTERVAL, LONGEST_INTERVAL, USUAL_INTERVAL = 60, 3600, 300
USUAL_TIMEOUT = 30.0
USUAL_CONFIRMATIONS, MOST_CONFIRMATIONS = 2, 20
OURS = "ours"
"""The reason of a check that failed because of this machine; it says nothing of the website."""


HIDDEN = "***"
"""Stands for a value that may be secret; in a change it keeps the value that is stored."""
_PUBLIC_HEADERS = {
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "content-type",
    "pragma",
    "user-agent",
}


def is_secret_header(name: str) -> bool:
    """Whether its value may be secret, which every header may be that is not known as harmless."""
    return name.lower() not in _PUBLIC_HEADERS


class WebsiteStatus(StrEnum):
    """How a website is; `paused` is what people chose, `unknown` what nobody looked at for too long."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"
    PAUSED = "paused"


class WindowKind(StrEnum):
    """Why a website is not counted as up in a time; times of different kinds may overlap, those of a kind never."""

    DOWN = "down"
    UNKNOWN = "unknown"
    PAUSED = "paused"
    MAINTENANCE = "maintenance"
    """Planned: it stands with the plans and not with what the checks have shown."""


@dataclass(frozen=True, slots=True)
class WebsiteDraft:
    """What people say of a website."""

    url: str
    name: str
    enabled: bool = True
    check_interval: int = USUAL_INTERVAL
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""
    timeout: float = USUAL_TIMEOUT
    follow_redirects: bool = True
    conditions: tuple[str, ...] = ()
    failures: int = USUAL_CONFIRMATIONS
    successes: int = USUAL_CONFIRMATIONS
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    note: str = ""
    regions: tuple[str, ...] = ()
    """Each of them checks it; none: whoever comes does."""
    quorum: int = 0
    """How many regions have to say that it is down; 0: more than half."""
    address_family: str = "any"
    """Addresses of which kind are connected to: any, ipv4 or ipv6."""
    client_certificate: str = field(default="", repr=False)
    """What is shown to a server that asks who is there: PEM, with the key or without it."""
    client_key: str = field(default="", repr=False)
    """Its key as PEM, where it does not stand with the certificate."""
    proxy: str = field(default="", repr=False)
    """`http://user:password@host:port`, or https, that leads to the website; empty: none."""


SECRETS = ("body", "client_certificate", "client_key", "proxy")
"""Fields that may be secret as a whole."""


def with_secrets(draft: WebsiteDraft, change: Callable[[str], str]) -> WebsiteDraft:
    """The draft with all values changed that may be secret."""
    headers = {name: change(value) if is_secret_header(name) else value for name, value in draft.headers.items()}
    whole: dict[str, Any] = {name: change(value) for name in SECRETS if (value := getattr(draft, name))}
    return replace(draft, headers=headers, **whole)


@dataclass(frozen=True, slots=True)
class CheckState:
    """What the checks of a website have shown so far; `after_check` is the only way on."""

    status: WebsiteStatus
    """As it was confirmed last; never `paused`."""
    changed_at: datetime
    latest_at: datetime
    """The newest instant that the windows know; the next one is later, whatever the clock does."""
    due_at: datetime
    unknown: bool
    """Whether a window of not knowing is open."""
    version: int = 0
    checked_at: datetime | None = None
    known_until: datetime | None = None
    """How long the results speak for the website; None: none has yet."""
    failures: int = 0
    first_failed_at: datetime | None = None
    successes: int = 0
    """In a row, of a website that is down."""
    first_succeeded_at: datetime | None = None
    breaks: int = 0
    """How often the checks have paused in this run of failures."""
    break_until: datetime | None = None
    reason: str = ""
    """Of the last failed check; empty once one was good."""

    def status_at(self, now: datetime) -> WebsiteStatus:
        """As it is confirmed, or `unknown` where nothing was, or where nobody knows any more."""
        if self.unknown or self.known_until is None or self.known_until < now:
            return WebsiteStatus.UNKNOWN
        return self.status

    def since(self, now: datetime) -> datetime:
        """Since when the status is so; that nobody knew in between begins no other time of being up or down."""
        if self.status_at(now) is WebsiteStatus.UNKNOWN and self.known_until is not None:
            return self.known_until
        return self.changed_at


@dataclass(frozen=True, slots=True)
class Website:
    """A website that is checked, and how it is."""

    website_id: int
    draft: WebsiteDraft
    created_at: datetime
    updated_at: datetime
    state: CheckState
    managed_by: str = ""
    """The file that owns it, which nobody else changes."""

    def status(self, now: datetime) -> WebsiteStatus:
        return self.state.status_at(now) if self.draft.enabled else WebsiteStatus.PAUSED

    def since(self, now: datetime) -> datetime:
        """Since when it is as `status` says."""
        return self.state.since(now) if self.draft.enabled else self.state.changed_at


@dataclass(frozen=True, slots=True)
class StatusWindow:
    """A time in which a website was down, paused, or nobody knew how it was; without an end it lasts."""

    kind: WindowKind
    start: datetime
    end: datetime | None = None
    reason: str = ""
    window_id: int = 0
    note: str = ""
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""

    def lasted(self, now: datetime) -> timedelta:
        return max(timedelta(0), (self.end or now) - self.start)


@dataclass(frozen=True, slots=True)
class WindowChange:
    """The end of the open window of a kind, where there is no start; else a new window, open where there is no end."""

    kind: WindowKind
    start: datetime | None
    end: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """One result as it is kept."""

    at: datetime
    ok: bool
    reason: str = ""
    """Of a closed set; empty where the check was good."""
    region: str = ""
    status: int | None = None
    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    total_ms: float = 0.0
    bytes: int = 0
    attempts: int = 1
    address: str = ""
    http_version: str = ""
    final_url: str = ""
    certificate_ends_at: datetime | None = None
    message: str = ""
    excerpt: str = ""
    details: str | None = None
    """JSON of what few checks have beside: each attempt of several, redirects, the proxy, the addresses of one that failed."""
    seen: SeenConnection | None = None
    """What was known of the other end then; it is kept where it changed, and not with each result."""
