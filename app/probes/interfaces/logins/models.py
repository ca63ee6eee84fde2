"""How a service lets its callers in, as the file of interfaces says it. Values that may be secret show nowhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from app.probes.models import CheckMethod

USUAL_LIFETIME = timedelta(minutes=5)
"""Of a token whose answer does not say how long it lives."""

MATCH = "match "
"""Before a pattern that stands where a JSONPath may."""


class LoginFailed(Exception):
    """A service gives no token; the text says why, without secrets."""


class TokenPlace(StrEnum):
    """Where a request carries what lets it in."""

    HEADER = "header"
    QUERY = "query"
    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class RequestCredentials:
    """What is added to a request, and what of it no result may show."""

    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class TokenPresentation:
    """How a token is sent: `Authorization: Bearer …` unless the file says otherwise."""

    place: TokenPlace = TokenPlace.HEADER
    name: str = "Authorization"
    prefix: str = "Bearer "

    def credentials(self, token: str) -> RequestCredentials:
        value = f"{self.prefix}{token}"
        if self.place is TokenPlace.QUERY:
            return RequestCredentials(query=((self.name, value),), secrets=(token,))
        if self.place is TokenPlace.COOKIE:
            return RequestCredentials({"Cookie": f"{self.name}={value}" if self.name else value}, secrets=(token,))
        return RequestCredentials({self.name: value}, secrets=(token,))


@dataclass(frozen=True, slots=True)
class FixedLogin:
    """Static tokens, basic authentication and API keys."""

    name: str
    credentials: RequestCredentials = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The request that fetches a token."""

    url: str
    method: CheckMethod = CheckMethod.POST
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    form: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: str = field(default="", repr=False)
    """Where there is no form."""
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """A token, or the cookies of a session, that a request fetches."""

    name: str
    request: TokenRequest
    token: str = "$.access_token"  # noqa: S105  a JSONPath
    """A JSONPath, or `match PATTERN` over the text of the answer. Empty: the cookies that the answer sets."""
    lifetime_path: str = "$.expires_in"
    """Seconds that the token lives, or the instant of its end; the `exp` of a JWT goes before it."""
    lifetime: timedelta | None = None
    """As people say it; goes before what the answer says."""
    refresh: str = ""
    """JSONPath of a token with which the next one is fetched; empty: the same request again."""
    presented: TokenPresentation = TokenPresentation()
    shared: bool | None = None
    """Whether all processes use one session; None: where there are several, and it is that of a user."""


@dataclass(frozen=True, slots=True)
class SigningLogin:
    """Each request is signed with a shared secret; `{signature}` and the fields of the text may stand in headers."""

    name: str
    secret: str = field(repr=False)
    text: str = "{method}\n{path}\n{timestamp}"
    digest: str = "sha256"
    encoding: str = "hex"
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


ServiceLogin = FixedLogin | TokenLogin | SigningLogin
