"""One service while it is probed: its documents as they change, what is asked of it, and how its operations stand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import structlog

from app.clock import Clock
from app.errors import DatabaseUnavailable
from app.probes.config import ServiceConfig, is_url
from app.probes.interfaces.cycles.run import Probe, ServicePlan
from app.probes.interfaces.documents import (
    DocumentScans,
    DocumentsNow,
    KeptDocument,
    documents_now,
    names_of,
    planned_probes,
)
from app.probes.interfaces.fetching import DocumentFetcher
from app.probes.interfaces.models import OperationKey, OperationState
from app.probes.interfaces.repository import InterfaceRepository
from app.probes.interfaces.requests import operation_probes
from app.probes.interfaces.suites.answers import answer_probes
from app.probes.interfaces.suites.probe import suite_probes

SCAN_SECONDS = 20.0
RETRY_SECONDS = 2.0


class ServiceWatch:
    """The plan is None until the documents have been scanned and the operations have numbers."""

    slot: datetime

    def __init__(
        self,
        config: ServiceConfig,
        folder: Path,
        rows: InterfaceRepository,
        clock: Clock,
        documents: Mapping[str, KeptDocument],
    ) -> None:
        self.config = config
        self.plan: ServicePlan | None = None
        self.states: dict[OperationKey, OperationState] = {}
        self._folder = folder
        self._rows = rows
        self._clock = clock
        self._reader = DocumentScans()
        self._documents = documents
        self._kept: tuple[ServiceConfig, Mapping[str, KeptDocument], tuple[str, ...]] | None = None
        """What stands in the database."""
        self._scanning: asyncio.Task[None] | None = None
        self._scan_at = 0.0
        self._log = structlog.get_logger()

    def use(self, config: ServiceConfig) -> None:
        """Another configuration, which counts with the next scan."""
        if config != self.config:
            self.config, self._scan_at = config, 0.0

    def keep_again(self) -> None:
        """Write anew what stands in the database: somebody whose file differs has removed it."""
        self._kept, self._scan_at = None, 0.0

    def scan_if_due(self, fetcher: DocumentFetcher) -> None:
        """Begin to scan in the background, so that a slow document holds up nobody else."""
        loop = asyncio.get_running_loop()
        if self._scanning is None and loop.time() >= self._scan_at:
            self._scan_at = loop.time() + SCAN_SECONDS
            self._scanning = asyncio.create_task(self._guarded(fetcher), name=f"documents of {self.config.name}")
            self._scanning.add_done_callback(self._scanned)

    async def close(self) -> None:
        if self._scanning is not None:
            self._scanning.cancel()
            await asyncio.gather(self._scanning, return_exceptions=True)

    def _scanned(self, _: object) -> None:
        self._scanning = None

    async def _guarded(self, fetcher: DocumentFetcher) -> None:
        try:
            await self.scan(fetcher)
        except DatabaseUnavailable:
            # Told by whoever writes the results; the plan stays as it is.
            self._scan_at = asyncio.get_running_loop().time() + RETRY_SECONDS
        except Exception:  # noqa: BLE001  the boundary of a job: other services are scanned all the same
            self._log.exception("interface_scan_crashed", service=self.config.name)

    async def scan(self, fetcher: DocumentFetcher) -> None:
        """Read what changed in the documents, and take up what follows from it."""
        config = self.config
        fetched = await fetcher.fetch(name for name in config.documents if is_url(name))
        found = await asyncio.to_thread(self._found, config, fetched)
        state = (config, found.documents, found.problems)
        if state == self._kept:
            return
        probes = await asyncio.to_thread(_probes, config, found)
        number, rows = await self._rows.keep_service(
            config,
            self._documents,
            found,
            [probe.operation for probe in probes.values()],
            self._clock.now(),
        )
        self._kept, self._documents = state, found.documents
        numbers = {row.operation.key: row.operation_id for row in rows}
        for row in rows:
            self.states.setdefault(row.operation.key, row.state)
        self.plan = ServicePlan(number, config, {key: probes[key] for key in numbers}, numbers)
        for problem in found.problems:
            self._log.warning("interface_document_refused", service=config.name, problem=problem)
        if found.changes:
            self._log.info("interface_contract_changed", service=config.name, changes=len(found.changes))

    def _found(self, config: ServiceConfig, fetched: Mapping[str, Path | str]) -> DocumentsNow:
        reading = self._reader.read(config, self._folder, fetched)
        return documents_now(self._documents, reading, names_of(config, self._folder), self._clock.now())


def _probes(config: ServiceConfig, found: DocumentsNow) -> dict[OperationKey, Probe]:
    planned = planned_probes(config, found.documents)
    return {**answer_probes(config, planned), **operation_probes(config, planned), **suite_probes(config)}
