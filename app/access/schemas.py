"""Keys of the REST API and the record of changes as programs read them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, WithJsonSchema

from app.access.keys import NAME, checked_name
from app.access.models import AccessScope, ApiKey, AuditEntry
from app.errors import ConfigurationError
from app.market.areas import label
from app.schemas import FreeForm, Instant, RequestBody, Resource


def _checked(name: str) -> str:
    try:
        return checked_name(name)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None


KeyName = Annotated[str, AfterValidator(_checked), WithJsonSchema({"type": "string", "pattern": NAME})]
"""A name for a key."""


class ApiKeyResource(Resource):
    """A key of the REST API without its text; `areas` and `items` are empty where it reads all."""

    name: str
    hint: str
    scope: AccessScope
    areas: list[str]
    items: list[str]
    created_at: Instant
    created_by: str
    expires_at: Instant | None
    revoked_at: Instant | None
    last_used_at: Instant | None
    last_used_from: str
    requests: int
    usable: bool

    @classmethod
    def of(cls, key: ApiKey, now: datetime) -> Self:
        values = {name: getattr(key, name) for name in cls.model_fields if name not in {"areas", "usable"}}
        return cls(**values, areas=list(map(label, key.areas)), usable=key.usable(now))


class NewApiKeyResource(ApiKeyResource):
    """A key that was just made; `key` is shown once and stored nowhere."""

    key: str

    @classmethod
    def with_token(cls, key: ApiKey, token: str, now: datetime) -> Self:
        return cls(**ApiKeyResource.of(key, now).model_dump(), key=token)


class AuditEntryResource(Resource):
    """A change: who made it, when, what, from where."""

    id: int
    at: Instant
    actor: str
    action: str
    target: str
    address: str
    request_id: str
    status: int | None
    details: FreeForm

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        values = {name: getattr(entry, name) for name in cls.model_fields if name != "id"}
        return cls(id=entry.audit_id, **values)


class KeyRequestBody(RequestBody):
    """A key that is to be made."""

    name: KeyName = Field(description="Name of its user or program.", examples=["notebook"])
    scope: AccessScope = Field(
        default=AccessScope.READ, description="What it may do; each scope includes those before."
    )
    areas: list[str] = Field(default=[], max_length=200, description="Areas and borders that it may read; empty: all.")
    items: list[str] = Field(default=[], max_length=100, description="Data items that it may read; empty: all.")
    expires: str | None = Field(
        default=None, description="When it ends: an instant, a date or a distance as 90d.", examples=["90d"]
    )
