"""One cycle: every operation of a service is asked, and asked again where it fails, before it counts as down."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from app.clock import Clock
from app.errors import ConfigurationError
from app.probes.checking.network import UNREACHED
from app.probes.config import ServiceConfig
from app.probes.interfaces.cycles.limits import HostLimits
from app.probes.interfaces.cycles.statistics import cycle_statistics
from app.probes.interfaces.logins.keeper import Logins
from app.probes.interfaces.logins.let_in import LetInSender
from app.probes.interfaces.logins.models import LoginFailed
from app.probes.interfaces.models import (
    CycleOutcome,
    CycleTrigger,
    InterfaceCycle,
    OperationKey,
    OperationState,
    ProbedOperation,
    ProbeRecord,
)
from app.probes.interfaces.requests import ProbeOutcome, RequestAsker, probe_record
from app.probes.interfaces.sending import ProbeSender
from app.probes.interfaces.state import after_probe, is_confirmed
from app.probes.models import CheckFailure, CheckRequest, CheckResult
from app.probes.websites.network_watch import NetworkWatch

CONFIRM_SECONDS = 3.0
"""Between probes that fail and the ones that confirm it."""
_NOT_REACHED = {*UNREACHED, CheckFailure.REFUSED, CheckFailure.TLS, CheckFailure.CERTIFICATE}


class Probe(Protocol):
    """What is asked of a service: one operation, or several requests that follow from each other."""

    @property
    def operation(self) -> ProbedOperation: ...

    async def outcome(self, asker: RequestAsker) -> ProbeOutcome: ...


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """What a service's cycle asks; the numbers of the operations come from the database."""

    service_id: int
    config: ServiceConfig
    probes: Mapping[OperationKey, Probe]
    numbers: Mapping[OperationKey, int]


class CycleSink(Protocol):
    """Takes what a cycle finds, as it finds it."""

    def state(self, operation_id: int, state: OperationState, record: ProbeRecord | None) -> None: ...


class CycleRun:
    """One cycle of one service; `states` are followed as they change."""

    def __init__(
        self,
        plan: ServicePlan,
        states: dict[OperationKey, OperationState],
        *,
        sender: ProbeSender,
        logins: Logins,
        network: NetworkWatch,
        clock: Clock,
        sink: CycleSink,
    ) -> None:
        self._plan = plan
        self._states = states
        self._let_in = LetInSender(sender, logins, plan.config.auth)
        self._network = network
        self._clock = clock
        self._sink = sink
        self._hosts: dict[str, HostLimits] = {}
        self._ended: list[tuple[OperationKey, ProbeRecord]] = []
        self._answers: dict[tuple[str, str], CheckResult] = {}
        self._asking: dict[tuple[str, str], asyncio.Lock] = {}
        self.login_problem = ""
        """Why the service gave no token."""

    def begun(self, due_at: datetime, trigger: CycleTrigger) -> InterfaceCycle:
        plan = self._plan
        return InterfaceCycle(
            plan.service_id, self._clock.now(), due_at, trigger, CycleOutcome.RUNNING, len(plan.probes)
        )

    async def run(self, begun: InterfaceCycle) -> InterfaceCycle:
        """The cycle with its statistics, once all operations have been asked."""
        async with asyncio.TaskGroup() as group:
            for probe in self._plan.probes.values():
                group.create_task(self._operation(probe))
        outcome = CycleOutcome.AUTH if self.login_problem else CycleOutcome.COMPLETED
        return replace(begun, outcome=outcome, finished_at=self._clock.now(), statistics=cycle_statistics(self._ended))

    async def _operation(self, probe: Probe) -> None:
        key = probe.operation.key
        host = self._host(key.origin)
        asked = 0
        while True:
            try:
                async with host.slot(urgent=asked > 0):
                    asked += 1
                    record = await self._asked(probe, host, asked)
            except LoginFailed as failed:
                self.login_problem = str(failed)
                return
            if self._heard(key, record, asked):
                return
            await asyncio.sleep(CONFIRM_SECONDS)

    def _host(self, origin: str) -> HostLimits:
        config = self._plan.config
        return self._hosts.setdefault(origin, HostLimits(config.concurrency, config.rate))

    def _heard(self, key: OperationKey, record: ProbeRecord, asked: int) -> bool:
        """Follow what a probe showed; whether it needs no further one."""
        before = self._states[key]
        confirmed = record.attempts == 0 or is_confirmed(before, record, asked, self._plan.config.failures)
        state = self._states[key] = after_probe(before, record, confirmed=confirmed)
        self._sink.state(self._plan.numbers[key], state, record if confirmed else None)
        if confirmed:
            self._ended.append((key, record))
        return confirmed

    async def _asked(self, probe: Probe, host: HostLimits, asked: int) -> ProbeRecord:
        if host.broken:
            # A host that reaches nobody is spared, and the cycle comes to its end in time.
            said = f"not asked, because its host could not be reached: {host.broken}"
            return ProbeRecord(self._clock.now(), ok=False, reason=CheckFailure.CONNECT, attempts=0, message=said)
        outcome = await self._outcome(probe)
        if not outcome.steps:
            # The steps of a suite ask other hosts, too.
            host.ended(reached=outcome.result.failure not in _NOT_REACHED, detail=outcome.result.detail)
        return probe_record(outcome, asked)

    async def _outcome(self, probe: Probe) -> ProbeOutcome:
        """What a probe shows; what fails here says nothing about the operation."""
        begun = self._clock.now()
        try:
            return await probe.outcome(self)
        except ConfigurationError as error:
            return ProbeOutcome(CheckResult(begun, CheckFailure.OURS, str(error)))
        except LoginFailed:
            raise
        except Exception:  # noqa: BLE001  the boundary of a job: other operations are asked all the same
            structlog.get_logger().exception("interface_probe_crashed", operation=str(probe.operation.key))
            return ProbeOutcome(CheckResult(begun, CheckFailure.OURS, "the probe itself failed; the log says why"))

    def now(self) -> datetime:
        return self._clock.now()

    async def answer(self, request: CheckRequest) -> CheckResult:
        """The answer to a request with its body, asked for once for all probes of this cycle that need it."""
        name = request.method, request.url
        async with self._asking.setdefault(name, asyncio.Lock()):
            if name not in self._answers:
                self._answers[name] = await self.ask(replace(request, keeps_answer=True), further=True)
            return self._answers[name]

    async def ask(self, request: CheckRequest, *, with_login: bool = True, further: bool = False) -> CheckResult:
        """The answer to a request with what lets it in; a token that is refused is renewed once."""
        if further:
            scheme, _, rest = request.url.partition("://")
            await self._host(f"{scheme}://{rest.partition('/')[0]}").pace()
        result = await self._let_in.check(request, with_login=with_login)
        [judged] = await self._network.judged([(request.url, result)])
        return judged
