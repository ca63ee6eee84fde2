"""A service to be asked for its health: small real parts whose state the test sets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from app.collection.models import CollectionRun, Outcome
from app.collection.source_health import SourceHealth
from app.db.status import AlertCounts, Backlog, DatabaseState, HealthCheck
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.scheduling.models import JobOutcome, RunEnd, RunReport, RunTrigger, Ticket
from app.scheduling.service import LEADER, SchedulerStatus
from app.settings import Origin
from app.sources.source import FetchStatistics
from app.tasks.backend import Priority, TaskStats
from app.web.health import ServiceState
from app.web.metrics.service import Metrics, PoolState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
GOOD = DatabaseState(
    database=HealthCheck("18.4"),
    schema=HealthCheck("0005"),
    level=HealthCheck("plain PostgreSQL"),
    origin=HealthCheck("sandbox"),
    backlog=Backlog(1.5, 0.0),
    alerting=HealthCheck("no alert"),
    alerts=AlertCounts(firing=3, waiting=2),
)
IDLE = TaskStats(dict.fromkeys(Priority, 0), dict.fromkeys(Priority, 0), 0, 0, None)


def status(**changes: Any) -> SchedulerStatus:
    """A leader that ticks."""
    values: dict[str, Any] = {
        "role": LEADER,
        "name": "host:1",
        "epoch": 3,
        "tick_age": 1.0,
        "round_age": 0.5,
        "running": 2,
        "jobs": 15,
        "plan_error": "",
        "database_error": "",
        "alive": True,
    }
    return SchedulerStatus(**values | changes)


@dataclass
class KnownDatabase:
    """A database whose state the test has chosen; `hangs` lets nobody know it."""

    state: DatabaseState = GOOD
    hangs: bool = False
    looks: int = 0
    closed: bool = False

    async def look(self) -> DatabaseState:
        self.looks += 1
        if self.hangs:
            await asyncio.Event().wait()
        return self.state

    async def close(self) -> None:
        self.closed = True


@dataclass
class Service:
    """What the probes see."""

    scheduler: SchedulerStatus = field(default_factory=status)
    tasks: TaskStats = IDLE
    database: KnownDatabase = field(default_factory=KnownDatabase)
    platform: SourceHealth = field(default_factory=SourceHealth)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Metrics(self.platform)

    def probes(self) -> ServiceState:
        return ServiceState(
            scheduler=lambda: self.scheduler,
            tasks=lambda: self.tasks,
            pool=lambda: PoolState(5, 2),
            database=self.database,
            origin=Origin.SANDBOX,
            metrics=self.metrics,
            platform=self.platform,
        )


@asynccontextmanager
async def asking(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without a server between."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        yield client


def collection_run(outcome: Outcome = Outcome.STORED, **changes: Any) -> CollectionRun:
    """A window of French load that took 2.5 s and one retry."""
    values: dict[str, Any] = {
        "source": "entsoe",
        "item": DataItem.LOAD_ACTUAL,
        "place": find_place("FR"),
        "window": Interval(NOW - timedelta(days=1), NOW),
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=2.5),
        "outcome": outcome,
        "statistics": FetchStatistics(requests=2, retries=1, bytes=1000, api_seconds=1.0, parse_seconds=0.25),
        "store_seconds": 0.5,
    }
    return CollectionRun(**values | changes)


def run_end(
    *, kind: str = "collect", trigger: RunTrigger = RunTrigger.CRON, late: float = 0.2, attempt: int = 1
) -> RunEnd:
    """An attempt of three seconds that succeeded."""
    ticket = Ticket("collect:load_actual", kind, {}, NOW, trigger, attempt)
    started = NOW + timedelta(seconds=late)
    return RunEnd(ticket, started, started + timedelta(seconds=3), RunReport(JobOutcome.SUCCEEDED))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def answered(client: httpx.AsyncClient, url: str, holds: Callable[[httpx.Response], bool]) -> httpx.Response:
    """The first answer of which the function is true."""
    async with asyncio.timeout(120):
        while True:
            try:
                found = await client.get(url)
            except httpx.ConnectError:
                found = None
            if found is not None and holds(found):
                return found
            await asyncio.sleep(0.1)
