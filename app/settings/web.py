"""The HTTP side of `serve`, and how people sign in to its pages."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from app.errors import ConfigurationError
from app.market.areas import find_place
from app.market.series import find_item
from app.settings.section import Listed, Section

STATUS_KINDS = ("series", "website", "websites", "service", "job")
STATUS_MAINTENANCE = "maintenance"
_BASE_URL = re.compile(r"https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/[\w.~%/-]*)?")


def _shown(value: tuple[str, ...]) -> tuple[str, ...]:
    for text in value:
        if text == STATUS_MAINTENANCE:
            continue
        kind, _, name = text.partition(":")
        if kind not in STATUS_KINDS or not name:
            kinds = ", ".join(f"{one}:NAME" for one in STATUS_KINDS)
            blanks = '; write names with blanks as a list in JSON: ["website:Example Site"]'
            raise ValueError(f"status_shows: {text!r} is none of {kinds}, {STATUS_MAINTENANCE}{blanks}")
        if kind == "series":
            item, _, area = name.partition("/")
            try:
                find_item(item)
                if area:
                    find_place(area)
            except ConfigurationError as error:
                raise ValueError(f"status_shows: {error}") from None
    return value


class WebSettings(Section):
    """The HTTP side of `serve`: health and metrics."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 lets other machines in."
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one and logs it.")
    base_url: str = Field(
        default="",
        description="Address at which people reach this service, for links in messages; empty: http://HOST:PORT.",
    )
    max_connections: int = Field(
        default=200,
        ge=10,
        le=10_000,
        description="Open connections; of more, those that are idle for longest are closed.",
    )
    check_timeout: float = Field(
        default=2.0,
        gt=0,
        le=30,
        description="Seconds that each check of /health/ready may take before it counts as failed.",
    )
    shutdown_seconds: int = Field(
        default=3, ge=0, le=60, description="Seconds that answers under way may take when the service stops."
    )

    status_shows: Annotated[Listed, AfterValidator(_shown)] = Field(
        default=(),
        description="What the public page /status shows, as series:load_actual, series:load_actual/FR, website:NAME, "
        "websites:GROUP, service:NAME, job:NAME, maintenance; empty: there is no such page. Names with blanks stand in a list "
        'of JSON: ["website:Example Site", "websites:shop"].',
    )

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        text = value.strip().rstrip("/")
        if text and not _BASE_URL.fullmatch(text):
            raise ValueError("write it as https://gridkeeper.example.org, without user, query and fragment")
        return text


class SignInSettings(Section):
    """Signing in to the pages."""

    idle_hours: float = Field(
        default=12.0, gt=0, le=8760, description="Hours without use after which a browser has to sign in again."
    )
    whole_hours: float = Field(default=336.0, gt=0, le=8760, description="Hours after which it has to in any case.")
    guesses_per_minute: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="Wrong passwords from one address, before it has to wait; for one user from anywhere three times as many.",
    )
    user_header: str = Field(
        default="",
        description="Header in which a trusted proxy names the user, as X-Forwarded-User.",
    )

    @field_validator("user_header")
    @classmethod
    def _name(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{1,60}", value):
            raise ValueError("write the name of a header, as X-Forwarded-User")
        return value
