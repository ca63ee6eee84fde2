"""Sessions of browsers, what a new user is to be, and what a password may be."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from app.access.models import AccessScope, ApiKey, User
from app.errors import ConfigurationError

SHORTEST, LONGEST = 12, 200
"""Characters of a password; the longest keeps the work of a digest small."""


@dataclass(frozen=True, slots=True)
class UserRequest:
    """What a new user is to be."""

    name: str
    scope: AccessScope = AccessScope.READ
    areas: tuple[str, ...] = ()
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A browser that has signed in, as user or with a key."""

    session_id: int
    created_at: datetime
    seen_at: datetime
    valid_until: datetime
    """The idle end, which moves on with use; never later than `ends_at`."""
    ends_at: datetime
    address: str
    browser: str
    user: User | None = None
    key: ApiKey | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it still lets in: not past its end, the user not disabled, the key usable."""
        if now >= min(self.valid_until, self.ends_at):
            return False
        if self.user is not None:
            return self.user.disabled_at is None
        return self.key is not None and self.key.usable(now)


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """After how long a session ends: without use, and at all."""

    idle: timedelta
    whole: timedelta

    def valid_until(self, now: datetime, ends_at: datetime) -> datetime:
        return min(now + self.idle, ends_at)


def checked_password(password: str, name: str) -> str:
    """The password in one form of Unicode; ConfigurationError where it is too easy to guess."""
    found = unicodedata.normalize("NFKC", password)
    if not SHORTEST <= len(found) <= LONGEST:
        raise ConfigurationError(f"a password has {SHORTEST} to {LONGEST} characters; take a sentence of a few words")
    if name.casefold() in found.casefold() and len(found) < SHORTEST + len(name):
        raise ConfigurationError("the password is little more than the name; take another one")
    if len(set(found)) < 5:
        raise ConfigurationError("the password repeats a few characters; take a sentence of a few words")
    return found


def new_password() -> str:
    """A password that nobody chose: 120 random bits."""
    return secrets.token_urlsafe(15)


def own_path(text: str) -> str:
    """Where to go after signing in: a path of this service with its query; "" where the text is none or leads away.

    It is written into a relative address (`./` and what follows its first slash), which no browser reads as a host.
    """
    leads_away = text[:2] in {"//", "/\\"} or "\\" in text or not text.startswith("/")
    # Below the path of a proxy `..` would lead to what else the host serves.
    leads_away = leads_away or not {".", ".."}.isdisjoint(unquote(text.partition("?")[0]).split("/"))
    if leads_away or len(text) > 2000 or any(not "!" <= character <= "~" for character in text):
        return ""
    return text
