"""A scheduler on a real database, with handlers that only remember."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.clock import Clock, SystemClock
from app.db.engine import Database
from app.scheduling.dispatcher import JobHandler
from app.scheduling.jobs.declaration import DECLARED
from app.scheduling.models import JobOutcome, JobRun, RunReport, Ticket
from app.scheduling.plan_file import PlanFile
from app.scheduling.repository import JobRunRepository
from app.scheduling.service import SchedulerService
from app.settings import CollectionSettings, SchedulerSettings
from app.wiring.catalog import CATALOG

QUICK: dict[str, Any] = {"heartbeat": 0.2, "takeover_after": 1.0, "tick": 0.2, "drain_seconds": 1.0, "backoff": 0.1}
COLLECTION = CollectionSettings(areas=("FR",), items=("load_actual",))


class Remembering:
    """A handler that remembers its tickets and says what the test wants."""

    def __init__(self, act: Callable[[Ticket], RunReport] | None = None, *, seconds: float = 0.0) -> None:
        self.tickets: list[Ticket] = []
        self._act = act
        self._seconds = seconds

    async def __call__(self, ticket: Ticket) -> RunReport:
        self.tickets.append(ticket)
        if self._seconds:
            await asyncio.sleep(self._seconds)
        return self._act(ticket) if self._act else RunReport(JobOutcome.SUCCEEDED, "done")


def every_kind(handler: JobHandler) -> dict[str, JobHandler]:
    return dict.fromkeys(DECLARED, handler)


def service(
    database: Database,
    handlers: Mapping[str, JobHandler],
    *,
    plan: Path = Path("there-is-no-such-file"),
    clock: Clock | None = None,
    **settings: Any,
) -> SchedulerService:
    return SchedulerService(
        database,
        JobRunRepository(database),
        handlers,
        PlanFile(plan, COLLECTION, CATALOG),
        settings=SchedulerSettings.model_validate(QUICK | settings),
        clock=clock or SystemClock(),
    )


@asynccontextmanager
async def serving(scheduler: SchedulerService) -> AsyncIterator[asyncio.Event]:
    """The service runs within the block; its event stops it earlier."""
    stop = asyncio.Event()
    task = asyncio.create_task(scheduler.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await task


async def until(found: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until the function's answer is true."""
    async with asyncio.timeout(seconds):
        while not found():  # noqa: ASYNC110  what is waited for tells nobody
            await asyncio.sleep(0.02)


async def runs_until(
    database: Database, found: Callable[[list[JobRun]], object], seconds: float = 60.0
) -> list[JobRun]:
    """The recorded runs as soon as the function's answer on them is true."""
    repository = JobRunRepository(database)
    async with asyncio.timeout(seconds):
        while not found(runs := await repository.history(limit=10_000)):  # noqa: ASYNC110  nor do rows
            await asyncio.sleep(0.05)
    return runs


async def rows(database: Database, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]
