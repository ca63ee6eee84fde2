"""Opens connections: the address that was allowed is the one that is connected to; through a proxy only where asked."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.net.egress_guard import Endpoint
from app.probes.checking.addresses import AddressPolicy, AddressResolver
from app.probes.checking.exchange import HttpCall, HttpExchange, exchange_http
from app.probes.checking.failures import CheckStopped, connect_failed, handshake_failed, lookup_failed
from app.probes.checking.progress import AttemptProgress
from app.probes.checking.targets import CheckTarget, parse_target
from app.probes.checking.tls import shown_certificate, tls_context
from app.probes.checking.wire import CheckStream, PlainStream, Stopwatch, TlsStream, Wire, open_wire_to
from app.probes.models import AddressFamily, CheckFailure, CheckPhase, CheckRequest, ServerCertificate, TlsOptions

MOST_IDLE = 500
IDLE_SECONDS = 60.0
GUARD_SECONDS = 2.0
"""For a name that a proxy looks up too, on a machine that may have no name server for it."""
_PROXY = "the proxy "
_LOGIN_WANTED = 407

ConnectionKey = tuple[object, ...]


@dataclass(slots=True)
class CheckConnection:
    """An open connection to an origin, or to the proxy that leads there."""

    stream: CheckStream
    address: str
    certificate: ServerCertificate | None
    reused: bool = False

    def close(self) -> None:
        self.stream.wire.close()


class IdleConnections:
    """Connections that wait to be used again, at most one for each key."""

    def __init__(self) -> None:
        self._idle: dict[ConnectionKey, tuple[CheckConnection, float]] = {}

    def take(self, key: ConnectionKey, watch: Stopwatch) -> CheckConnection | None:
        connection, since = self._idle.pop(key, (None, 0.0))
        if connection is None:
            return None
        if time.monotonic() - since > IDLE_SECONDS or not connection.stream.wire.is_idle():
            connection.close()
            return None
        connection.stream.wire.watch = watch
        connection.reused = True
        return connection

    def keep(self, key: ConnectionKey, connection: CheckConnection) -> None:
        if key in self._idle or len(self._idle) >= MOST_IDLE:
            connection.close()
        else:
            self._idle[key] = (connection, time.monotonic())

    def close(self) -> None:
        for connection, _ in self._idle.values():
            connection.close()
        self._idle.clear()


class Connector:
    """Opens a connection for a request; every error is a CheckStopped."""

    def __init__(self, resolver: AddressResolver, policy: AddressPolicy, agent: str) -> None:
        self._resolver = resolver
        self._policy = policy
        self._agent = agent

    async def open(self, request: CheckRequest, target: CheckTarget, progress: AttemptProgress) -> CheckConnection:
        """A connection on which the target is asked, after the handshake of TLS where it is one of https."""
        if request.proxy is not None:
            await self._refuse_behind_proxy(target, request.family)
        gate = None if request.proxy is None else parse_target(request.proxy)
        family = AddressFamily.ANY if gate else request.family
        way = _Way(request, target, gate, await self.endpoints(gate or target, family, progress, called=_called(gate)))
        stream, endpoint = await self._led(way, progress)
        try:
            if target.scheme == "http":
                return CheckConnection(stream, endpoint.address, None)
            return await self._secured(stream, replace(way, endpoints=(endpoint,)), progress)
        except BaseException:
            stream.wire.close()
            raise

    async def endpoints(
        self,
        target: CheckTarget,
        family: AddressFamily,
        progress: AttemptProgress,
        *,
        guarded: bool = True,
        called: str = "",
    ) -> Sequence[Endpoint]:
        """The addresses of the target, all of them allowed; `called` stands before its name in messages."""
        name = f"{called}{target.host}"
        progress.stage = f"looking up {name}"
        begun = time.perf_counter()
        try:
            endpoints, seconds = await self._resolver.resolve(target.host, target.port, family)
        except (OSError, UnicodeError) as error:
            progress.add(CheckPhase.DNS, time.perf_counter() - begun)
            raise lookup_failed(name, error) from error
        # The thread waited to run, and so did this task: the name server is not to blame.
        progress.watch.lose(time.perf_counter() - begun - seconds)
        progress.add(CheckPhase.DNS, seconds or None)
        progress.resolved = tuple(endpoint.address for endpoint in endpoints)
        if not endpoints:
            raise CheckStopped(CheckFailure.DNS, f"{name}: the name has no {family} address")
        for endpoint in endpoints if guarded else ():
            self._refuse(name, endpoint.address)
        return endpoints

    def _refuse(self, name: str, address: str) -> None:
        reason = self._policy.refusal(address)
        if reason is not None:
            raise CheckStopped(CheckFailure.BLOCKED, f"{name} is not connected to: {reason}")

    async def _refuse_behind_proxy(self, target: CheckTarget, family: AddressFamily) -> None:
        """A proxy looks the name up by itself; what this machine sees of it is refused all the same.

        Where private networks are refused, a name that this machine does not see might be one of them.
        """
        try:
            async with asyncio.timeout(GUARD_SECONDS):
                endpoints, _ = await self._resolver.resolve(target.host, target.port, family)
        except (OSError, UnicodeError):
            if self._policy.allow_private:
                return
            raise CheckStopped(
                CheckFailure.BLOCKED,
                f"{target.host} is not asked for through the proxy: the name cannot be looked up here, so that it may be "
                "one of a private network",
            ) from None
        for endpoint in endpoints:
            self._refuse(target.host, endpoint.address)

    async def _led(self, way: _Way, progress: AttemptProgress) -> tuple[CheckStream, Endpoint]:
        """A stream that leads to the target, or for http to the proxy that is asked for it."""
        gate = way.gate
        if gate is None:
            return await self.plain(way.endpoints, way.request, way.target, progress)
        plain, endpoint = await self.plain(way.endpoints, way.request, gate, progress, called=_PROXY)
        stream: CheckStream = plain
        try:
            if gate.scheme == "https":
                options = replace(
                    way.request.tls, client_certificate=None, client_key=None, client_pem="", server_name=None
                )
                stream = await _handshake(plain.wire, options, gate.host, f"{_PROXY}{gate.host}:{gate.port}", progress)
            if way.target.scheme == "https":
                await self._tunnel(stream, gate, way.target, progress)
        except BaseException:
            plain.wire.close()
            raise
        return stream, endpoint

    async def plain(
        self,
        endpoints: Sequence[Endpoint],
        request: CheckRequest,
        target: CheckTarget,
        progress: AttemptProgress,
        *,
        called: str = "",
    ) -> tuple[PlainStream, Endpoint]:
        name = f"{called}{target.host}:{target.port}"
        progress.stage = f"connecting to {name}"
        progress.address = endpoints[0].address
        begun = progress.watch.now()
        try:
            endpoint, wire = await open_wire_to(endpoints, name, request.timeout, progress.watch)
        except OSError as error:
            raise connect_failed(name, error) from error
        finally:
            progress.add(CheckPhase.CONNECT, progress.watch.now() - begun)
        progress.address = endpoint.address
        return PlainStream(wire), endpoint

    async def _secured(self, inner: CheckStream, way: _Way, progress: AttemptProgress) -> CheckConnection:
        request, target = way.request, way.target
        options = tls_options(request, target)
        name = f"{target.host}:{target.port}"
        under = inner.wire if isinstance(inner, PlainStream) else inner
        try:
            stream = await _handshake(under, options, _server_name(options, target), name, progress)
        except CheckStopped as stopped:
            if stopped.failure is CheckFailure.CERTIFICATE:
                # The reason stands, also where the time runs out meanwhile.
                progress.stopped = stopped
                seen = await self._untrusted(way, progress)
                problem = stopped.detail.partition("is not trusted: ")[2]
                progress.certificate = replace(seen, problem=problem) if seen is not None else None
            raise
        progress.certificate = shown_certificate(stream.tls)
        return CheckConnection(stream, way.endpoints[0].address, progress.certificate)

    async def _untrusted(self, way: _Way, progress: AttemptProgress) -> ServerCertificate | None:
        """The certificate that was refused, looked at over a second connection: the library shows none after a refusal."""
        aside = AttemptProgress(progress.time, progress.url, progress.method)
        options = TlsOptions(verify=False, server_name=tls_options(way.request, way.target).server_name)
        try:
            inner, _ = await self._led(way, aside)
        except CheckStopped:
            return None
        under = inner.wire if isinstance(inner, PlainStream) else inner
        try:
            stream = await _handshake(under, options, _server_name(options, way.target), way.target.host, aside)
            return shown_certificate(stream.tls)
        except CheckStopped:
            return None
        finally:
            inner.wire.close()

    async def _tunnel(
        self, stream: CheckStream, gate: CheckTarget, target: CheckTarget, progress: AttemptProgress
    ) -> None:
        progress.stage = f"waiting for {_PROXY}{gate.host}"
        host = f"[{target.host}]" if ":" in target.host else target.host
        where = f"{host}:{target.port}"
        headers = {"host": ("Host", where), "user-agent": ("User-Agent", self._agent), **proxy_login(gate)}
        call = HttpCall(f"{_PROXY}{gate.host}", "CONNECT", where.encode(), headers, keep_open=True)
        granted = HttpExchange()
        try:
            await exchange_http(stream, call, granted)
        except CheckStopped as stopped:
            # Whatever the proxy breaks says nothing of how the target speaks HTTP.
            raise CheckStopped(CheckFailure.CONNECT, stopped.detail, stopped.repeatable) from stopped
        refuse_login(gate, granted.status)
        if granted.status is None or not 200 <= granted.status < 300:
            raise CheckStopped(CheckFailure.CONNECT, f"{call.name} answers {granted.status} to CONNECT {where}")


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a connection leads, through a proxy or not, and the addresses of whoever is connected to."""

    request: CheckRequest
    target: CheckTarget
    gate: CheckTarget | None
    endpoints: Sequence[Endpoint]


