"""Where a request goes, and what it may carry there."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urljoin

import httpx

from app.errors import ConfigurationError
from app.mistakes import url_fault
from app.net.masking import header_secrets, login_secrets
from app.probes.models import CheckMethod, CheckRequest

LONGEST_URL = 4000
LONGEST_HOST = 254
_HOST = re.compile(r"(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+\.?|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?")
_SECRET_NAME = re.compile(r"auth|cookie|token|key|secret|passw|session|signature|credential", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
HARMLESS_HEADERS = frozenset({"accept", "accept-encoding", "accept-language", "cache-control", "pragma", "user-agent"})
"""What goes to another origin after a redirect; every other header may be a secret whatever its name is."""
FRAMING_HEADERS = frozenset({"connection", "content-length", "transfer-encoding", "upgrade", "expect", "te", "trailer"})
"""Written by the check itself."""


@dataclass(frozen=True, slots=True)
class CheckTarget:
    """A URL taken apart."""

    scheme: str
    host: str
    """In ASCII, without brackets."""
    port: int
    path: bytes
    """With the query, as it is sent."""
    shown: str
    """Without user, password and fragment."""
    user: str = ""
    password: str = ""

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=16_384)
def parse_target(text: str) -> CheckTarget:
    """ConfigurationError where it is no URL with http or https and a host."""
    if len(text) > LONGEST_URL:
        raise ConfigurationError(f"a URL of {len(text)} characters; at most {LONGEST_URL} are taken")
    try:
        url = httpx.URL(text.strip())
        host = url.raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise ConfigurationError(f"{_without_login(text)!r} is no URL: {url_fault(error)}") from None
    if url.scheme not in _PORTS or not host:
        raise ConfigurationError(f"{_without_login(text)!r} is no URL of a website; write it as https://host/path")
    if not _HOST.fullmatch(host) or len(host) > LONGEST_HOST:
        raise ConfigurationError(f"{_without_login(text)!r}: the host is no name and no address")
    port = _PORTS[url.scheme] if url.port is None else url.port
    if not 1 <= port <= 65_535:
        raise ConfigurationError(f"{_without_login(text)!r} is no URL: a port is a number from 1 to 65535")
    shown = str(url.copy_with(userinfo=b"", fragment=None))
    user, _, password = url.userinfo.decode("ascii", "replace").partition(":")
    return CheckTarget(url.scheme, host.strip("[]"), port, url.raw_path, shown, unquote(user), unquote(password))


def parse_proxy(text: str) -> CheckTarget:
    """ConfigurationError, which quotes no login, where it is no address of a proxy."""
    try:
        gate = parse_target(text)
    except ConfigurationError:
        gate = None
    if gate is None or gate.path not in {b"", b"/"} or "#" in text:
        raise ConfigurationError("the proxy is no address of one; write it as http://user:password@host:port, or https")
    return gate


def redirect_target(base: CheckTarget, location: str) -> CheckTarget:
    """Where a redirect leads; a login within it is not used. ConfigurationError where it cannot be followed."""
    # Header bytes beyond ASCII are UTF-8 in practice, though they are handed over as Latin-1.
    readable = location.strip().encode("latin-1", "replace").decode("utf-8", "replace")
    try:
        found = parse_target(urljoin(base.shown, readable))
    except ValueError as error:
        raise ConfigurationError(f"{_without_login(readable)!r} is no URL: {url_fault(error)}") from None
    return CheckTarget(found.scheme, found.host, found.port, found.path, found.shown)


def _without_login(text: str) -> str:
    return re.sub(r"//[^/@]*@", "//", text[:200])


def check_request(request: CheckRequest) -> CheckTarget:
    """The target of a request; ConfigurationError where something of the request cannot be sent."""
    target = parse_target(request.url)
    for name, value in request.headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value) or value != value.strip():
            raise ConfigurationError(f"the header {name[:50]!r} has a name or a value that HTTP does not allow")
        if name.lower() in FRAMING_HEADERS:
            raise ConfigurationError(f"the header {name} is written by the check itself; leave it out")
    if request.body and request.method.reads:
        raise ConfigurationError(f"{request.method} carries no body; use POST or PUT")
    if request.method is CheckMethod.HEAD and any(condition.reads_body for condition in request.conditions):
        raise ConfigurationError("a condition reads the body, which HEAD does not bring; use GET")
    if request.proxy is not None:
        parse_proxy(request.proxy)
    asked = request.tls.server_name
    if asked is not None and not _HOST.fullmatch(asked):
        raise ConfigurationError(f"the server name {asked[:50]!r} is no name of a host")
    if request.timeout <= 0 or request.retries < 0 or request.redirects < 0 or request.body_cap < 0:
        raise ConfigurationError("the time-out must be above 0; retries, redirects and the body's cap at least 0")
    return target


def request_headers(request: CheckRequest, target: CheckTarget, agent: str, coding: str) -> dict[str, tuple[str, str]]:
    """Lower-case name → name and value, as they go to the origin that the request names."""
    headers = {"host": ("Host", target.authority), "user-agent": ("User-Agent", agent)}
    headers |= {"accept": ("Accept", "*/*"), "accept-encoding": ("Accept-Encoding", coding)}
    if target.user or target.password:
        login = base64.b64encode(f"{target.user}:{target.password}".encode()).decode()
        headers["authorization"] = ("Authorization", f"Basic {login}")
    return headers | {name.lower(): (name, value) for name, value in request.headers.items()}


def for_other_origin(headers: Mapping[str, tuple[str, str]], target: CheckTarget) -> dict[str, tuple[str, str]]:
    kept = {name: header for name, header in headers.items() if name in HARMLESS_HEADERS}
    return {"host": ("Host", target.authority), **kept}


def request_secrets(request: CheckRequest) -> list[str]:
    """What no result may quote."""
    found = [secret for secret in request.secrets if secret]
    for name, value in request.headers.items():
        if _SECRET_NAME.search(name):
            found += header_secrets(value)
    for text in filter(lambda one: one and "@" in one, (request.url, request.proxy)):
        target = parse_target(text)
        found += login_secrets(target.user, target.password)
    return found
