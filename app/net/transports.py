"""What an outgoing request passes on its way: each transport wraps the next.

RetryTransport( BreakerTransport( BudgetTransport( AnswerTransport( wire )))): every attempt pays the budget, and the
breaker sees every attempt. Failures travel upwards as SourceErrors.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Protocol

import httpx
from pydantic import SecretStr

from app.clock import Clock
from app.errors import AnswerTooSlow, RateLimited, SourceError, SourceUnavailable
from app.net.breaker import Breaker, ServerDown
from app.net.budget import Budget
from app.net.responses import HttpResponse, Judge, read_body

LONGEST_BACKOFF = 60.0
BANS = 3
METER = "gridkeeper_meter"
"""The request extension under which a caller hands in a Meter."""

Sleep = Callable[[float], Awaitable[None]]
OnWait = Callable[[str], None]


class Meter(Protocol):
    """Counts what a request cost over all its attempts."""

    requests: int
    retries: int
    bytes: int
    api_seconds: float
    question: int | None
    """The number of the latest attempt among the requests of all who share the budget."""
    time_outs: int


def full_jitter(longest: float) -> float:
    """Any time up to the longest, so that clients that failed together do not return together."""
    return random.uniform(0.0, longest)  # noqa: S311  no secret hangs on it


def _meter(request: httpx.Request) -> Meter | None:
    return request.extensions.get(METER)


class Wrapping(httpx.AsyncBaseTransport):
    """A transport in front of another."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def aclose(self) -> None:
        await self._inner.aclose()


