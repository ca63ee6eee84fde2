"""How long the analysis of gaps and the coverage take: python tests/benchmarks/bench_gaps.py.

Fills a throw-away database with counts and with the units of the days that are short, as the store keeps them. Prints
one JSON line for each figure; best of three. Database time is the wall time of the reads, sent one after the other.
"""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.collection.gaps.windows import Gap
from app.collection.models import CollectionRequest
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.market.areas import Place, areas
from app.market.series import DataItem
from app.market.time import Interval, Resolution
from app.settings import DatabaseSettings
from app.timeseries import stored_units as gap_repository
from app.timeseries.coverage import Granularity
from tests.support.services import coverage_service, gap_service

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEST_OF = 3

# Every twentieth day lacks an eighth of its units; a tenth of those days is empty.
FILL = """
    with added as (
        insert into series (source, item, area, psr_type)
        select 'bench', $1, $2, 'B' || lpad(number::text, 3, '0') from generate_series(1, $3::integer) as number
        returning series_id
    ),
    days as (
        select
            series_id,
            day::date as day,
            case
                when (series_id * 7 + extract(doy from day)::integer) % 200 = 0 then 0
                when (series_id * 7 + extract(doy from day)::integer) % 20 = 0 then 86400 / $6 * 7 / 8
                else 86400 / $6
            end as stored
        from added
        cross join generate_series($4::timestamp, $5::timestamp - interval '1 day', interval '1 day') as day
    ),
    counted as (
        insert into daily_counts (series_id, day, resolution, stored)
        select series_id, day, $7::smallint, stored from days where stored > 0
    )
    insert into observations (series_id, delivery_start, resolution, value, filled, recorded_at)
    select series_id, day::timestamp at time zone 'UTC' + unit * $6 * interval '1 second', $7::smallint, 1, false, $5
    from days
    cross join lateral generate_series(0, stored - 1) as unit
    where
        stored between 1 and 86400 / $6 - 1
        or day in ($4::timestamp::date, ($5::timestamp - interval '1 day')::date)
"""

RUNS = """
    insert into collection_runs (source, item, area, window_start, window_end, started_at, finished_at, outcome)
    select 'bench', $1, $2, month, month + interval '1 month', $4, $4, 'stored'
    from generate_series($3::timestamptz, $4, interval '1 month') as month
"""


async def fill(
    database: Database, item: DataItem, places: list[Place], resolution: Resolution, *, years: int, series: int
) -> list[CollectionRequest]:
    """`series` for each item and place, and a request for all of their time."""
    interval = Interval(NOW.replace(year=NOW.year - years), NOW)
    async with database.connection() as connection:
        for place in places:
            await connection.execute(
                FILL, item.value, place.eic, series, interval.start.replace(tzinfo=None), NOW.replace(tzinfo=None),
                resolution.seconds, resolution.id,
            )  # fmt: skip
            await connection.execute(RUNS, item.value, place.eic, interval.start, NOW)
        await connection.execute("analyze")
    return [CollectionRequest(item, place, interval) for place in places]


def report(name: str, value: float, unit: str, target: str, **more: float) -> None:
    sys.stdout.write(
        json.dumps({"name": name, "value": round(value, 3), "unit": unit, "target": target, **more}) + "\n"
    )
    sys.stdout.flush()


async def best(work: Callable[[], Awaitable[object]]) -> float:
    seconds = []
    for _ in range(BEST_OF):
        begun = time.perf_counter()
        await work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


class DatabaseTime:
    """Adds up how long the reads of the stock took."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self) -> None:
        for name in ("extents", "counts", "days", "units"):
            setattr(gap_repository.StockReader, name, self._timed(getattr(gap_repository.StockReader, name)))

    def _timed(self, method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def timed(*arguments: object) -> object:
            begun = time.perf_counter()
            try:
                return await method(*arguments)
            finally:
                self.seconds += time.perf_counter() - begun

        return timed


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


async def scan(
    name: str, database: Database, requests: list[CollectionRequest], target: str, watch: DatabaseTime
) -> None:
    service = gap_service(database)
    found: list[Gap] = []
    in_database: list[float] = []

    async def once() -> None:
        watch.seconds = 0.0
        found[:] = await service.analyse(requests, NOW + timedelta(days=60))
        in_database.append(watch.seconds)

    before = memory()
    seconds = await best(once)
    report(f"{name}_database", min(in_database), "s", target, gaps=len(found))
    report(
        f"{name}_whole", seconds, "s", "beside it: judging and keeping", memory_growth_mb=round(memory() - before, 1)
    )


async def measure(url: str) -> None:
    database = Database(DatabaseSettings(), url)
    await migrate(database)
    known = [area for area in areas().values() if area.since is None and area.until is None]
    watch = DatabaseTime()
    watch.watch()
    small = await fill(database, DataItem.GENERATION_ACTUAL, list(known[:5]), Resolution.PT15M, years=1, series=10)
    await scan("gaps_50_pt15m_1_year", database, small, "< 0.5", watch)
    quarters = await fill(
        database, DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD, list(known[:10]), Resolution.PT15M, years=2, series=10
    )
    hours = await fill(database, DataItem.GENERATION_PER_UNIT, list(known[:20]), Resolution.PT60M, years=2, series=20)
    await scan("gaps_100_pt15m_400_hourly_2_years", database, quarters + hours, "< 5", watch)
    decade = await fill(database, DataItem.INSTALLED_CAPACITY, list(known[:25]), Resolution.PT60M, years=10, series=20)
    coverage = coverage_service(database)
    seconds = await best(lambda: coverage.matrix(decade, NOW, Granularity.MONTH))
    report("coverage_500_series_10_years", seconds, "s", "< 1")
    await database.close()


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="gridkeeper-bench-", dir="/tmp"))
    folder.chmod(0o755)
    server = start_embedded(folder, tuning={"fsync": "off", "synchronous_commit": "off", "max_wal_size": "4GB"})
    try:
        asyncio.run(measure(server.url))
    finally:
        server.release()
        time.sleep(3)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
