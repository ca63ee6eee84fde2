"""What goes wrong on purpose: faults by rate, and the request limit with its ban."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from enum import Enum

from app.sandbox.answers import SandboxResponse
from app.sandbox.noise import fraction
from app.sandbox.settings import SandboxSettings

WINDOW_SECONDS = 60.0


class Fault(Enum):
    """How a request fails."""

    NONE = "none"
    UNAVAILABLE = "503"
    THROTTLED = "429"
    DROPPED = "drop"
    HTML = "html"
    CUT_ON_THE_WIRE = "connection closed before the announced length"
    CUT_DOCUMENT = "document ends early, length as announced"


def fault_of(settings: SandboxSettings, number: int) -> Fault:
    """The fault of the n-th request: a function of the seed and the number."""
    drawn = fraction(settings.seed, "fault", number)
    rates = (
        (Fault.UNAVAILABLE, settings.rate_503),
        (Fault.THROTTLED, settings.rate_429),
        (Fault.DROPPED, settings.rate_drop),
        (Fault.HTML, settings.rate_html),
        (Fault.CUT_ON_THE_WIRE, settings.rate_truncate / 2),
        (Fault.CUT_DOCUMENT, settings.rate_truncate / 2),
    )
    for fault, rate in rates:
        if drawn < rate:
            return fault
        drawn -= rate
    return Fault.NONE


class Throttle:
    """The limit of requests in any minute; who exceeds it is banned for a while. Times are seconds of one clock."""

    def __init__(self, limit: int | None, ban_seconds: float) -> None:
        self._limit = limit
        self._ban_seconds = ban_seconds
        self._admitted: deque[float] = deque()
        self._banned_until = 0.0

    def refuse(self, at: float) -> float | None:
        """Seconds until the next request may come, or None where this one is admitted."""
        if self._limit is None:
            return None
        if at < self._banned_until:
            return self._banned_until - at
        while self._admitted and self._admitted[0] <= at - WINDOW_SECONDS:
            self._admitted.popleft()
        if len(self._admitted) >= self._limit:
            self._banned_until = at + self._ban_seconds
            self._admitted.clear()
            return self._ban_seconds
        self._admitted.append(at)
        return None


class BusiestMinute:
    """How many requests came within any minute, whatever became of them. Times are seconds of one clock."""

    def __init__(self) -> None:
        self.most = 0
        self._came: deque[float] = deque()

    def note(self, at: float) -> None:
        """A request came."""
        self._came.append(at)
        while self._came[0] <= at - WINDOW_SECONDS:
            self._came.popleft()
        self.most = max(self.most, len(self._came))


def throttled(limit: int | None, until: datetime) -> SandboxResponse:
    """The HTML 429; only its text tells when the platform answers again."""
    whole = until.replace(microsecond=0) + timedelta(seconds=1 if until.microsecond else 0)
    text = (
        f"Your request has exceeded the API throttling limit of {limit or 400} requests per minute. "
        f"The platform will respond again at {whole:%Y-%m-%d %H:%M:%S} UTC."
    )
    page = f"<!DOCTYPE html>\n<html><head><title>429</title></head><body><h1>Too Many Requests</h1><p>{text}</p></body></html>\n"
    return SandboxResponse(429, "text/html", page.encode())


def unavailable() -> SandboxResponse:
    """The maintenance page with a 503; like the platform's it is mostly style sheet, about 100 kB."""
    styles = "".join(f".page-{number}{{margin:{number % 16}px;color:#{number:06x}}}\n" for number in range(2600))
    page = (
        "<!DOCTYPE html>\n<html><head><title>Service Temporarily Unavailable</title><style>\n"
        f"{styles}</style></head><body><h1>Service Temporarily Unavailable</h1>"
        "<p>The sandbox plays a maintenance: please try again later.</p></body></html>\n"
    )
    return SandboxResponse(503, "text/html", page.encode())


def html_instead() -> SandboxResponse:
    """A web page with status 200 where a document belongs."""
    page = "<html><head><title>Sandbox</title></head><body>This page needs JavaScript.</body></html>\n"
    return SandboxResponse(200, "text/html", page.encode())