def _called(gate: CheckTarget | None) -> str:
    return "" if gate is None else _PROXY


async def _handshake(
    under: Wire | TlsStream, options: TlsOptions, server_name: str, name: str, progress: AttemptProgress
) -> TlsStream:
    progress.stage = f"waiting for the TLS handshake of {name}"
    begun = progress.watch.now()
    stream = TlsStream(under, tls_context(options), server_name)
    try:
        await stream.handshake()
    except OSError as error:
        raise handshake_failed(name, error) from error
    finally:
        progress.add(CheckPhase.TLS, progress.watch.now() - begun)
    return stream


def tls_options(request: CheckRequest, target: CheckTarget) -> TlsOptions:
    """Those of the request; to another origin, after a redirect, without the client's certificate and the name to ask for."""
    options = request.tls
    own = options.client_certificate or options.client_pem or options.server_name
    if not own or target.origin == parse_target(request.url).origin:
        return options
    return replace(options, client_certificate=None, client_key=None, client_pem="", server_name=None)


def refuse_login(gate: CheckTarget, status: int | None) -> None:
    """A proxy that asks who is there has not asked the target."""
    if status == _LOGIN_WANTED:
        wrong = "does not accept its user and password" if gate.user or gate.password else "asks for user and password"
        raise CheckStopped(CheckFailure.CONNECT, f"{_PROXY}{gate.host} {wrong} ({status})")


def _server_name(options: TlsOptions, target: CheckTarget) -> str:
    # The dot that ends a name is no part of it in certificates.
    return options.server_name or target.host.rstrip(".")


def proxy_login(gate: CheckTarget) -> dict[str, tuple[str, str]]:
    if not gate.user and not gate.password:
        return {}
    login = base64.b64encode(f"{gate.user}:{gate.password}".encode()).decode()
    return {"proxy-authorization": ("Proxy-Authorization", f"Basic {login}")}


def connection_key(request: CheckRequest, target: CheckTarget) -> ConnectionKey:
    return (*target.origin, request.family, tls_options(request, target), request.proxy)
