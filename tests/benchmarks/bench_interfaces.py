"""A service of 1,000 interfaces that fails at once: python -m tests.benchmarks.bench_interfaces [--interfaces 1000].

The runner probes a server of the same process over loopback, with a database of its own: a cycle in which all is well, then
one in which everything answers 500. Measured are the latencies of a cycle, rows of the database for each interface of the
failing cycle, the time from the first failure that was seen until the shipped rule fires, and how many alerts that are.
Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog

from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.query_runner import PostgresRunner
from app.alerting.rules.book import read_book
from app.clock import SystemClock
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.probes.interfaces import runner
from app.probes.interfaces.repository import InterfaceRepository
from app.settings import DatabaseSettings
from tests.support.interface_server import (
    ChosenAnswer,
    ReceivedRequest,
    api_document,
    http_service,
    probing,
    until_service,
)

TARGETS = {"alert_seconds": 30.0, "alerts": 1, "rows_per_interface": 2.0, "p95_ms": 2000.0}
_TABLES = ("interface_results", "interface_cycles", "interface_operations", "interface_changes", "alerts", "events")


async def measured(folder: Path, database: Database, url: str, interfaces: int) -> dict[str, Any]:
    failing = False
    rule = read_book([]).checked().rules["interface_service_failing"]
    rows, clock = InterfaceRepository(database), SystemClock()
    queries = PostgresRunner(lambda: {"gridkeeper": url})
    evaluator = RuleEvaluator(queries)

    def answer(_: ReceivedRequest) -> ChosenAnswer:
        return ChosenAnswer(500 if failing else 200)

    async with http_service(answer) as server:
        (folder / "api.json").write_text(api_document([f"/{number}" for number in range(interfaces)]))
        (folder / "interfaces.yaml").write_text(
            f"services: {{shop: {{documents: api.json, base_urls: '{server.url}', rate: 100, concurrency: 20}}}}\n"
        )
        async with probing(database, folder):
            found = await until_service(database, lambda one: one.cycle_outcome == "completed", seconds=120)
            well, before = found, await _rows(database)
            failing = True
            await rows.request(found.service_id, clock.now())
            begun = await _first_failure(rows, found.service_id)
            signals: tuple[Any, ...] = ()
            while not signals:
                signals = (await evaluator.evaluate(rule, clock.now())).signals
                await asyncio.sleep((rule.schedule.next_slot(clock.now()) - clock.now()).total_seconds())
            alert_seconds = time.perf_counter() - begun
            found = await until_service(database, lambda one: one.failing == interfaces, seconds=120)
            found = await until_service(database, lambda one: one.cycle_outcome == "completed", seconds=120)
        signals = (await evaluator.evaluate(rule, clock.now())).signals
    await queries.close()
    cycles = await rows.cycles(found.service_id, None, 2)
    seconds = [(one.finished_at - one.started_at).total_seconds() for one in cycles if one.finished_at]
    return {
        "figure": "interfaces_fail_at_once",
        "interfaces": interfaces,
        "p50_ms": well.p50_ms and round(well.p50_ms, 1),
        "p95_ms": well.p95_ms and round(well.p95_ms, 1),
        "cycle_seconds": round(seconds[-1], 1),
        "failing_cycle_seconds": round(seconds[0], 1),
        "alert_seconds": round(alert_seconds, 1),
        "alerts": len(signals),
        "rows_per_interface": round((await _rows(database) - before) / interfaces, 3),
        "targets": TARGETS,
    }


async def _first_failure(rows: InterfaceRepository, service_id: int) -> float:
    found = await rows.overview(service_id)
    while not found.pending and not found.failing:
        await asyncio.sleep(0.05)
        found = await rows.overview(service_id)
    return time.perf_counter()


async def _rows(database: Database) -> int:
    async with database.connection() as connection:
        return sum([await connection.fetchval(f"select count(*) from {table}") for table in _TABLES])


async def main(interfaces: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    setattr(runner, "first_slot", lambda _, now: now)  # noqa: B010  the first cycle begins at once
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = start_embedded(folder / "database")
        database = Database(DatabaseSettings(), server.url)
        try:
            await database.open()
            await migrate(database)
            print(json.dumps(await measured(folder, database, server.url, interfaces)))  # noqa: T201
        finally:
            await database.close()
            server.release()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--interfaces", type=int, default=1000)
    asyncio.run(main(parser.parse_args().interfaces))
