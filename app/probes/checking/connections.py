"""Opens connections: the address that was allowed is the one that is connected to; through a proxy only where asked."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.net.egress_guard import Endpoint
from app.probes.checking.addresses import AddressPolicy, AddressResolver
from app.probes.checking.exchange import HttpCall, HttpExchange, exchange_http
from app.probes.checking.failures import CheckStopped, connect_failed, handshake_failed, lookup_failed
from app.probes.checking.progress import AttemptProgress
from app.probes.checking.targets import CheckTarget, parse_target
from app.probes.checking.tls import shown_certificate, tls_context
from app.probes.checking.wire import CheckStream, PlainStream, Stopwatch, TlsStream, open_wire_to
from app.probes.models import AddressFamily, CheckFailure, CheckPhase, CheckRequest, ServerCertificate, TlsOptions

MOST_IDLE = 500
IDLE_SECONDS = 60.0

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
        if request.proxy is None:
            endpoints = await self.endpoints(target, request.family, progress)
            return await self._to_one_of(endpoints, request, target, progress)
        await self._refuse_behind_proxy(target, request.family)
        return await self._through_proxy(request.proxy, request, target, progress)

    async def endpoints(
        self, target: CheckTarget, family: AddressFamily, progress: AttemptProgress, *, guarded: bool = True
    ) -> list[Endpoint]:
        """The addresses of the target, all of them allowed."""
        progress.stage = f"looking up {target.host}"
        begun = time.perf_counter()
        try:
            endpoints, seconds = await self._resolver.resolve(target.host, target.port, family)
        except (OSError, UnicodeError) as error:
            progress.add(CheckPhase.DNS, time.perf_counter() - begun)
            raise lookup_failed(target.host, error) from error
        # The thread waited to run, and so did this task: the name server is not to blame.
        progress.watch.lose(time.perf_counter() - begun - seconds)
        progress.add(CheckPhase.DNS, seconds or None)
        progress.resolved = tuple(endpoint.address for endpoint in endpoints)
        if not endpoints:
            raise CheckStopped(CheckFailure.DNS, f"{target.host}: the name has no {family} address")
        for endpoint in endpoints if guarded else ():
            self._refuse(target, endpoint.address)
        return endpoints

    def _refuse(self, target: CheckTarget, address: str) -> None:
        reason = self._policy.refusal(address)
        if reason is not None:
            raise CheckStopped(CheckFailure.BLOCKED, f"{target.host} is not connected to: {reason}")

    async def _refuse_behind_proxy(self, target: CheckTarget, family: AddressFamily) -> None:
        """A proxy looks the name up by itself; what this machine sees of it is refused all the same."""
        try:
            endpoints, _ = await self._resolver.resolve(target.host, target.port, family)
        except (OSError, UnicodeError):
            return
        for endpoint in endpoints:
            self._refuse(target, endpoint.address)

    async def _to_one_of(
        self, endpoints: Sequence[Endpoint], request: CheckRequest, target: CheckTarget, progress: AttemptProgress
    ) -> CheckConnection:
        stream, endpoint = await self.plain(endpoints, request, target, progress)
        try:
            if target.scheme == "http":
                return CheckConnection(stream, endpoint.address, None)
            return await self._secured(stream, endpoint, request, target, progress)
        except BaseException:
            stream.wire.close()
            raise

    async def plain(
        self, endpoints: Sequence[Endpoint], request: CheckRequest, target: CheckTarget, progress: AttemptProgress
    ) -> tuple[PlainStream, Endpoint]:
        name = f"{target.host}:{target.port}"
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

    async def _secured(
        self,
        plain: PlainStream,
        endpoint: Endpoint,
        request: CheckRequest,
        target: CheckTarget,
        progress: AttemptProgress,
    ) -> CheckConnection:
        name = f"{target.host}:{target.port}"
        progress.stage = f"waiting for the TLS handshake of {name}"
        begun = progress.watch.now()
        stream = TlsStream(plain.wire, tls_context(request.tls), _server_name(request, target))
        try:
            await stream.handshake()
        except OSError as error:
            stopped = handshake_failed(name, error)
            if stopped.failure is CheckFailure.CERTIFICATE:
                # The reason stands, also where the time runs out meanwhile.
                progress.stopped = stopped
                progress.certificate = await self._untrusted(endpoint, request, target)
            raise stopped from error
        finally:
            progress.add(CheckPhase.TLS, progress.watch.now() - begun)
        progress.certificate = shown_certificate(stream.tls)
        return CheckConnection(stream, endpoint.address, progress.certificate)

    async def _untrusted(
        self, endpoint: Endpoint, request: CheckRequest, target: CheckTarget
    ) -> ServerCertificate | None:
        """The certificate that was refused, looked at over a second connection: the library shows none after a refusal."""
        watch = Stopwatch()
        options = TlsOptions(verify=False, server_name=request.tls.server_name)
        try:
            _, wire = await open_wire_to([endpoint], target.host, request.timeout, watch)
        except OSError:
            return None
        try:
            stream = TlsStream(wire, tls_context(options), _server_name(request, target))
            await stream.handshake()
            return shown_certificate(stream.tls)
        except OSError:
            return None
        finally:
            wire.close()

    async def _through_proxy(
        self, proxy: str, request: CheckRequest, target: CheckTarget, progress: AttemptProgress
    ) -> CheckConnection:
        """The proxy's address is the operator's choice and not guarded."""
        gate = parse_target(proxy)
        endpoints = await self.endpoints(gate, AddressFamily.ANY, progress, guarded=False)
        stream, endpoint = await self.plain(endpoints, request, gate, progress)
        try:
            if target.scheme == "http":
                return CheckConnection(stream, endpoint.address, None)
            await self._tunnel(stream, gate, target, progress)
            return await self._secured(stream, endpoint, request, target, progress)
        except BaseException:
            stream.wire.close()
            raise

    async def _tunnel(
        self, stream: PlainStream, gate: CheckTarget, target: CheckTarget, progress: AttemptProgress
    ) -> None:
        progress.stage = f"waiting for the proxy {gate.host}"
        host = f"[{target.host}]" if ":" in target.host else target.host
        where = f"{host}:{target.port}"
        headers = {"host": ("Host", where), "user-agent": ("User-Agent", self._agent), **proxy_login(gate)}
        call = HttpCall(gate.host, "CONNECT", where.encode(), headers, keep_open=True)
        granted = HttpExchange()
        await exchange_http(stream, call, granted)
        if granted.status is None or not 200 <= granted.status < 300:
            raise CheckStopped(
                CheckFailure.CONNECT, f"the proxy {gate.host} answers {granted.status} to CONNECT {where}"
            )


def _server_name(request: CheckRequest, target: CheckTarget) -> str:
    # The dot that ends a name is no part of it in certificates.
    return request.tls.server_name or target.host.rstrip(".")


def proxy_login(gate: CheckTarget) -> dict[str, tuple[str, str]]:
    if not gate.user and not gate.password:
        return {}
    login = base64.b64encode(f"{gate.user}:{gate.password}".encode()).decode()
    return {"proxy-authorization": ("Proxy-Authorization", f"Basic {login}")}


def connection_key(request: CheckRequest, target: CheckTarget) -> ConnectionKey:
    return (*target.origin, request.family, request.tls, request.proxy)
