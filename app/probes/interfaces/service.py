"""What people see of services whose interfaces are probed, and the cycle that they ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from app.clock import Clock
from app.errors import NotFound
from app.kit.suggest import did_you_mean
from app.kit.yaml.fields import suggestion
from app.probes.interfaces import sql
from app.probes.interfaces.documents import KeptDocument
from app.probes.interfaces.logins.sql import TOKENS, TOKENS_KEPT
from app.probes.interfaces.models import (
    InterfaceChange,
    InterfaceCycle,
    OperationRow,
    OperationStatus,
    ProbeRecord,
    ServiceOverview,
    SuiteRow,
)
from app.probes.interfaces.repository import InterfaceRepository

MOST_SERVICES = 10_000


class InterfaceService:
    """The services of one database."""

    def __init__(self, repository: InterfaceRepository, clock: Clock, *, kept_days: int) -> None:
        self._repository = repository
        self._clock = clock
        self._kept = timedelta(days=kept_days)

    async def page(self, after: int, limit: int) -> list[ServiceOverview]:
        return await self._repository.overviews(after, limit)

    async def all(self) -> list[ServiceOverview]:
        return await self._repository.overviews(0, MOST_SERVICES)

    async def read(self, service_id: int) -> ServiceOverview:
        """NotFound where there is none."""
        return await self._repository.overview(service_id)

    async def find(self, text: str) -> ServiceOverview:
        """The service of a name, else of a number; NotFound with near names."""
        found = await self._repository.named(text)
        if found is not None:
            return found
        if text.isascii() and text.isdigit() and len(text) < 19:
            return await self._repository.overview(int(text))
        near = did_you_mean(text, [one.name for one in await self.all()], otherwise="", most=3)
        raise NotFound(f"there is no service {text!r}; `gridkeeper interfaces list` shows them all{near}")

    async def operations(
        self, service_id: int, *, status: OperationStatus | None, after: int, limit: int
    ) -> list[OperationRow]:
        """Operations in the order of their numbers; NotFound where there is no such service."""
        await self._repository.overview(service_id)
        return await self._repository.operations(service_id, status, after, limit)

    async def worst(self, service_id: int, limit: int) -> list[OperationRow]:
        """Operations, those that fail longest first."""
        return await self._repository.worst(service_id, limit)

    async def operation(self, operation_id: int) -> OperationRow:
        """NotFound where there is none."""
        return await self._repository.operation(operation_id)

    async def documents(self, service_id: int) -> Mapping[str, KeptDocument]:
        """The documents of a service as they were last read in good order, by their files."""
        return await self._repository.documents(service_id)

    async def cycles(self, service_id: int, *, before: datetime | None, limit: int) -> Sequence[InterfaceCycle]:
        """The newest first; NotFound where there is no such service."""
        await self._repository.overview(service_id)
        return await self._repository.cycles(service_id, before, limit)

    async def results(self, operation_id: int, *, before: datetime | None, limit: int) -> Sequence[ProbeRecord]:
        """The newest first; NotFound where there is no such operation."""
        return await self._repository.results(operation_id, before, limit)

    async def changes(self, service_id: int, *, before: int | None, limit: int) -> Sequence[InterfaceChange]:
        """The newest first; NotFound where there is no such service."""
        await self._repository.overview(service_id)
        return await self._repository.changes(service_id, before, limit)

    async def suites(self, service_id: int) -> Sequence[SuiteRow]:
        """The suites of a service, and what each step of their last runs did."""
        return await self._repository.suites(service_id)

    async def run_now(self, service_id: int, suite: str = "") -> ServiceOverview:
        """Let the running service begin a cycle at once, or run one suite; Conflict where a cycle runs.

        NotFound where the service has no such suite.
        """
        if suite:
            found = await self._repository.overview(service_id)
            known = [one.row.operation.name for one in await self._repository.suites(service_id)]
            if suite not in known:
                raise NotFound(f"{found.name} has no suite {suite!r}{suggestion(suite, dict.fromkeys(known))}")
        await self._repository.request(service_id, self._clock.now(), suite)
        return await self._repository.overview(service_id)

    async def is_requested(self, service_id: int) -> bool:
        """Whether nobody has taken up yet what was asked for."""
        return await self._repository.is_requested(service_id)

    async def tidy(self, now: datetime) -> str:
        """Erase old results, and what is left of operations and services that are gone; in words."""
        gone = 0
        for kept in (sql.RESULTS, sql.CYCLES, sql.CHANGES):
            gone += await self._repository.erase_old(kept, now - self._kept)
        for kept in (sql.OPERATIONS, sql.SERVICES):
            gone += await self._repository.erase_old(kept, now)
        gone += await self._repository.erase_old(TOKENS, now - TOKENS_KEPT)
        return f"{gone} rows of old probes of interfaces erased" if gone else ""
