"""A suite as one probe of its service: its steps in order, then its cleanup, and what came of each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from app.errors import ConfigurationError
from app.net.masking import redacted
from app.probes.config import ServiceConfig
from app.probes.interfaces.logins.models import LoginFailed
from app.probes.interfaces.models import OperationKey, ProbedOperation, StepRecord
from app.probes.interfaces.requests import ProbeOutcome, RequestAsker
from app.probes.interfaces.suites.models import SUITE, SuiteConfig, SuiteStep
from app.probes.interfaces.suites.requests import (
    follow_cookies,
    needed_by,
    origin_of,
    secrets_of,
    step_request,
    taken_values,
    value_kind,
)
from app.probes.interfaces.suites.templates import ValueMissing
from app.probes.kept import reason_of, storable
from app.probes.models import CheckFailure, CheckPhases, CheckRequest, CheckResult

CLEANUP_SECONDS = 5.0
"""For the cleanup of a suite that is broken off, as when the process ends."""
SHOWN = 500


def suite_probes(config: ServiceConfig) -> dict[OperationKey, SuiteProbe]:
    """The suites of a service at each of their base URLs."""
    found = [SuiteProbe(config, suite, base) for suite in config.suites for base in suite.base_urls]
    return {probe.operation.key: probe for probe in found}


@dataclass(frozen=True, slots=True)
class SuiteProbe:
    """A suite of a service at one base URL."""

    config: ServiceConfig = field(repr=False)
    suite: SuiteConfig
    base_url: str

    @property
    def operation(self) -> ProbedOperation:
        scheme, host, port = origin_of(self.base_url)
        usual = {"http": 80, "https": 443}[scheme]
        place = f"[{host}]" if ":" in host else host
        origin = f"{scheme}://{place}" + ("" if port == usual else f":{port}")
        path = self.base_url.partition("://")[2].partition("/")[2].strip("/")
        key = OperationKey(SUITE, origin, f"{f'/{path}' if path else ''}#{self.suite.name}")
        return ProbedOperation(key, self.suite.name)

    async def outcome(self, asker: RequestAsker) -> ProbeOutcome:
        return await _SuiteRun(self, asker).run()


class _SuiteRun:
    def __init__(self, probe: SuiteProbe, asker: RequestAsker) -> None:
        self._config, self._suite, self._base = probe.config, probe.suite, probe.base_url
        self._asker = asker
        self._values: dict[str, Any] = dict(probe.suite.variables)
        self._taken: dict[str, Any] = {}
        self._newest: dict[str, Any] = {}
        """What the last answer gave."""
        self._cookies: dict[tuple[str, str, int], dict[str, str]] = {}
        self._asked = False
        self._steps: list[StepRecord] = []
        self._results: list[CheckResult] = []
        self._failed: CheckResult | None = None

    async def run(self) -> ProbeOutcome:
        try:
            for number, step in enumerate(self._suite.steps, 1):
                await self._do(number, step)
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLEANUP_SECONDS):
                    await self._clean()
            raise
        except LoginFailed:
            await self._clean()
            raise
        await self._clean()
        return ProbeOutcome(self._whole(), tuple(self._steps))

    async def _do(self, number: int, step: SuiteStep) -> None:
        if self._failed is not None:
            said = "the service asked for fewer requests" if self._failed.throttled else "an earlier step failed"
            self._steps.append(_skipped(number, step, said, cleanup=False))
            return
        result = await self._asked_for(step)
        self._steps.append(self._record(number, step, result, cleanup=False))
        if result.failure is not None:
            place = f"step {number} of {len(self._suite.steps)}, {step.name}"
            self._failed = replace(result, detail=f"{place}: {result.detail}")

    async def _clean(self) -> None:
        """Every request whose values are there; one that fails fails the suite where its steps did not."""
        if not self._asked:
            return
        for number, step in enumerate(self._suite.cleanup, 1):
            missing = sorted(needed_by(step) - self._values.keys())
            if missing:
                said = f"no step gave {', '.join(missing)}, so that there is nothing to clean up"
                self._steps.append(_skipped(number, step, said, cleanup=True))
                continue
            try:
                result = await self._asked_for(step)
            except LoginFailed as failed:
                result = self._unsent(f"there is no token for it: {failed}")
            self._steps.append(self._record(number, step, result, cleanup=True))
            if result.failure is not None and self._failed is None:
                self._failed = replace(result, detail=f"cleanup, {step.name}: {result.detail}")

    async def _asked_for(self, step: SuiteStep) -> CheckResult:
        self._newest = {}
        try:
            request = self._request(step)
            own = origin_of(request.url) == origin_of(self._base)
            further, self._asked = self._asked, True
            result = await self._asker.ask(request, with_login=self._suite.with_auth and own, further=further)
        except LoginFailed:
            self._asked = bool(self._results)
            raise
        except (ValueMissing, ValueError, ConfigurationError) as error:
            # The file was checked with samples: it is what an answer gave that cannot be sent.
            return self._unsent(redacted(f"its request cannot be sent: {error}", self._secrets(), SHOWN))
        self._results.append(result)
        return self._followed(step, request, result)

    def _request(self, step: SuiteStep) -> CheckRequest:
        base = self._base
        request = step_request(step, base, self._values, {})
        origin = origin_of(request.url)
        request = step_request(step, base, self._values, self._cookies.get(origin, {}))
        headers = dict(request.headers)
        if origin == origin_of(base):
            own = {name.lower() for name in headers}
            headers = {name: text for name, text in self._config.headers.items() if name.lower() not in own} | headers
        return replace(
            request,
            headers=headers,
            timeout=self._config.timeout / timedelta(seconds=1),
            secrets=tuple(self._secrets()),
        )

    def _secrets(self) -> list[str]:
        cookies = [value for jar in self._cookies.values() for value in jar.values()]
        return [*self._suite.secrets, *self._config.headers.values(), *secrets_of(self._taken, cookies)]

    def _unsent(self, detail: str) -> CheckResult:
        return CheckResult(self._asker.now(), CheckFailure.CONDITION, detail)

    def _followed(self, step: SuiteStep, request: CheckRequest, result: CheckResult) -> CheckResult:
        """Take what the answer gives, so that neither it nor anything else shows it."""
        follow_cookies(self._cookies.setdefault(origin_of(request.url), {}), result)
        values, problems = taken_values(step.takes, result) if result.status is not None else ({}, [])
        self._values |= values
        self._taken |= values
        self._newest = values
        if result.failure is None and problems:
            result = replace(result, failure=CheckFailure.CONDITION, detail="; ".join(problems))
        if result.failure is None:
            return result
        secrets = self._secrets()
        # An answer that was meant to hold a token and cannot be read may hold it all the same.
        hides = bool(problems) and result.status is not None and result.status < 300
        excerpt = "" if hides else redacted(result.excerpt, secrets, 2000)
        return replace(result, detail=redacted(result.detail, secrets, SHOWN), excerpt=excerpt)

    def _record(self, number: int, step: SuiteStep, result: CheckResult, *, cleanup: bool) -> StepRecord:
        taken = tuple(value_kind(name, value) for name, value in self._newest.items())
        return replace(_record(number, step, result, cleanup=cleanup), taken=taken)

    def _whole(self) -> CheckResult:
        """What the suite shows as one check."""
        results, failed = self._results, self._failed
        shown = failed or (results[-1] if results else None)
        took = sum(result.phases.whole or 0.0 for result in results)
        return CheckResult(
            results[0].time if results else self._asker.now(),
            failed.failure if failed is not None else None,
            failed.detail if failed is not None else "",
            status=shown.status if shown is not None else None,
            phases=CheckPhases(whole=took),
            received=sum(result.received for result in results),
            address=shown.address if shown is not None else None,
            excerpt=failed.excerpt if failed is not None else "",
        )


def _request_of(step: SuiteStep) -> str:
    return f"{step.method} {step.target}"


def _skipped(number: int, step: SuiteStep, said: str, *, cleanup: bool) -> StepRecord:
    return StepRecord(number, step.name, _request_of(step), cleanup=cleanup, skipped=True, message=said)


def _record(number: int, step: SuiteStep, result: CheckResult, *, cleanup: bool) -> StepRecord:
    phases, reason = result.phases, reason_of(result)
    return StepRecord(
        number,
        step.name,
        _request_of(step),
        cleanup=cleanup,
        ok=not reason,
        reason=reason,
        status=result.status,
        dns_ms=phases.dns,
        connect_ms=phases.connect,
        tls_ms=phases.tls,
        first_byte_ms=phases.first_byte,
        total_ms=phases.whole or 0.0,
        bytes=result.received,
        address=result.address or "",
        message=storable(result.detail),
    )
