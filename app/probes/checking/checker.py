"""The check itself: attempts within one deadline, redirects, conditions, and the result without secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from app.clock import Clock, SystemClock
from app.errors import ConfigurationError
from app.net.client import USER_AGENT
from app.net.masking import redacted
from app.probes.checking.addresses import AddressPolicy, AddressResolver, SystemResolver
from app.probes.checking.body import ACCEPTED
from app.probes.checking.conditions.evaluation import ObservedResponse, broken_condition
from app.probes.checking.connections import (
    CheckConnection,
    Connector,
    IdleConnections,
    connection_key,
    proxy_login,
    refuse_login,
)
from app.probes.checking.exchange import HttpCall, HttpExchange, exchange_http
from app.probes.checking.failures import CheckStopped
from app.probes.checking.name_servers import NameServerResolver
from app.probes.checking.progress import AttemptProgress
from app.probes.checking.targets import (
    CheckTarget,
    check_request,
    for_other_origin,
    parse_proxy,
    parse_target,
    redirect_target,
    request_headers,
    request_secrets,
)
from app.probes.checking.tls import tls_context
from app.probes.checking.wire import hold_stamps
from app.probes.models import (
    AddressFamily,
    CheckAttempt,
    CheckFailure,
    CheckMethod,
    CheckPhase,
    CheckRequest,
    CheckResult,
    FollowedRedirect,
)
from app.settings import ProbeSettings
from app.settings.probes import name_server

EXCERPT = 2000
"""Characters of a body that a failure shows."""
KEPT_FOR_EXCERPT = EXCERPT + 4096
"""Bytes: more than is shown, so that a secret that the cut would halve is masked as a whole."""
LONGEST_DETAIL = 500
LARGE_BODY = 256 * 1024
"""Bytes; the conditions of a larger body are evaluated in a thread."""
MOST_REMEMBERED = 10_000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_HEAD = frozenset({403, 405, 501})
_REPEATABLE = frozenset({CheckMethod.GET, CheckMethod.HEAD, CheckMethod.PUT})
"""Methods that may be sent again after a connection broke: twice is as good as once."""


@dataclass(slots=True)
class _Hop:
    """What is sent next, and where to."""

    target: CheckTarget
    method: CheckMethod
    headers: Mapping[str, tuple[str, str]]
    body: bytes


class HttpChecker:
    """Checks targets over HTTP, any number at once in one event loop; `close` ends its threads and idle connections."""

    def __init__(
        self,
        policy: AddressPolicy | None = None,
        resolver: AddressResolver | None = None,
        clock: Clock | None = None,
        agent: str = USER_AGENT,
    ) -> None:
        self._own_resolver = SystemResolver() if resolver is None else None
        self._connector = Connector(
            resolver or self._own_resolver or SystemResolver(), policy or AddressPolicy(), agent
        )
        self._clock = clock or SystemClock()
        self._agent = agent
        self._idle = IdleConnections()
        hold_stamps()
        self._without_head: dict[str, None] = {}

    @classmethod
    def of(cls, settings: ProbeSettings) -> Self:
        resolver = NameServerResolver([name_server(text) for text in settings.name_servers])
        return cls(AddressPolicy.of(settings), resolver if settings.name_servers else None)

    async def check(self, request: CheckRequest) -> CheckResult:
        """The result of one check; ConfigurationError where the request itself is wrong."""
        target = check_request(request)
        if target.scheme == "https":
            # The first of its kind takes a while, which is no time of the target.
            tls_context(request.tls)
        run = _CheckRun(request, target, self._method(request), self._clock)
        try:
            async with asyncio.timeout(request.timeout):
                await self._attempts(run)
        except TimeoutError:
            stopped = run.progress.stopped
            if stopped is None:
                stopped = CheckStopped(
                    CheckFailure.TIMEOUT, f"no end within {request.timeout:g} s: {run.progress.stage}"
                )
            run.end(stopped.failure, stopped.detail)
        return run.result()

    async def reach(self, address: str, seconds: float, *, guarded: bool = False) -> bool:
        """Whether a reference address, `host:port` or a URL, accepts a connection in time."""
        text = address if "://" in address else f"http://{address}"
        request = CheckRequest(text, timeout=seconds)
        progress = AttemptProgress(self._clock.now(), text, CheckMethod.GET)
        try:
            async with asyncio.timeout(seconds):
                target = replace(parse_target(text), scheme="http")
                endpoints = await self._connector.endpoints(target, AddressFamily.ANY, progress, guarded=guarded)
                (await self._connector.plain(endpoints, request, target, progress))[0].wire.close()
        except (CheckStopped, TimeoutError):
            return False
        return True

    def close(self) -> None:
        self._idle.close()
        if self._own_resolver is not None:
            self._own_resolver.close()

    def _method(self, request: CheckRequest) -> CheckMethod:
        refused = request.method is CheckMethod.HEAD and request.url in self._without_head
        return CheckMethod.GET if refused else request.method

    async def _attempts(self, run: _CheckRun) -> None:
        pause, loop = run.request.retry_pause, asyncio.get_running_loop()
        deadline = loop.time() + run.request.timeout
        for left in range(run.request.retries, -1, -1):
            try:
                await self._attempt(run)
            except CheckStopped as stopped:
                run.end(stopped.failure, stopped.detail)
                # A pause beyond the deadline would make a time-out of a failure that has a name.
                if not (stopped.repeatable and left and run.repeatable) or loop.time() + pause >= deadline:
                    return
                await asyncio.sleep(pause)
                pause *= 2
                run.begin(self._clock)
            else:
                return

    async def _attempt(self, run: _CheckRun) -> None:
        progress = run.progress
        try:
            await self._follow(run)
        finally:
            progress.add(CheckPhase.WHOLE, progress.watch.now() - progress.begun)
        broken = await _judged(run)
        run.end(*(broken or (None, "")))

    async def _follow(self, run: _CheckRun) -> None:
        request, progress = run.request, run.progress
        hop = _Hop(run.target, progress.method, run.headers(self._agent), request.body)
        cookies: dict[tuple[str, str, int], dict[str, str]] = {}
        for left in range(request.redirects, -1, -1):
            response = await self._hop(run, hop, cookies.get(hop.target.origin, {}))
            if hop.method is CheckMethod.HEAD and response.status in _NO_HEAD and not progress.redirects:
                self._remember(request.url)
                progress.restart()
                progress.method = CheckMethod.GET
                hop = replace(hop, method=CheckMethod.GET)
                response = await self._hop(run, hop, {})
            if request.keeps_answer and hop.target.origin == run.target.origin:
                progress.cookies += [value for name, value in response.headers if name == "set-cookie"]
            location = response.header("location")
            if response.status not in _REDIRECTS or not location or not request.redirects:
                return
            if not left:
                raise CheckStopped(CheckFailure.REDIRECT_LOOP, f"more than {request.redirects} redirects")
            _set_cookies(cookies.setdefault(hop.target.origin, {}), response)
            hop = self._next_hop(run, hop, response, location)

    def _next_hop(self, run: _CheckRun, hop: _Hop, response: HttpExchange, location: str) -> _Hop:
        try:
            target = redirect_target(hop.target, location)
        except ConfigurationError as error:
            raise CheckStopped(CheckFailure.BLOCKED, f"the redirect is not followed: {error}") from error
        status = response.status or 0
        run.progress.redirects.append(FollowedRedirect(status, hop.target.shown, target.shown))
        run.progress.url = target.shown
        keeps = hop.method.reads or status in {307, 308}
        method = hop.method if keeps and not (status == 303 and hop.method is CheckMethod.PUT) else CheckMethod.GET
        body = hop.body if method is hop.method else b""
        if target.origin == hop.target.origin:
            headers = {**hop.headers, "host": ("Host", target.authority)}
            if not body and hop.body:
                headers.pop("content-type", None)
            return _Hop(target, method, headers, body)
        if body:
            raise CheckStopped(
                CheckFailure.BLOCKED, f"the redirect would take the body to another origin, {target.shown}"
            )
        return _Hop(target, method, for_other_origin(hop.headers, target), body)

    async def _hop(self, run: _CheckRun, hop: _Hop, cookies: Mapping[str, str]) -> HttpExchange:
        request, progress = run.request, run.progress
        key = connection_key(request, hop.target)
        reusable = not request.fresh_connection and hop.method in _REPEATABLE
        connection = self._idle.take(key, progress.watch) if reusable else None
        if connection is not None:
            try:
                return await self._exchange(run, hop, connection, cookies)
            except CheckStopped as stopped:
                # It was closed while the request was on its way, which says nothing about the target.
                if not stopped.repeatable:
                    raise
        connection = await self._connector.open(request, hop.target, progress)
        return await self._exchange(run, hop, connection, cookies)

    async def _exchange(
        self, run: _CheckRun, hop: _Hop, connection: CheckConnection, cookies: Mapping[str, str]
    ) -> HttpExchange:
        request, progress = run.request, run.progress
        progress.stage = f"waiting for the first byte of {hop.target.host}"
        progress.address, progress.certificate = connection.address, connection.certificate or progress.certificate
        result = progress.response = HttpExchange()
        kept = False
        try:
            await exchange_http(connection.stream, _call(request, hop, cookies), result)
            if request.proxy is not None and hop.target.scheme == "http":
                refuse_login(parse_proxy(request.proxy), result.status)
            kept = not request.fresh_connection and result.reusable and hop.method in _REPEATABLE
        finally:
            if result.sent is not None and result.first_byte is not None:
                progress.add(CheckPhase.FIRST_BYTE, result.first_byte - result.sent)
                progress.stage = f"reading the response of {hop.target.host}"
            if kept:
                self._idle.keep(connection_key(request, hop.target), connection)
            else:
                connection.close()
        return result

    def _remember(self, url: str) -> None:
        if len(self._without_head) >= MOST_REMEMBERED:
            self._without_head.pop(next(iter(self._without_head)))
        self._without_head[url] = None


def _call(request: CheckRequest, hop: _Hop, cookies: Mapping[str, str]) -> HttpCall:
    reads_body = request.keeps_answer or any(condition.reads_body for condition in request.conditions)
    headers, path = dict(hop.headers), hop.target.path
    if cookies:
        sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
        own = headers.get("cookie", ("Cookie", ""))[1]
        headers["cookie"] = ("Cookie", f"{own}; {sent}" if own else sent)
    if request.proxy is not None and hop.target.scheme == "http":
        path = f"http://{hop.target.authority}".encode() + path
        headers |= proxy_login(parse_proxy(request.proxy))
    return HttpCall(
        name=hop.target.host,
        method=hop.method,
        path=path,
        headers=headers,
        body=hop.body,
        body_cap=request.body_cap,
        body_kept=request.body_cap if reads_body else KEPT_FOR_EXCERPT,
        reads_body=reads_body,
        keep_open=not request.fresh_connection,
    )


def _set_cookies(cookies: dict[str, str], response: HttpExchange) -> None:
    """What a redirect sets for the hop after it, as sites do that test whether cookies are taken; kept for this check."""
    for name, value in response.headers:
        if name == "set-cookie" and len(cookies) < 50:
            pair = value.partition(";")[0]
            cookie, _, content = pair.partition("=")
            if cookie.strip() and len(pair) <= 4096:
                cookies[cookie.strip()] = content.strip()


async def _judged(run: _CheckRun) -> tuple[CheckFailure, str] | None:
    observed = run.observed()
    if len(observed.body) <= LARGE_BODY:
        return broken_condition(run.request.conditions, observed)
    return await asyncio.to_thread(broken_condition, run.request.conditions, observed)


class _CheckRun:
    """One check: its attempts so far and the one that runs."""

    def __init__(self, request: CheckRequest, target: CheckTarget, method: CheckMethod, clock: Clock) -> None:
        self.request = request
        self.target = target
        self._method = method
        self._begun = clock.now()
        self.progress = AttemptProgress(self._begun, target.shown, method)
        self._attempts: list[CheckAttempt] = []

    @property
    def repeatable(self) -> bool:
        """Whether sending once more does no harm: nothing was sent, or twice is as good as once."""
        sent = self.progress.response is not None and self.progress.response.sent is not None
        return not sent or self.request.method in _REPEATABLE

    def begin(self, clock: Clock) -> None:
        self.progress = AttemptProgress(clock.now(), self.target.shown, self._method)

    def headers(self, agent: str) -> dict[str, tuple[str, str]]:
        return request_headers(self.request, self.target, agent, ACCEPTED)

    def end(self, failure: CheckFailure | None, detail: str) -> None:
        self._attempts.append(self.progress.attempt(failure, detail))

    def observed(self) -> ObservedResponse:
        response = self.progress.response or HttpExchange()
        body = response.body
        return ObservedResponse(
            status=response.status or 0,
            headers=response.headers,
            body=body.content() if body is not None else b"",
            size=body.size if body is not None else 0,
            phases=self.progress.phases(),
            now=self._begun,
            certificate=self.progress.certificate,
        )

    def result(self) -> CheckResult:
        last, progress = self._attempts[-1], self.progress
        response = progress.response or HttpExchange()
        result = CheckResult(
            time=self._begun,
            failure=last.failure,
            method=progress.method,
            status=response.status,
            phases=last.phases,
            received=response.body.received if response.body is not None else 0,
            attempts=tuple(self._attempts),
            redirects=tuple(progress.redirects),
            final_url=progress.url,
            certificate=progress.certificate,
            http_version=response.http_version,
            address=progress.address,
            resolved=progress.resolved,
            proxy=parse_proxy(self.request.proxy).authority if self.request.proxy else "",
            retry_after=_retry_after(response),
            own_delay=progress.watch.lost * 1000,
            headers=response.headers if self.request.keeps_answer else (),
            body=response.body.content() if self.request.keeps_answer and response.body is not None else b"",
            cookies=tuple(progress.cookies),
        )
        return _without_secrets(result, self.request, response) if self._needs_words(last) else result

    def _needs_words(self, last: CheckAttempt) -> bool:
        return bool(last.failure or self._attempts[1:] or self.request.secrets or self.progress.redirects)


def _retry_after(response: HttpExchange) -> float | None:
    asked = response.header("retry-after") if response.status in {429, 503} else None
    return float(asked) if asked is not None and asked.isdecimal() and len(asked) < 10 else None


def _without_secrets(result: CheckResult, request: CheckRequest, response: HttpExchange) -> CheckResult:
    secrets = request_secrets(request)

    def clean(text: str, longest: int = LONGEST_DETAIL) -> str:
        return redacted(text, secrets, longest) if text else text

    excerpt = ""
    if result.failure is not None and response.body is not None:
        excerpt = clean(response.body.content()[:KEPT_FOR_EXCERPT].decode("utf-8", "replace"), EXCERPT)
    return replace(
        result,
        detail=clean(result.attempts[-1].detail),
        attempts=tuple(replace(attempt, detail=clean(attempt.detail)) for attempt in result.attempts),
        redirects=tuple(
            replace(redirect, url=clean(redirect.url, 4000), location=clean(redirect.location, 4000))
            for redirect in result.redirects
        ),
        final_url=clean(result.final_url, 4000),
        excerpt=excerpt,
    )
