"""What a cycle over forty areas and all items asks for: python tests/benchmarks/bench_cycle.py.

A first cycle of every collection, and the following ones of half a day, on a throw-away database with a source that
answers at once. Prints one JSON line for each figure; exit code 1 where a cycle would not fit into its time at the
token's rate, where work that was left is not named, or where a window waits for more than one cycle.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import structlog

from app.clock import FixedClock
from app.collection.repository import RunRepository
from app.collection.service import CollectionService
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.db.rate_limit_lanes import steady_rate
from app.market.areas import AreaKind, Place, areas
from app.market.series import DataItem
from app.market.time import Interval
from app.scheduling.due import GapDue
from app.scheduling.jobs.collection import COLLECT, BoundedCollection, CollectionJobs, largest_run
from app.scheduling.models import JobSpec, RunReport, RunTrigger, Ticket
from app.scheduling.plan import Plan
from app.scheduling.schedules import due_slots, parse_schedule
from app.settings import DatabaseSettings, EntsoeSettings
from app.sources.source import Fetched
from app.timeseries.repository import TimeSeriesRepository
from app.wiring.catalog import CATALOG
from tests.support.fakes import FakeSource, hourly
from tests.support.services import correction_service, gap_service

START = datetime(2026, 3, 10, 9, 0, 10, tzinfo=UTC)
HOURS = 6
CYCLE = timedelta(minutes=30)
AREAS = 40


class Bench:
    """The jobs of a service on one clock."""

    def __init__(self, database: Database) -> None:
        self.clock = FixedClock(START)
        # Every hour that has begun, in the windows of the platform.
        self.source = FakeSource(self._answer)
        self.source.name, self.source.catalog = "entsoe", CATALOG
        entsoe = EntsoeSettings()
        self.per_minute = steady_rate(entsoe.requests_per_minute, entsoe.burst) * 60
        series, gaps = TimeSeriesRepository(database), gap_service(database)
        again = correction_service(database)
        collection = CollectionService(self.source, series, RunRepository(database), self.clock, concurrency=8)
        limit = largest_run(entsoe.requests_per_minute)
        bounded = BoundedCollection(collection, gaps, self.clock, largest_run=limit, at_once=2)
        self.jobs = CollectionJobs(
            bounded, bounded, GapDue(gaps, again, CATALOG, recent_days=7), again, self.clock, catalog=CATALOG
        )
        found = [one for one in areas().values() if one.kinds >= {AreaKind.COUNTRY} or one.code.startswith("DE_")]
        self.plan = Plan(
            tuple(one.code for one in found[:AREAS]), tuple(item.value for item in DataItem), catalog=CATALOG
        )

    def _answer(self, item: DataItem, place: Place, window: Interval) -> Fetched:
        end = min(window.end, self.clock.now())
        return hourly(item, place, Interval(window.start, end)) if window.start < end else Fetched([])

    async def run(self, job: JobSpec) -> RunReport:
        return await self.jobs.collect(Ticket(job.name, job.kind, job.params, self.clock.now(), RunTrigger.CRON))

    def due(self, first: bool) -> list[JobSpec]:
        """The jobs whose slots lie in the cycle that ends now; at the start all of them."""
        collecting = [job for job in self.plan.jobs() if job.kind == COLLECT]
        now = self.clock.now()
        return [job for job in collecting if first or list(due_slots(parse_schedule(job.schedule), now - CYCLE, now))]

    async def cycle(self, number: int) -> bool:
        """One cycle; whether it fits into its time and names what it leaves."""
        self.clock.set(START + number * CYCLE)
        self.source.asked.clear()
        begun, reports = time.perf_counter(), Counter[str]()
        left: list[str] = []
        for job in self.due(first=number == 0):
            report = await self.run(job)
            reports[report.outcome.value] += 1
            left += [reason for reason in report.skipped if "the next run begins with them" in reason]
        requests = len(self.source.asked)
        minutes = requests / self.per_minute
        line = {"figure": "cycle requests", "cycle": number, "value": requests, "jobs": reports, "left": len(left)}
        tell(line | {"minutes_at_rate": round(minutes, 2), "own_seconds": round(time.perf_counter() - begun, 1)})
        return minutes <= CYCLE.total_seconds() / 60 and (number == 0 or not left)


def tell(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def measure(url: str) -> int:
    await migrate(url)
    database = Database(DatabaseSettings(), url)
    bench = Bench(database)
    fits = [await bench.cycle(number) for number in range(int(HOURS / (CYCLE / timedelta(hours=1))))]
    await database.close()
    tell({"figure": "cycle areas and items", "areas": len(bench.plan.areas), "items": len(bench.plan.items)})
    return int(not all(fits))


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    folder = Path(tempfile.mkdtemp(prefix="gridkeeper-bench-"))
    folder.chmod(0o755)
    server = start_embedded(folder)
    try:
        return asyncio.run(measure(server.url))
    finally:
        server.release()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
