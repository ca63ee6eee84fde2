"""What every channel is: it turns a message into parts, sends one part, and says what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import structlog

from app.alerting.delivery.messages import Message
from app.clock import Clock
from app.net.client import USER_AGENT
from app.net.egress_guard import GuardedClients
from app.net.responses import unpacked_body

LONGEST_ANSWER = 64 * 1024
MOST_REDIRECTS = 3
_MARKUP = re.compile(r"(?is)<(script|style|title)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>")
BODY_SECONDS = 2.0
"""The status has decided by then: what has not been read of a body is not waited for longer."""


class DeliveryStatus(StrEnum):
    """What an attempt means for the message and the channel."""

    SENT = "sent"
    RETRY = "retry"
    """Another attempt may help."""
    REFUSED = "refused"
    """This message will never be taken; others may."""
    TOO_LARGE = "too_large"
    """Smaller parts may be taken."""
    DISABLED = "disabled"
    """No message will be taken until a person mends the channel."""


@dataclass(frozen=True, slots=True)
class ChannelResponse:
    """What became of an attempt; `delivered` and `refused` name recipients where the channel knows them."""

    verdict: DeliveryStatus
    text: str = ""
    status: int | None = None
    retry_after: timedelta | None = None
    delivered: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    postponed: bool = False
    """The receiver works; it takes nothing for some recipients yet."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is sent at once; `key` is the same in every attempt."""

    key: str
    text: str
    number: int = 1
    count: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.number}/{self.count}"


@dataclass(frozen=True, slots=True)
class Common:
    """What all channels have in common; `lists` are the named lists of recipients."""

    name: str
    per_minute: int = 20
    allow_link_local: bool = False
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class HttpSender:
    """Sends requests for channels: time-outs, capped answers, no way to another host."""

    def __init__(
        self, clients: GuardedClients, clock: Clock, *, timeout: float = 10.0, mail_patience: float = 1.0
    ) -> None:
        self._clients = clients
        self.clock = clock
        self.timeout = timeout
        self.mail_patience = mail_patience
        """By which the limits of time of mail servers are multiplied."""

    async def request(
        self,
        method: str,
        url: str,
        content: bytes,
        headers: Mapping[str, str],
        *,
        allow_link_local: bool = False,
        body_decides: bool = False,
    ) -> HttpAnswer:
        """The answer; a redirect within the origin is followed, another is the answer.

        The status decides as soon as the headers are there: of the body only what comes within limits is read, unless
        `body_decides`: then it is waited for as long as for the headers.
        """
        target = httpx.URL(url)
        patience = self.timeout if body_decides else min(BODY_SECONDS, self.timeout)
        async with asyncio.timeout(2 * self.timeout):
            for _ in range(MOST_REDIRECTS):
                sent = self._once(
                    method, target, content, headers, allow_link_local=allow_link_local, patience=patience
                )
                answer = await sent
                following = _within_origin(target, answer)
                if following is None:
                    return answer
                target = following
        return answer

    async def _once(
        self,
        method: str,
        url: httpx.URL,
        content: bytes,
        headers: Mapping[str, str],
        *,
        allow_link_local: bool,
        patience: float,
    ) -> HttpAnswer:
        client = self._clients.client(url, allow_link_local=allow_link_local)
        own = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        async with client.stream(
            method, url, content=content, headers={**own, **headers}, timeout=self.timeout
        ) as response:
            body = await _beginning(response, patience)
        return HttpAnswer(response.status_code, response.headers, body)

    async def close(self) -> None:
        await self._clients.close()


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """Status, headers and the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body; of a page, as proxies answer with, what a person reads of it."""
        text = self.body.decode(errors="replace")
        if not self.headers.get("content-type", "").lower().startswith("text/html"):
            return text
        return " ".join(html.unescape(_MARKUP.sub(" ", text)).split())

    def retry_after(self, now: datetime) -> timedelta | None:
        """The patience that the receiver asks for, in seconds or until a date."""
        return parse_retry_after(self.headers.get("Retry-After", ""), now)


