"""Who may do what: keys and users, what each may do, and for which areas and items."""

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
class User:
    """A person who signs in to the pages; only a digest of the password is stored."""

    user_id: int
    name: str
    scope: AccessScope
    areas: tuple[str, ...]
    """EICs that the user may read (`OUT>IN` of borders); empty: all."""
    items: tuple[str, ...]
    with_password: bool
    """Without one only a proxy that authenticates names the user."""
    created_at: datetime
    created_by: str
    password_at: datetime | None
    disabled_at: datetime | None
    signed_in_at: datetime | None
    signed_in_from: str

    @property
    def limited(self) -> bool:
        """Whether the user may read some areas or items only."""
        return bool(self.areas or self.items)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request shows of who sends it; the first that is there and holds counts."""

    authorization: str | None = None
    """The header Authorization."""
    session: str = ""
    """The random id in the cookie of a browser."""
    user: str = ""
    """Whom a trusted proxy names."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key or a user, or without one whoever sits at this machine."""

    name: str
    address: str
    scope: AccessScope
    key: ApiKey | None = None
    user: User | None = None

    @property
    def rights(self) -> ApiKey | User | None:
        """Whose areas and items hold; None: all."""
        return self.key or self.user

    @property
    def title(self) -> str:
        return f"the user {self.name!r}" if self.user else f"the key {self.name!r}"

    @property
    def identity(self) -> str:
        """Under which name limits of rate count; without key and user the address."""
        if self.key:
            return f"key {self.key.key_id}"
        return f"user {self.user.user_id}" if self.user else self.address

    @property
    def limited(self) -> bool:
        return self.rights is not None and self.rights.limited

    def may_read(self, item: str, eic: str) -> bool:
        """Whether values of the item and place (its EIC, `OUT>IN` of a border) are for this caller."""
        rights = self.rights
        if rights is None:
            return True
        return (not rights.items or item in rights.items) and (not rights.areas or eic in rights.areas)


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
