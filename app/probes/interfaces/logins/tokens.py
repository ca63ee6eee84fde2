"""What an answer to a login holds: the token, how long it lives, and when the next one is fetched. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from app.probes.checking.conditions.evaluation import charset_of
from app.probes.checking.conditions.json_path import parse_json_path
from app.probes.interfaces.logins.models import MATCH, USUAL_LIFETIME, LoginFailed, RequestCredentials, TokenLogin
from app.probes.interfaces.suites.requests import matched

SHORTEST_LIFETIME = timedelta(seconds=5)
RENEWED_AT, RENEWAL_JITTER = 0.75, 0.15
"""Of its life, after which a token is renewed; earlier by chance, so that several replicas do not ask at once."""
_EPOCH_LIKE = 1_000_000_000
"""A lifetime of more seconds is an instant."""


@dataclass(frozen=True, slots=True)
class Token:
    """What lets requests in, until it ends."""

    credentials: RequestCredentials = field(repr=False)
    ends: datetime
    renew_at: datetime
    refresh: str = field(default="", repr=False)

    def holds(self, now: datetime) -> bool:
        return now < self.ends


def read_token(
    login: TokenLogin, content: bytes, headers: Sequence[tuple[str, str]], now: datetime, jitter: float
) -> Token:
    """The token of an answer; LoginFailed where there is none. `jitter`, from 0 up to 1, renews it earlier."""
    if not login.token:
        credentials, lives = _session(login, headers), login.lifetime or USUAL_LIFETIME
        return _token(credentials, now, lives, jitter)
    pattern = login.token.removeprefix(MATCH) if login.token.startswith(MATCH) else ""
    document = _document(content) if not pattern else None
    text = _matched(pattern, content, headers) if pattern else _found(login.token, document)
    if not isinstance(text, str) or not text:
        raise LoginFailed(f"the answer has no token at {login.token}")
    if not text.isascii() or not text.isprintable():
        raise LoginFailed(f"what stands at {login.token} cannot be sent in a request")
    lives = login.lifetime or _jwt_lifetime(text, now) or _said_lifetime(login, document, now) or USUAL_LIFETIME
    refresh = _found(login.refresh, document) if login.refresh and document is not None else ""
    token = _token(login.presented.credentials(text), now, lives, jitter)
    return Token(token.credentials, token.ends, token.renew_at, refresh if isinstance(refresh, str) else "")


def _token(credentials: RequestCredentials, now: datetime, lives: timedelta, jitter: float) -> Token:
    lives = max(lives, SHORTEST_LIFETIME)
    return Token(credentials, now + lives, now + lives * (RENEWED_AT - RENEWAL_JITTER * jitter))


def _session(login: TokenLogin, headers: Sequence[tuple[str, str]]) -> RequestCredentials:
    pairs = [value.partition(";")[0].strip() for name, value in headers if name.lower() == "set-cookie"]
    pairs = [pair for pair in pairs if pair.partition("=")[2]]
    if not pairs:
        raise LoginFailed("the answer sets no cookie")
    sent = login.presented.credentials("; ".join(pairs))
    return RequestCredentials(sent.headers, sent.query, tuple(pair.partition("=")[2] for pair in pairs))


def _matched(pattern: str, content: bytes, headers: Sequence[tuple[str, str]]) -> str | None:
    content_type = next((value for name, value in headers if name.lower() == "content-type"), None)
    return matched(pattern, content.decode(charset_of(content_type), "replace"))


def _document(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise LoginFailed("the answer is no JSON") from None


def _found(path: str, document: Any) -> Any:
    try:
        found = parse_json_path(path).find(document)
    except ValueError:
        return None
    return found[0] if found else None


def _jwt_lifetime(token: str, now: datetime) -> timedelta | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        ends = float(claims["exp"])
        begun = float(claims.get("iat", now.timestamp()))
    except (ValueError, binascii.Error, RecursionError, KeyError, TypeError, AttributeError):
        return None
    # By its own clock where it says when it was issued: a service whose clock is off gives good tokens, too.
    lives = ends - begun
    return timedelta(seconds=min(lives, 366 * 86400)) if lives > 0 else None


def _said_lifetime(login: TokenLogin, document: Any, now: datetime) -> timedelta | None:
    said = _found(login.lifetime_path, document) if login.lifetime_path and document is not None else None
    if isinstance(said, str) and not said.replace(".", "", 1).isdigit():
        try:
            moment = datetime.fromisoformat(said)
        except ValueError:
            return None
        return _positive((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now)
    try:
        seconds = float(said)  # type: ignore[arg-type]  # what is no number is told apart below
    except (TypeError, ValueError):
        return None
    if isinstance(said, bool) or not 0 < seconds < 1e12:
        return None
    if seconds >= _EPOCH_LIKE:
        return _positive(datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC) - now)
    return timedelta(seconds=seconds)


def _positive(lives: timedelta) -> timedelta | None:
    return lives if lives > timedelta(0) else None
