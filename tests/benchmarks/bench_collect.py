"""`collect` of generation, 12 areas by 12 monthly windows, from a sandbox with 100 ms latency in a process of its own.

The reference is what no program can avoid: the longer of latency and budget, then reading and storing, one by one.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from app.clock import SystemClock
from app.collection.models import CollectionRequest, Summary, Work
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.entsoe.items import ITEMS
from app.logging import configure_logging
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.settings import DatabaseSettings, EntsoeSettings, LogSettings, Settings
from app.sources.entsoe.client import TOKEN_HEADER, query_parameters
from app.sources.entsoe.parsing.parser import read_documents
from app.sources.entsoe.source import to_blocks
from app.tasks.memory import favour_the_event_loop
from app.timeseries.repository import TimeSeriesRepository
from app.wiring.container import Container

AREAS = ("AT", "BE", "CZ", "DE_LU", "DK_1", "ES", "FI", "FR", "HU", "NL", "PL", "PT")
YEAR = Interval(datetime(2024, 12, 31, 23, tzinfo=UTC), datetime(2025, 12, 31, 23, tzinfo=UTC))
LATENCY = 0.1
ITEM = DataItem.GENERATION_ACTUAL
TOKEN = "00000000-0000-4000-8000-000000000000"


@contextmanager
def sandbox() -> Iterator[str]:
    """The endpoint of a sandbox in its own process."""
    command = [sys.executable, "-m", "app", "sandbox", "--port", "0", "--latency", str(LATENCY), "--limit", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = next(match for line in process.stdout if (match := re.search(r"http://\S+/api", line)))
        try:
            yield found[0]
        finally:
            process.terminate()
            process.communicate()


class LoopWatch:
    """The longest time for which the event loop did nothing else."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            self.longest = max(self.longest, time.perf_counter() - before - 0.005)


async def collected(url: str, database: Database) -> tuple[float, float, Summary, list[Work]]:
    """Seconds, the longest stall of the loop, what was collected, and the windows."""
    entsoe = EntsoeSettings(base_url=url, token=TOKEN)  # type: ignore[arg-type]  # pydantic converts
    container = Container(settings=Settings(entsoe=entsoe), database=database, echo=lambda _text: None)
    service, summary, watch = container.sources().live().service, Summary(), LoopWatch()
    work = service.plan(CollectionRequest(ITEM, find_place(area), YEAR) for area in AREAS)
    watching = asyncio.create_task(watch.run())
    begun = time.perf_counter()
    await service.collect_all(work, summary.add)
    seconds = time.perf_counter() - begun
    watching.cancel()
    await container.sources().live().aclose()
    return seconds, watch.longest, summary, work


async def unavoidable(url: str, database: Database, work: list[Work]) -> tuple[float, float]:
    """Seconds to read and seconds to store the same answers one by one."""
    parse = store = 0.0
    repository = TimeSeriesRepository(database)
    async with httpx.AsyncClient(headers={TOKEN_HEADER: TOKEN}, timeout=60) as http:
        for one in work:
            body = (await http.get(url, params=query_parameters(ITEMS[ITEM], one.place, one.window))).content
            begun = time.perf_counter()
            curves = [curve for document in read_documents(body) for curve in document.curves]
            blocks = to_blocks(ITEMS[ITEM], one.place, curves)
            parse += time.perf_counter() - begun
            begun = time.perf_counter()
            await repository.store(blocks, learned_at=SystemClock().now(), answered=one.window)
            store += time.perf_counter() - begun
    return parse, store


async def fresh(url: str, name: str) -> Database:
    admin = Database(DatabaseSettings(), url)
    async with admin.connection() as connection:
        await connection.execute(f"create database {name}")
    await admin.close()
    database = Database(DatabaseSettings(), url.replace("/gridkeeper?", f"/{name}?"))
    await migrate(database)
    return database


def say(name: str, value: float, unit: str, reference: float, target: str) -> None:
    """One figure as a line of JSON."""
    line = {"name": name, "value": round(value, 4), "unit": unit, "reference": round(reference, 4)}
    print(json.dumps(line | {"ratio": round(value / reference, 3), "target": target}), flush=True)  # noqa: T201


async def main() -> None:
    """Measure once: a run lasts as long as the budget makes it."""
    configure_logging(LogSettings(level="warning"))
    favour_the_event_loop()
    with tempfile.TemporaryDirectory(prefix="gk-bench-") as folder, sandbox() as url:
        server = await asyncio.to_thread(start_embedded, Path(folder) / "data")
        try:
            first, second = await fresh(server.url, "first"), await fresh(server.url, "second")
            seconds, stall, summary, work = await collected(url, first)
            assert not summary.failures, summary.failures[0].error_message
            parse, store = await unavoidable(url, second, work)
            entsoe = EntsoeSettings()
            steady = (entsoe.requests_per_minute - entsoe.burst + 1) / 60
            budget = max(0.0, (len(work) - entsoe.burst) / steady)
            floor = max(LATENCY * len(work) / entsoe.concurrency, budget) + parse + store
            values = sum(totals.received for totals in summary.sums)
            say(f"collect {len(work)} windows, {values} values, 100 ms latency", seconds, "s", floor, "<= 1.5")
            say("longest stall of the event loop while collecting", stall, "s", 0.05, "<= 1")
            await first.close()
            await second.close()
        finally:
            server.release()


if __name__ == "__main__":
    asyncio.run(main())
