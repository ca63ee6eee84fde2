"""Who may do what: API keys, what each may do, and for which areas and items."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from app.errors import AppError, Conflict


class AccessScope(StrEnum):
    """What a key may do; each includes those before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def includes(self, other: AccessScope) -> bool:
        order = list(AccessScope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored: its digest, and what it may do."""

    key_id: int
    name: str
    hint: str
    """How the key begins, so that a person knows which one this is."""
    scope: AccessScope
    areas: tuple[str, ...]
    """EICs that it may read (`OUT>IN` of borders); empty: all."""
    items: tuple[str, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_used_from: str
    requests: int

    @property
    def limited(self) -> bool:
        """Whether it may read some areas or items only."""
        return bool(self.areas or self.items)

    def usable(self, now: datetime) -> bool:
        return self.why_unusable(now) == ""

    def why_unusable(self, now: datetime) -> str:
        if self.revoked_at is not None:
            return f"the key {self.name!r} is revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return f"the key {self.name!r} has expired"
        return ""


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What a new key is to be."""

    name: str
    scope: AccessScope = AccessScope.READ
    areas: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key, or without one whoever sits at this machine."""

    name: str
    address: str
    scope: AccessScope
    key: ApiKey | None = None

    @property
    def limited(self) -> bool:
        return self.key is not None and self.key.limited

    def may_read(self, item: str, eic: str) -> bool:
        """Whether values of the item and place (its EIC, `OUT>IN` of a border) are for this caller."""
        if self.key is None:
            return True
        return (not self.key.items or item in self.key.items) and (not self.key.areas or eic in self.key.areas)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change: who made it, when, what, from where."""

    at: datetime
    actor: str
    key_id: int | None
    action: str
    target: str
    address: str
    request_id: str = ""
    status: int | None = None
    details: dict[str, object] = field(default_factory=dict)
    audit_id: int = 0


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What was answered to a request that may come once more."""

    status: int
    content_type: str
    body: bytes


class KeyReused(AppError):
    """An Idempotency-Key came before with another request."""


class UnderWay(Conflict):
    """A request came before with the same Idempotency-Key, and is not answered yet."""


class NotAuthenticated(AppError):
    """No key, or one that is not known or not usable any more."""


class NotAllowed(AppError):
    """The key may not do this."""


class TooManyRequests(AppError):
    """The limit of the key or of the address is reached; `retry_after` says in how many seconds it is not."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
