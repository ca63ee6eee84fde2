"""What every channel is: it turns a message into parts, sends one part, and says what became of it."""

from __future__ import annotations

import asyncio
import email.utils
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

from app.alerting.messages import Message
from app.clock import Clock
from app.net.client import USER_AGENT
from app.net.guarded import GuardedClients

LONGEST_ANSWER = 64 * 1024
LONGEST_SHOWN = 500
MOST_REDIRECTS = 3
SHORTEST_SECRET = 6
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f]+")


class Verdict(StrEnum):
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
class Answer:
    """What became of an attempt; `delivered` and `refused` name recipients where the channel knows them."""

    verdict: Verdict
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


class Outlet:
    """Sends requests for channels: time-outs, capped answers, no way to another host."""

    def __init__(self, clients: GuardedClients, clock: Clock, *, timeout: float = 10.0) -> None:
        self._clients = clients
        self.clock = clock
        self.timeout = timeout

    async def request(
        self, method: str, url: str, content: bytes, headers: Mapping[str, str], *, allow_link_local: bool = False
    ) -> HttpAnswer:
        """The answer; a redirect within the host is followed, another is the answer."""
        target = httpx.URL(url)
        async with asyncio.timeout(2 * self.timeout):
            for _ in range(MOST_REDIRECTS):
                answer = await self._once(method, target, content, headers, allow_link_local=allow_link_local)
                following = _within_host(target, answer)
                if following is None:
                    return answer
                target = following
        return answer

    async def _once(
        self, method: str, url: httpx.URL, content: bytes, headers: Mapping[str, str], *, allow_link_local: bool
    ) -> HttpAnswer:
        client = self._clients.client(url, allow_link_local=allow_link_local)
        own = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        async with client.stream(
            method, url, content=content, headers={**own, **headers}, timeout=self.timeout
        ) as response:
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) >= LONGEST_ANSWER:
                    break
        return HttpAnswer(response.status_code, response.headers, bytes(body[:LONGEST_ANSWER]))

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
        return self.body.decode(errors="replace")

    def retry_after(self, now: datetime) -> timedelta | None:
        """The patience that the receiver asks for, in seconds or until a date."""
        return parse_retry_after(self.headers.get("Retry-After", ""), now)


class Channel(Protocol):
    """One configured way to reach people."""

    @property
    def kind(self) -> str: ...
    @property
    def common(self) -> Common: ...

    def secrets(self) -> Sequence[str]:
        """Texts that must not be seen."""
        ...

    def where(self) -> str:
        """Where it sends to, without secrets."""
        ...

    def parts(self, message: Message, recipients: Sequence[str], /) -> list[Part]:
        """The message in the parts in which it is sent; the same for the same message."""
        ...

    def halves(self, part: Part, /) -> list[Part]:
        """Smaller parts in its place; none where it cannot be made smaller."""
        ...

    async def send(self, part: Part, outlet: Outlet, done: frozenset[str], /) -> Answer:
        """One attempt; recipients in `done` have it already, or never will."""
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


def by_status(answer: HttpAnswer, now: datetime) -> Answer:
    """What the status alone says; a channel's own rules go before it."""
    status, text = answer.status, answer.text
    if 200 <= status < 300:
        return Answer(Verdict.SENT, text, status)
    if status in {408, 425, 429} or status >= 500 or status == 404:
        # A receiver that is being deployed answers 404 for a while.
        return Answer(Verdict.RETRY, text, status, answer.retry_after(now))
    if status == 413:
        return Answer(Verdict.TOO_LARGE, text, status)
    if 300 <= status < 400:
        where = urlsplit(answer.headers.get("Location", "")).hostname or "nowhere"
        return Answer(Verdict.DISABLED, f"it redirects to {where}; write the new address", status)
    if status in {401, 403, 407, 410}:
        return Answer(Verdict.DISABLED, text, status)
    return Answer(Verdict.REFUSED, text, status)


def _within_host(url: httpx.URL, answer: HttpAnswer) -> httpx.URL | None:
    """Where a redirect leads that keeps method, body, host and encryption; None for any other answer."""
    location = answer.headers.get("Location")
    if answer.status not in {307, 308} or not location:
        return None
    try:
        following = url.join(location)
    except httpx.InvalidURL:
        return None
    safe = following.scheme == url.scheme or (url.scheme, following.scheme) == ("http", "https")
    return following if safe and following.host == url.host else None


def url_secrets(url: str) -> list[str]:
    """The parts of a secret URL that a receiver or an error may repeat."""
    parts = urlsplit(url)
    path = parts.path.strip("/")
    pieces = [url, path, parts.query, parts.password or "", *(value for _, value in parse_qsl(parts.query))]
    pieces += [piece for piece in path.split("/") if len(piece) >= 16]
    return [piece for piece in pieces if len(piece) >= SHORTEST_SECRET]


def redacted(text: str, secrets: Sequence[str], longest: int = LONGEST_SHOWN) -> str:
    """The text on one line, without secrets in any of their spellings, and cut."""
    for secret in sorted(secrets, key=len, reverse=True):
        for spelling in {secret, quote(secret, safe=""), quote(secret)}:
            if len(spelling) >= SHORTEST_SECRET:
                text = text.replace(spelling, "***")
    text = _UNREADABLE.sub(" ", text).strip()
    return text if len(text) <= longest else f"{text[:longest]}…"