class AnswerTransport(Wrapping):
    """Adds the secret headers, reads the whole answer, and raises what the judge says of it.

    A secret is on a request only while it is on the wire. Errors of the wire are not chained: h11 quotes the lines
    it cannot read, and a server may echo what we sent.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        judge: Judge,
        clock: Clock,
        *,
        secret_headers: Mapping[str, SecretStr],
        max_answer_bytes: int,
        deadline: float,
    ) -> None:
        super().__init__(inner)
        self._judge = judge
        self._clock = clock
        self._secrets = secret_headers
        self._max_answer_bytes = max_answer_bytes
        self._deadline = deadline

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._measured(request)
        if isinstance(answer, SourceError):
            raise answer
        failure = self._judge(answer, self._clock.now())
        if failure is not None:
            raise failure
        return httpx.Response(answer.status, content=answer.body)

    async def _measured(self, request: httpx.Request) -> HttpResponse | SourceError:
        begun = time.perf_counter()
        try:
            answer = await self._ask(request)
        finally:
            meter = _meter(request)
            if meter is not None:
                meter.requests += 1
                meter.api_seconds += time.perf_counter() - begun
        if meter is not None and isinstance(answer, HttpResponse):
            meter.bytes += len(answer.body)
        return answer

    async def _ask(self, request: httpx.Request) -> HttpResponse | SourceError:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._exchange(request)
        except SourceError as error:
            return error
        except TimeoutError:
            return AnswerTooSlow(f"{request.url.host} did not finish its answer within {self._deadline:g} s")
        except httpx.ReadTimeout as error:
            return AnswerTooSlow(self._without_secrets(describe(error, request.url.host)))
        except httpx.RequestError as error:
            return SourceUnavailable(self._without_secrets(describe(error, request.url.host)))

    async def _exchange(self, request: httpx.Request) -> HttpResponse:
        for name, secret in self._secrets.items():
            request.headers[name] = secret.get_secret_value()
        try:
            response = await self._inner.handle_async_request(request)
            try:
                body = await read_body(response, self._max_answer_bytes)
            finally:
                await response.aclose()
        finally:
            for name in self._secrets:
                del request.headers[name]
        headers = {name.lower(): self._without_secrets(value) for name, value in response.headers.items()}
        return HttpResponse(response.status_code, headers, self._bytes_without_secrets(body))

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets.values():
            text = text.replace(secret.get_secret_value(), "***")
        return text

    def _bytes_without_secrets(self, body: bytes) -> bytes:
        for secret in self._secrets.values():
            body = body.replace(secret.get_secret_value().encode(), b"***")
        return body


def describe(error: httpx.RequestError, host: str) -> str:
    """A failure of the wire in words."""
    if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
        return f"{host} took too long to accept a connection"
    if isinstance(error, httpx.TimeoutException):
        return f"{host} stopped sending before its answer was complete"
    detail = f": {error}" if str(error) else ""
    if isinstance(error, httpx.ConnectError):
        remedy = ""
        if "CERTIFICATE_VERIFY_FAILED" in detail:
            remedy = "; behind a proxy with a certificate of its own set SSL_CERT_FILE"
        return f"cannot connect to {host}{detail}{remedy}"
    if isinstance(error, httpx.DecodingError):
        return f"the answer of {host} cannot be unpacked{detail}"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy on the way to {host} refuses{detail}"
    return f"the connection to {host} broke{detail}"


class BudgetTransport(Wrapping):
    """Lets an attempt go out when one of the slots is free and the budget allows it; a 429 blocks everybody."""

    def __init__(self, inner: httpx.AsyncBaseTransport, budget: Budget, *, concurrency: int, on_wait: OnWait) -> None:
        super().__init__(inner)
        self._budget = budget
        # The slot comes first: requests that paid and then queued would leave later as one burst above the limit.
        self._slots = asyncio.Semaphore(concurrency)
        self._on_wait = on_wait
        self._announced: datetime | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with self._slots:
            question = await self._budget.acquire()
            if meter := _meter(request):
                meter.question = question
            try:
                return await self._inner.handle_async_request(request)
            except RateLimited as limit:
                await self._budget.block(limit.until)
                self._announce(limit)
                raise

    def _announce(self, limit: RateLimited) -> None:
        if self._announced is None or limit.until > self._announced:
            self._announced = limit.until
            self._on_wait(f"{limit}; everybody waits until {limit.until:%H:%M:%S} UTC")


class BreakerTransport(Wrapping):
    """Keeps requests from a server that is down: one probes, all who wait share its outcome."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport, breaker: Breaker, clock: Clock, *, sleep: Sleep, on_wait: OnWait
    ) -> None:
        super().__init__(inner)
        self.state = breaker
        self._clock = clock
        self._sleep = sleep
        self._on_wait = on_wait
        self._probe: asyncio.Future[SourceUnavailable | None] | None = None
        self._last_failure = ""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        while self.state.open:
            if self.state.refuses(self._clock.now()):
                raise ServerDown(self._since(request))
            if self._probe is None:
                return await self._lead(request)
            failure = await asyncio.shield(self._probe)
            if failure is not None:
                raise SourceUnavailable(str(failure))
        return await self._attempt(request)

    async def _lead(self, request: httpx.Request) -> httpx.Response:
        """Send the probe; whoever waits gets its failure, or looks again where it succeeded or was cancelled."""
        outcome: asyncio.Future[SourceUnavailable | None] = asyncio.get_running_loop().create_future()
        self._probe = outcome
        failure: SourceUnavailable | None = None
        try:
            pause = self.state.until_probe(self._clock.now()).total_seconds()
            self._on_wait(f"{self._since(request)}; next try in {pause:.3g} s")
            await self._sleep(pause)
            return await self._attempt(request, probe=True)
        except SourceUnavailable as error:
            failure = error if self.state.open else None
            raise
        finally:
            self._probe = None
            outcome.set_result(failure)

    async def _attempt(self, request: httpx.Request, *, probe: bool = False) -> httpx.Response:
        try:
            response = await self._inner.handle_async_request(request)
        except SourceError as error:
            self._failed(error, probe=probe)
            raise
        self.state = self.state.success()
        return response

    def _failed(self, error: SourceError, *, probe: bool) -> None:
        """A server that refuses or limits us is not down."""
        if isinstance(error, SourceUnavailable) and not isinstance(error, RateLimited):
            self._last_failure = str(error)
            self.state = self.state.failure(self._clock.now(), probe=probe)
        else:
            self.state = self.state.success()

    def _since(self, request: httpx.Request) -> str:
        since = self.state.failing_since
        day = f"{since:%Y-%m-%d %H:%M} UTC" if since else "the start"
        return f"{request.url.host} has not answered since {day} ({self._last_failure})"


class RetryTransport(Wrapping):
    """Repeats attempts that may succeed later, with exponential backoff and full jitter.

    A 429 is no attempt, but after `BANS` of them the request is given up. So it is after as many time-outs as its
    meter allows, because the caller would rather ask for less.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        attempts: int,
        backoff: float,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[float], float] = full_jitter,
    ) -> None:
        super().__init__(inner)
        self._attempts = attempts
        self._backoff = backoff
        self._sleep = sleep
        self._jitter = jitter

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        failed = bans = slow = 0
        meter = _meter(request)
        patience = meter.time_outs if meter else 0
        while True:
            try:
                return await self._inner.handle_async_request(request)
            except ServerDown as error:
                raise SourceUnavailable(str(error)) from error
            except RateLimited:
                bans += 1
                if bans > BANS:
                    raise
            except SourceUnavailable as error:
                failed += 1
                slow += isinstance(error, AnswerTooSlow)
                if 0 < patience <= slow:
                    raise AnswerTooSlow(str(error)) from error
                if failed >= self._attempts:
                    raise SourceUnavailable(f"{error} (given up after {failed} attempts)") from error
                await self._sleep(self._jitter(min(self._backoff * 2.0 ** (failed - 1), LONGEST_BACKOFF)))
            if meter is not None:
                meter.retries += 1
