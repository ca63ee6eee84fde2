"""Addresses of websites: which can be checked, and when two of them are the same. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from app.errors import ConfigurationError
from app.mistakes import url_fault

LONGEST_URL = 2000
_NO_HOST = "an address names a host, as https://example.com"
_PORTS = {"http": 80, "https": 443}


def checked_url(text: str) -> str:
    """The address without blanks around it; ConfigurationError that says what is wrong with it."""
    url = text.strip()
    if not url or len(url) > LONGEST_URL:
        raise ConfigurationError(f"an address has 1 to {LONGEST_URL} characters")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ConfigurationError("an address holds no blanks and no control characters")
    try:
        _ = _parsed(url).host  # as people read it
    except UnicodeError:
        raise ConfigurationError("this is no address: the host is no name that can be looked up") from None
    return url


def url_key(url: str) -> str:
    """The address in the form in which it is compared: two with the same one lead to the same."""
    parsed = _parsed(url)
    port = parsed.port if parsed.port and parsed.port != _PORTS[parsed.scheme] else None
    host = parsed.raw_host.decode("ascii").rstrip(".")
    return str(parsed.copy_with(host=host, port=port, path=parsed.path or "/", fragment=None))


def shown_proxy(text: str, hidden: str) -> str:
    """The address of a proxy without the login that may stand in it."""
    before, at, rest = text.rpartition("@")
    if not at:
        return text if "://" in text else hidden
    return f"{before.partition('://')[0]}://{hidden}@{rest}"


def origin(url: str) -> str:
    """Scheme, host and port: who is asked."""
    parsed = _parsed(url_key(url))
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"


def _parsed(url: str) -> httpx.URL:
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in _PORTS:
        raise ConfigurationError("an address begins with http:// or https://")
    if not rest:
        raise ConfigurationError(_NO_HOST)
    try:
        parsed = httpx.URL(url)
        port = urlsplit(url).port
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigurationError(f"this is no address: {url_fault(error)}") from None
    if not parsed.raw_host.strip(b"."):
        raise ConfigurationError(_NO_HOST)
    if parsed.userinfo:
        raise ConfigurationError("an address holds no user and password: send them in the header Authorization")
    if port == 0:
        raise ConfigurationError("0 is no port that a server has")
    return parsed
