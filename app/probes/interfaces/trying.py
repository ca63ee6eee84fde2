"""One try of a service of the file, of one of its suites or operations: with its login, and without a database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from app.clock import Clock
from app.errors import ConfigurationError, NotFound
from app.kit.suggest import did_you_mean
from app.probes.config import InterfacesConfig, ServiceConfig, is_url
from app.probes.interfaces.cycles.limits import HostLimits
from app.probes.interfaces.cycles.run import Probe
from app.probes.interfaces.documents import DocumentScans
from app.probes.interfaces.fetching import DocumentFetcher
from app.probes.interfaces.logins.keeper import Logins
from app.probes.interfaces.logins.let_in import LetInSender
from app.probes.interfaces.logins.models import LoginFailed
from app.probes.interfaces.models import OperationKey, ProbedOperation, ProbeRecord
from app.probes.interfaces.requests import named_operation, operation_probes, probe_record
from app.probes.interfaces.sending import ProbeSender
from app.probes.interfaces.suites.answers import answer_probes
from app.probes.interfaces.suites.probe import suite_probes
from app.probes.models import CheckRequest, CheckResult
from app.probes.scanning.selection import ProbeSelection, choose_probes


@dataclass(frozen=True, slots=True)
class TriedProbe:
    """What came of an operation or a suite that was asked once."""

    operation: ProbedOperation
    record: ProbeRecord


@dataclass(frozen=True, slots=True)
class ServiceTrial:
    """What of a service is to be tried, and what of its documents cannot be read."""

    config: ServiceConfig
    probes: Mapping[OperationKey, Probe]
    problems: tuple[str, ...] = ()


async def find_trial(
    config: InterfacesConfig, folder: Path, fetcher: DocumentFetcher, name: str, *, service: str = ""
) -> ServiceTrial:
    """A service of this name with all that is probed, else the suite or the operation of it; NotFound with near names.

    `service` says in which one to look, and that the name is none of a service.
    """
    if service or name not in config.services:
        return await _part(_among(config, service), folder, fetcher, name)
    chosen = config.services[name]
    selections, problems = await _selections(chosen, folder, fetcher)
    return ServiceTrial(chosen, {**_operations(chosen, selections), **suite_probes(chosen)}, problems)


async def try_probes(
    config: ServiceConfig, probes: Iterable[Probe], sender: ProbeSender, logins: Logins, clock: Clock
) -> list[TriedProbe]:
    """What comes of each, asked once within the limits of the service; those that fail first."""
    asker = _Asker(config, sender, logins, clock)
    tried = await asyncio.gather(*(asker.tried(probe) for probe in probes))
    return sorted(tried, key=lambda one: (one.record.ok, str(one.operation.key)))


def _among(config: InterfacesConfig, service: str) -> list[ServiceConfig]:
    if service and service not in config.services:
        raise NotFound(f"the file has no service {service!r}{did_you_mean(service, config.services, otherwise='')}")
    return [config.services[service]] if service else list(config.services.values())


async def _part(services: list[ServiceConfig], folder: Path, fetcher: DocumentFetcher, name: str) -> ServiceTrial:
    """The suite of this name, else the operation."""
    suites = [one for one in services if any(suite.name == name for suite in one.suites)]
    if suites:
        chosen = _only(suites, name)
        named = {key: one for key, one in suite_probes(chosen).items() if one.suite.name == name}
        return ServiceTrial(chosen, named)
    known = [*(one.name for one in services), *(suite.name for one in services for suite in one.suites)]
    found: dict[str, ServiceTrial] = {}
    reasons: list[str] = []
    problems: list[str] = []
    for one in services:
        selections, unread = await _selections(one, folder, fetcher)
        problems += unread
        keys = {
            named_operation(probe).key
            for selection in selections
            for probe in selection.probed
            if name in probe.operation.names
        }
        if keys:
            every = _operations(one, selections)
            found[one.name] = ServiceTrial(one, {key: every[key] for key in every if key in keys})
        for selection in selections:
            known += [text for operation in selection.document.operations for text in operation.names]
            reasons += [
                detail for skip in selection.skipped if name in skip.operation.names for _, detail in skip.reasons
            ]
    if found:
        return found[_only([trial.config for trial in found.values()], name).name]
    if reasons:
        raise NotFound(f"{name} is not probed: {'; '.join(dict.fromkeys(reasons))}")
    unread_too = f"; {'; '.join(problems)}" if problems else ""
    near = did_you_mean(name, dict.fromkeys(known), otherwise="")
    raise NotFound(f"no service, suite or operation is called {name!r}{near}{unread_too}")


def _only(services: list[ServiceConfig], name: str) -> ServiceConfig:
    if len(services) > 1:
        raise NotFound(f"several services have {name!r}: {', '.join(one.name for one in services)}; say --service")
    return services[0]


async def _selections(
    config: ServiceConfig, folder: Path, fetcher: DocumentFetcher
) -> tuple[list[ProbeSelection], tuple[str, ...]]:
    fetched = await fetcher.fetch(name for name in config.documents if is_url(name))
    reading = await asyncio.to_thread(DocumentScans().read, config, folder, fetched)
    return [choose_probes(scan, rules) for rules in config.rules() for scan in reading.scans], reading.problems


def _operations(config: ServiceConfig, selections: Iterable[ProbeSelection]) -> dict[OperationKey, Probe]:
    planned = [probe for selection in selections for probe in selection.probed]
    return {**answer_probes(config, planned), **operation_probes(config, planned)}


class _Asker:
    """Asks as a cycle does, but once."""

    def __init__(self, config: ServiceConfig, sender: ProbeSender, logins: Logins, clock: Clock) -> None:
        self._sender = LetInSender(sender, logins, config.auth)
        self._clock = clock
        self._config = config
        self._hosts: dict[str, HostLimits] = {}
        self._answers: dict[tuple[str, str], asyncio.Task[CheckResult]] = {}

    async def tried(self, probe: Probe) -> TriedProbe:
        async with self._host(probe.operation.key.origin).slot():
            try:
                record = probe_record(await probe.outcome(self))
            except LoginFailed as failed:
                record = ProbeRecord(self.now(), ok=False, reason="auth", message=f"no token: {failed}")
            except ConfigurationError as error:
                record = ProbeRecord(self.now(), ok=False, reason="ours", message=str(error))
        return TriedProbe(probe.operation, record)

    async def ask(self, request: CheckRequest, *, with_login: bool = True, further: bool = False) -> CheckResult:
        if further:
            scheme, _, rest = request.url.partition("://")
            await self._host(f"{scheme}://{rest.partition('/')[0]}").pace()
        return await self._sender.check(request, with_login=with_login)

    async def answer(self, request: CheckRequest) -> CheckResult:
        name = request.method, request.url
        if name not in self._answers:
            asked = self.ask(replace(request, keeps_answer=True), further=True)
            self._answers[name] = asyncio.create_task(asked)
        return await self._answers[name]

    def now(self) -> datetime:
        return self._clock.now()

    def _host(self, origin: str) -> HostLimits:
        if origin not in self._hosts:
            self._hosts[origin] = HostLimits(self._config.concurrency, self._config.rate)
        return self._hosts[origin]
