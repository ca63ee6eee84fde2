"""The HTTP client of a source: time-outs, proxy and the transports a request passes."""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from importlib.metadata import version

import httpx
from pydantic import SecretStr

from app.clock import Clock, SystemClock
from app.errors import ConfigurationError
from app.net.breaker import Breaker
from app.net.budget import Budget
from app.net.responses import Judge
from app.net.transports import (
    AnswerTransport,
    BreakerTransport,
    BudgetTransport,
    OnWait,
    RetryTransport,
    Sleep,
)
from app.settings import EntsoeSettings

USER_AGENT = f"gridkeeper/{version('gridkeeper')}"
LONGEST_ANSWER = 10
"""A whole answer may take so many read time-outs: a server that drips bytes never runs into the read time-out."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _say_nothing(_message: str) -> None:
    """Nobody listens."""


def build_client(
    settings: EntsoeSettings,
    budget: Budget,
    judge: Judge,
    *,
    secret_headers: Mapping[str, SecretStr],
    on_wait: OnWait = _say_nothing,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
    wire: httpx.AsyncBaseTransport | None = None,
    concurrency: int | None = None,
) -> httpx.AsyncClient:
    """A client for the endpoint of the settings; whoever builds it closes it. Its requests fail with SourceErrors."""
    clock = clock or SystemClock()
    answers = AnswerTransport(
        wire or open_wire(httpx.URL(str(settings.base_url))),
        judge,
        clock,
        secret_headers=secret_headers,
        max_answer_bytes=settings.max_answer_bytes,
        deadline=LONGEST_ANSWER * settings.read_timeout,
    )
    paid = BudgetTransport(answers, budget, concurrency=concurrency or settings.concurrency, on_wait=on_wait)
    breaker = Breaker(pause=timedelta(seconds=2 * settings.backoff))
    guarded = BreakerTransport(paid, breaker, clock, sleep=sleep, on_wait=on_wait)
    return httpx.AsyncClient(
        transport=RetryTransport(guarded, attempts=settings.attempts, backoff=settings.backoff, sleep=sleep),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
        timeout=httpx.Timeout(settings.read_timeout, connect=settings.connect_timeout),
        follow_redirects=False,
    )


def open_wire(url: httpx.URL) -> httpx.AsyncHTTPTransport:
    """The connections themselves; ConfigurationError where the environment's certificates or proxy cannot be used."""
    try:
        return httpx.AsyncHTTPTransport(trust_env=True, http2=False, proxy=proxy_for(url))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"SSL_CERT_FILE or SSL_CERT_DIR names no usable certificates: {error}") from error
    except (ImportError, ValueError) as error:
        raise ConfigurationError(
            f"the proxy in {url.scheme.upper()}_PROXY or ALL_PROXY cannot be used; write it as http://host:port"
        ) from error


def proxy_for(url: httpx.URL) -> str | None:
    """The environment's proxy for this endpoint; httpx looks for it only where it may choose the transport itself."""
    if url.host in LOOPBACK or urllib.request.proxy_bypass(url.host):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"
