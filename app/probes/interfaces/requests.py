"""The request that probes an operation, and what is kept of its result. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from app.probes.checking.conditions.parse import parse_condition
from app.probes.config import ServiceConfig, StatusRange
from app.probes.interfaces.logins.models import RequestCredentials
from app.probes.interfaces.models import OperationKey, ProbedOperation, ProbeRecord, StepRecord
from app.probes.kept import reason_of, storable
from app.probes.models import CheckCondition, CheckMethod, CheckRequest, CheckResult
from app.probes.scanning.models import OperationParameter, ParameterLocation, ValueOrigin
from app.probes.scanning.selection import PlannedProbe

RETRIES = 2
"""Of connections that failed before a response."""


@dataclass(frozen=True, slots=True)
class OperationProbe:
    """An operation of a service with its request, to which a login adds what lets it in."""

    operation: ProbedOperation
    request: CheckRequest = field(repr=False)

    async def outcome(self, asker: RequestAsker) -> ProbeOutcome:
        return ProbeOutcome(await asker.ask(self.request))


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """What a probe shows, and of a suite what each of its requests did."""

    result: CheckResult
    steps: tuple[StepRecord, ...] = ()


class RequestAsker(Protocol):
    """Sends the requests of probes."""

    async def ask(self, request: CheckRequest, *, with_login: bool = True, further: bool = False) -> CheckResult:
        """The answer to a request, which carries what lets it in; a `further` one of a probe waits for its turn."""
        ...

    async def answer(self, request: CheckRequest) -> CheckResult:
        """The answer to a request with its body, asked for once for all probes of a cycle that need it."""
        ...

    def now(self) -> datetime: ...


def operation_probes(config: ServiceConfig, planned: Iterable[PlannedProbe]) -> dict[OperationKey, OperationProbe]:
    """The probes of a service by what tells them apart; of several that are alike the first counts."""
    found: dict[OperationKey, OperationProbe] = {}
    for probe in planned:
        if probe.url is not None:
            made = OperationProbe(named_operation(probe), operation_request(config, probe, probe.url))
            found.setdefault(made.operation.key, made)
    return found


def named_operation(probe: PlannedProbe) -> ProbedOperation:
    operation, url = probe.operation, urlsplit(probe.template)
    key = OperationKey(operation.method, f"{url.scheme}://{url.netloc}", url.path or "/")
    return ProbedOperation(key, operation.operation_id, operation.place.file)


def operation_request(config: ServiceConfig, probe: PlannedProbe, url: str) -> CheckRequest:
    operation = probe.operation
    headers = {"Accept": "*/*", **config.headers}
    headers |= {one.name: ", ".join(_texts(one)) for one in _at(probe, ParameterLocation.HEADER)}
    cookies = [f"{one.name}={text}" for one in _at(probe, ParameterLocation.COOKIE) for text in _texts(one)]
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    body = ""
    form = [(one.name, text) for one in _at(probe, ParameterLocation.FORM) for text in _texts(one)]
    if operation.body is not None and operation.body.text is not None:
        headers["Content-Type"], body = operation.body.media_type, operation.body.text
    elif form:
        headers["Content-Type"], body = "application/x-www-form-urlencoded", urlencode(form)
    method = CheckMethod(operation.method)
    return CheckRequest(
        url,
        method,
        headers,
        b"" if method.reads else body.encode(),
        config.timeout / timedelta(seconds=1),
        RETRIES,
        conditions=(expected_statuses(config.expected_of(operation)),),
        secrets=tuple(_secrets(config, probe)),
    )


def expected_statuses(expected: Iterable[StatusRange]) -> CheckCondition:
    return parse_condition(f"status {','.join(f'{first}-{last}' for first, last in expected)}")


def _at(probe: PlannedProbe, location: ParameterLocation) -> Iterator[OperationParameter]:
    return (one for one in probe.parameters if one.location is location)


def _texts(parameter: OperationParameter) -> tuple[str, ...]:
    return parameter.value.texts if parameter.value is not None else ()


def _secrets(config: ServiceConfig, probe: PlannedProbe) -> Iterator[str]:
    """Values of the environment and of answers: they may be secret wherever they stand."""
    yield from (value for value in config.headers.values() if len(value) > 3)
    for parameter in probe.parameters:
        if parameter.value is not None and parameter.value.origin in {ValueOrigin.ENVIRONMENT, ValueOrigin.ANSWER}:
            yield from parameter.value.texts


def with_credentials(request: CheckRequest, credentials: RequestCredentials) -> CheckRequest:
    """The request with what lets it in; headers of the login go before those of the operation."""
    if not credentials.headers and not credentials.query:
        return request
    url = request.url
    if credentials.query:
        url += ("&" if "?" in url else "?") + urlencode(credentials.query)
    given = {name.lower() for name in credentials.headers}
    headers = {name: value for name, value in request.headers.items() if name.lower() not in given}
    cookie = next((value for name, value in request.headers.items() if name.lower() == "cookie"), "")
    headers |= {
        name: f"{cookie}; {value}" if cookie and name.lower() == "cookie" else value
        for name, value in credentials.headers.items()
    }
    return replace(request, url=url, headers=headers, secrets=(*request.secrets, *credentials.secrets))


def probe_record(outcome: ProbeOutcome, attempts: int = 1) -> ProbeRecord:
    result = outcome.result
    reason = reason_of(result)
    phases = result.phases
    return ProbeRecord(
        at=result.time,
        ok=not reason,
        reason=reason,
        status=result.status,
        dns_ms=phases.dns,
        connect_ms=phases.connect,
        tls_ms=phases.tls,
        first_byte_ms=phases.first_byte,
        total_ms=phases.whole or 0.0,
        bytes=result.received,
        attempts=attempts,
        address=result.address or "",
        message=storable(result.detail),
        excerpt=storable(result.excerpt),
        steps=outcome.steps,
    )
