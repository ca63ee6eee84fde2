"""Keys as text. A key is 256 random bits, so its SHA-256 cannot be turned back and needs neither salt nor stretching."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

PREFIX = "gk_"
"""By which a key is recognised where it should not be: in a file, a log, a repository."""
_KEY = re.compile(r"gk_[A-Za-z0-9_-]{43}")
_HINT = 7


def new_token() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def new_session_id() -> str:
    """The id of a browser that signed in: as many random bits as a key, and no key."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Whether the text has the form of a key."""
    return _KEY.fullmatch(text) is not None


def token_digest(token: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(token.encode()).digest()


def token_hint(token: str) -> str:
    """How the key begins: enough to tell keys apart, far too little to guess one."""
    return f"{token[:_HINT]}…"


def token_in(authorization: str) -> str:
    """The key in a header `Authorization`: of Bearer the token, of Basic the password; "" where there is none."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            _, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except ValueError:
            return ""
        return password
    return ""
