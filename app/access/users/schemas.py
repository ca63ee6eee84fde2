"""Users as programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from app.access.models import AccessScope, User
from app.access.users.models import BrowserSession
from app.market.areas import label
from app.schemas import Instant, Resource


class UserResource(Resource):
    """A user; `areas` and `items` are empty where they read all."""

    name: str
    scope: AccessScope
    areas: list[str]
    items: list[str]
    with_password: bool
    created_at: Instant
    created_by: str
    password_at: Instant | None
    disabled_at: Instant | None
    signed_in_at: Instant | None
    signed_in_from: str

    @classmethod
    def of(cls, user: User) -> Self:
        values = {name: getattr(user, name) for name in UserResource.model_fields if name != "areas"}
        return cls(**values, areas=list(map(label, user.areas)))


class NewUserResource(UserResource):
    """A user whose password was just made; it is shown once."""

    password: str

    @classmethod
    def with_password_shown(cls, user: User, password: str) -> Self:
        return cls(**UserResource.of(user).model_dump(), password=password)


class BrowserSessionResource(Resource):
    """A browser that is signed in."""

    created_at: Instant
    seen_at: Instant
    valid_until: Instant
    ends_at: Instant
    address: str
    browser: str


class SignedInUserResource(UserResource):
    """A user with the browsers that are signed in."""

    sessions: list[BrowserSessionResource]

    @classmethod
    def with_sessions(cls, user: User, sessions: Sequence[BrowserSession]) -> Self:
        found = [BrowserSessionResource.model_validate(one) for one in sessions]
        return cls(**UserResource.of(user).model_dump(), sessions=found)
