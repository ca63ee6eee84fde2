"""Masks secrets in what receivers answer: by value, in every spelling in which a receiver may quote them."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

LONGEST_SHOWN = 500
SHORTEST_SECRET = 4
LONGEST_PIECE = 16
"""A piece of a path of at least so many characters is a secret of its own."""
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f]+")
_MASK = "***"


def url_secrets(url: str) -> list[str]:
    """The parts of a secret URL that a receiver or an error may repeat."""
    parts = urlsplit(url)
    path = parts.path.strip("/")
    pieces = [url, path, parts.query, *(value for _, value in parse_qsl(parts.query))]
    pieces += [piece for piece in path.split("/") if len(piece) >= LONGEST_PIECE]
    if parts.username or parts.password:
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        pieces += [parts.password or "", *login_secrets(user, password)]
    return _usable(pieces)


def login_secrets(user: str, password: str) -> list[str]:
    """What gives a login away: the password, HTTP Basic, AUTH PLAIN and the lines of AUTH LOGIN."""
    packed = [f"{user}:{password}", f"\0{user}\0{password}", f"{user}\0{user}\0{password}", password]
    return _usable([password, *(_base64(text) for text in packed)])


def header_secrets(value: str) -> list[str]:
    """The value of a secret header, its token without the scheme, and the login that a Basic token carries."""
    found = [value, *value.split()[1:]]
    for token in value.split():
        try:
            login = base64.b64decode(token, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        user, colon, password = login.partition(":")
        if colon:
            found += [login, *login_secrets(user, password)]
    return _usable(found)


def redacted(text: str, secrets: Sequence[str], longest: int = LONGEST_SHOWN) -> str:
    """The text on one line, without secrets in any of their spellings, and cut."""
    spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
    for spelling in sorted(spellings, key=lambda found: (-len(found), found)):
        text = text.replace(spelling, _MASK)
    text = _UNREADABLE.sub(" ", text).strip()
    return text if len(text) <= longest else f"{text[:longest]}…"


def _spellings(secret: str) -> Iterable[str]:
    packed = _base64(secret)
    urlsafe = packed.replace("+", "-").replace("/", "_")
    found = [
        secret, quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret),
        json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1].replace("/", "\\/"),
        packed, packed.rstrip("="), urlsafe, urlsafe.rstrip("="), secret.encode().hex(),
    ]  # fmt: skip
    return _usable(found)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _usable(pieces: Iterable[str]) -> list[str]:
    return [piece for piece in dict.fromkeys(pieces) if len(piece) >= SHORTEST_SECRET]
