"""Who sends the requests of probes."""

from __future__ import annotations

from typing import Protocol

from app.probes.models import CheckRequest, CheckResult


class ProbeSender(Protocol):
    """Sends requests; `HttpChecker` for one."""

    async def check(self, request: CheckRequest) -> CheckResult: ...

    def close(self) -> None: ...
