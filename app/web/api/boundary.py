"""What every request meets first: its number, the check of its Host, and the headers that keep browsers careful."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.logging import redact
from app.settings import Settings
from app.web.api_problems import api_problem
from app.web.problem_types import BASE, ApiError, ProblemType

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")
SECURITY_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Set where an answer does not say otherwise itself."""
_FRAMED = "frame-ancestors *"
"""Of what was released for other sites: the older header knows no way to allow that, so it is left out."""


class ApiBoundary:
    """Wraps the application; what is not below /api gets number and headers only."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = own_hosts(settings)
        self._proxies = [ipaddress.ip_network(text) for text in settings.api.proxies]
        self._limits = settings.api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = request_id_from(headers.get("x-request-id", ""))
        structlog.contextvars.bind_contextvars(request_id=request_id)
        address, local = client_address(scope, headers, self._proxies)
        state = scope.setdefault("state", {})
        state.update(request_id=request_id, address=address, local=local, method=scope["method"])
        answer = _with_headers(send, request_id)
        if not is_api(scope["path"]):
            scope = scope if scope["path"].endswith(_STREAM) else _get_for_head(scope)
            await self._app(scope, receive, answer)
        elif not known_host(headers.get("host", ""), self._hosts):
            await api_problem(wrong_host(), request_id)(scope, receive, answer)
        elif _announced(headers) > self._limits.body_bytes:
            await api_problem(too_large(self._limits.body_bytes), request_id)(scope, receive, answer)
        else:
            limits = self._limits
            scope = _get_for_head(_short_way(scope, headers))
            await self._app(scope, body_within(receive, limits.body_seconds, limits.body_bytes), answer)


def is_api(path: str) -> bool:
    return path == "/api" or path.startswith("/api/")


def _get_for_head(scope: Scope) -> Scope:
    """HEAD is GET without its body, which the server leaves out because the original request says HEAD."""
    return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope


_STREAM = "/live"
"""What a page is told never ends, so that nobody may ask for it without reading it."""
_SHORT = re.compile(r"/api(/websites(?:/.*)?)")
_FORM = b"application/x-www-form-urlencoded"


def _short_way(scope: Scope, headers: Headers) -> Scope:
    """`/api/websites` is `/api/v1/websites`, and what `curl -d` calls a form is read as JSON there.

    A page of another origin may send a form without asking before (CORS), but not without saying where it comes from.
    """
    if short := _SHORT.fullmatch(scope["path"]):
        path = BASE + short[1]
        scope = {**scope, "path": path, "raw_path": quote(path).encode()}
    of_page = "origin" in headers or "sec-fetch-site" in headers
    if not scope["path"].startswith(f"{BASE}/websites") or of_page:
        return scope
    taken = [
        (name, b"application/json" if name == b"content-type" and value.split(b";")[0].strip() == _FORM else value)
        for name, value in scope["headers"]
    ]
    return {**scope, "headers": taken}


def request_id_from(given: str) -> str:
    """The number that the client gave its request where that can stand in a log, else a new one."""
    return given if _REQUEST_ID.fullmatch(given) and redact(given) == given else uuid.uuid4().hex


def _with_headers(send: Send, request_id: str) -> Send:
    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = request_id
            framed = _FRAMED in headers.get("content-security-policy", "")
            for name, value in SECURITY_HEADERS.items():
                if not (framed and name == "X-Frame-Options"):
                    headers.setdefault(name, value)
        await send(message)

    return answer


def body_within(receive: Receive, seconds: float, most: int) -> Receive:
    """Receives the body, as long as all of it comes within so many seconds and has no more bytes."""
    until: float | None = None
    size = 0
    ended = False

    async def received() -> Message:
        nonlocal until, size, ended
        if ended:
            return await receive()  # waits for the client to leave, which takes as long as the answer
        until = until or asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise ApiError(
                ProblemType.BODY_TOO_SLOW,
                f"the body did not arrive within {seconds:g} s (GRIDKEEPER_API__BODY_SECONDS)",
                headers={"Connection": "close"},
            ) from None
        size += len(message.get("body", b""))
        if size > most:
            raise too_large(most)
        ended = not message.get("more_body", False)
        return message

    return received


def too_large(most: int) -> ApiError:
    return ApiError(
        ProblemType.BODY_TOO_LARGE,
        f"the body is larger than {most} bytes (GRIDKEEPER_API__BODY_BYTES)",
        headers={"Connection": "close"},
    )


def _announced(headers: Headers) -> int:
    """How long the body says it is; the server has refused what is no number."""
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


# Who asks


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(scope: Scope, headers: Headers, proxies: Sequence[_Network]) -> tuple[str, bool]:
    """Where a request comes from, and whether that is a program on this machine.

    X-Forwarded-For is believed of a trusted proxy only, from its end on to the first address that is none. A request
    that another one forwards comes from somewhere else, wherever that proxy runs.
    """
    peer = scope["client"][0] if scope.get("client") else ""
    if not trusted(peer, proxies):
        return peer, is_loopback(peer) and not any(name in headers for name in _FORWARDED)
    hops = [hop.strip() for line in headers.getlist("x-forwarded-for") for hop in line.split(",") if hop.strip()]
    for hop in reversed(hops):
        if not trusted(hop, proxies):
            return hop, is_loopback(hop)
    return peer, False


def trusted(address: str, proxies: Sequence[_Network]) -> bool:
    found = _address(address)
    return found is not None and any(found in network for network in proxies)


def is_loopback(address: str) -> bool:
    found = _address(address)
    return found is not None and found.is_loopback


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


# Whom it asks


def own_hosts(settings: Settings) -> frozenset[str]:
    """The names by which this service may be called."""
    names = {"localhost", socket.gethostname(), settings.web.host, *settings.api.hosts}
    names.add(urlsplit(settings.web.base_url).hostname or "")
    return frozenset(name.lower().rstrip(".") for name in names if name)


def known_host(host: str, known: frozenset[str]) -> bool:
    """A name that is not ours may lead here by DNS rebinding; an address cannot."""
    name = urlsplit(f"//{host}").hostname if _is_host(host) else None
    return name is not None and (name.rstrip(".") in known or _address(name) is not None)


def _is_host(host: str) -> bool:
    return re.fullmatch(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", host) is not None


def wrong_host() -> ApiError:
    return ApiError(
        ProblemType.WRONG_HOST,
        "the header Host names another service; use an address or localhost, or list the name in GRIDKEEPER_API__HOSTS",
    )
