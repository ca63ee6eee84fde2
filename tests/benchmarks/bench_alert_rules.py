"""How long 1,000 rules take that are due in the same moment: python -m tests.benchmarks.bench_alert_rules.

Each rule is a small statement over the database's own tables, every second one shows a fault, and the service runs as it
does in `serve`, on an embedded server with its usual settings. The reference evaluates the same statements one after the
other with a transaction each, and then writes one row each. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from app.alerting.evaluation.evaluator import RuleEvaluator
from app.alerting.evaluation.query_runner import PostgresRunner
from app.alerting.models import Rule
from app.alerting.rules.parse import OUR_DATABASE
from app.clock import SystemClock
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.settings import AlertingSettings, DatabaseSettings
from tests.conftest import wait_until_stopped
from tests.support.alert_factory import Told, rows, scene, service_of

RULES = 1000
TARGET_SECONDS = 10.0


class At:
    """Due at one instant, then a day later."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def next_slot(self, after: datetime) -> datetime:
        return self._instant if after < self._instant else after + timedelta(days=1)

    def __str__(self) -> str:
        return f"at {self._instant:%H:%M:%S}"


def statement(number: int) -> str:
    return (
        f"select 'area_{number}' as area, count(*) as value from series where {number} % 2 = 0 having {number} % 2 = 0"
    )


async def one_after_the_other(database: Database) -> float:
    begun = time.perf_counter()
    for number in range(RULES):
        async with database.transaction(readonly=True) as connection:
            await connection.fetch(statement(number))
        async with database.transaction() as connection:
            await connection.execute(
                "insert into rule_executions values (now(), $1, 'manual', now(), 0, 'ok', 0, null, null, '', false)",
                f"reference {number}",
            )
    return time.perf_counter() - begun


async def bench(url: str) -> None:
    await migrate(url)
    database = Database(DatabaseSettings(), url)
    reference = await one_after_the_other(database)
    due = datetime.now(UTC) + timedelta(seconds=4)
    rules = [Rule(f"rule_{number}", At(due), sql=statement(number)) for number in range(RULES)]
    settings = AlertingSettings()
    told = Told()
    it = scene(database, *rules, told=told)
    runner = PostgresRunner(lambda: {OUR_DATABASE: url})
    service = service_of(it.repository, it.shelf, RuleEvaluator(runner), SystemClock(), settings)
    stop = asyncio.Event()
    running = asyncio.create_task(service.run(stop))
    await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
    begun, computed = time.perf_counter(), time.process_time()
    async with asyncio.timeout(120):
        while service.status().evaluations < RULES:  # noqa: ASYNC110  the service tells nobody
            await asyncio.sleep(0.01)
    seconds, computed = time.perf_counter() - begun, time.process_time() - computed
    stop.set()
    await running
    [(ran, distinct, failed)] = await rows(
        database,
        "select count(*), count(distinct rule), count(*) filter (where verdict = 'error') from rule_executions "
        "where trigger = 'cron'",
    )
    line = {
        "bench": "alert_rules", "rules": RULES, "evaluated": ran, "skipped": RULES - distinct, "failed": failed,
        "told": len(told.events), "seconds": round(seconds, 2), "cpu_seconds": round(computed, 2),
        "one_after_the_other_seconds": round(reference, 2), "ratio": round(seconds / reference, 2),
        "targets": {"seconds": TARGET_SECONDS, "skipped": 0},
    }  # fmt: skip
    sys.stdout.write(json.dumps(line) + "\n")
    await runner.close()
    await database.close()


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    folder = Path(tempfile.mkdtemp(prefix="gridkeeper-bench-"))
    folder.chmod(0o755)
    server = start_embedded(folder)
    try:
        asyncio.run(bench(server.url))
    finally:
        server.release()
        wait_until_stopped(server)


if __name__ == "__main__":
    main()