class Outlet(Protocol):
    """What a part can be sent through."""

    def secrets(self) -> Sequence[str]:
        """Texts that must not be seen."""
        ...

    async def send(self, part: Part, outlet: HttpSender, done: frozenset[str], /) -> ChannelResponse:
        """One attempt; recipients in `done` have it already, or never will."""
        ...


class Channel(Outlet, Protocol):
    """One configured way to reach people."""

    @property
    def kind(self) -> str: ...
    @property
    def common(self) -> Common: ...

    def where(self) -> str:
        """Where it sends to, without secrets."""
        ...

    def parts(self, message: Message, recipients: Sequence[str], /) -> list[Part]:
        """The message in the parts in which it is sent; the same for the same message."""
        ...

    def halves(self, part: Part, /) -> list[Part]:
        """Smaller parts in its place; none where it cannot be made smaller."""
        ...


def part_key(key: str, number: int, count: int) -> str:
    return key if count == 1 else f"{key}-{number}"


def parse_retry_after(text: str, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date; None where it says nothing."""
    text = text.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return timedelta(seconds=float(text))
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(timedelta(0), (until if until.tzinfo else until.replace(tzinfo=UTC)) - now)


def by_status(answer: HttpAnswer, now: datetime) -> ChannelResponse:
    """What the status alone says; a channel's own rules go before it."""
    status, text = answer.status, answer.text
    if 200 <= status < 300:
        return ChannelResponse(DeliveryStatus.SENT, text, status)
    if status in {408, 425, 429} or status >= 500 or status == 404:
        # A receiver that is being deployed answers 404 for a while.
        return ChannelResponse(DeliveryStatus.RETRY, text, status, answer.retry_after(now))
    if status == 413:
        return ChannelResponse(DeliveryStatus.TOO_LARGE, text, status)
    if 300 <= status < 400:
        return ChannelResponse(
            DeliveryStatus.DISABLED, f"it redirects to {_place(answer)}; write the new address", status
        )
    if status in {401, 403, 407, 410}:
        return ChannelResponse(DeliveryStatus.DISABLED, text, status)
    return ChannelResponse(DeliveryStatus.REFUSED, text, status)


def _place(answer: HttpAnswer) -> str:
    """Host and port that a redirect names, without what may be secret in its address."""
    try:
        parts = urlsplit(answer.headers.get("Location", ""))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "nowhere"
    return f"{parts.hostname or 'nowhere'}{port}"


async def _beginning(response: httpx.Response, seconds: float) -> bytes:
    """What of the body arrives within limits of size and time: short, slow, endless and broken ones end the reading."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async with contextlib.aclosing(unpacked_body(response)) as pieces:
                async for piece in pieces:
                    body += piece
                    if len(body) >= LONGEST_ANSWER:
                        break
    except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
        structlog.get_logger().debug("response_body_skipped", status=response.status_code, error=type(error).__name__)
    return bytes(body[:LONGEST_ANSWER])


_PORTS = {"http": 80, "https": 443}


def _port(url: httpx.URL) -> int | None:
    return url.port or _PORTS.get(url.scheme)


def _within_origin(url: httpx.URL, answer: HttpAnswer) -> httpx.URL | None:
    """Where a redirect leads that keeps method, body, host, port and encryption; None for any other answer.

    The one change that is followed is from http to https on their own ports.
    """
    location = answer.headers.get("Location")
    if answer.status not in {307, 308} or not location:
        return None
    try:
        following = url.join(location)
    except httpx.InvalidURL:
        return None
    same = (following.scheme, following.host, _port(following)) == (url.scheme, url.host, _port(url))
    kinds = ((url.scheme, _port(url)), (following.scheme, _port(following)))
    safer = following.host == url.host and kinds == (("http", 80), ("https", 443))
    return following if same or safer else None
