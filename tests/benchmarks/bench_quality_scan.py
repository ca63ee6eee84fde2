"""How long a nightly scan and the check after a run take: python tests/benchmarks/bench_quality_scan.py.

Fills a throw-away database with 100 series of quarter-hours and 400 of hours, 116 days each, some with faults, and with
the runs of two months. Prints one JSON line for each figure; beside each stands what only reading the values costs.
"""

from __future__ import annotations

import asyncio
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.clock import FixedClock
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.market.areas import Place, areas
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution
from app.quality.check import RunCheck
from app.quality.models import Series
from app.quality.repository import QualityRepository
from app.quality.scan import ScanSelection
from app.settings import DatabaseSettings
from app.timeseries.repository import TimeSeriesRepository
from tests.support.quality_series import FAULTS, forecast_of, inject, load, price, solar, wind
from tests.support.services import quality_scanner

DAYS, WINDOW_DAYS = 116, 60
TYPES = ("B01", "B02", "B04", "B05", "B11", "B12", "B14", "B16", "B17", "B18", "B19", "B20")

RUNS = """
    insert into collection_runs (source, item, area, window_start, window_end, started_at, finished_at, outcome)
    select 'bench', item, area, moment - interval '2 hours', moment, moment, moment, 'stored'
    from (select distinct item, area from series) as pairs
    cross join generate_series($1::timestamptz, $2::timestamptz, interval '30 minutes') as moment
"""


def report(name: str, value: float, unit: str, target: str, **more: float) -> None:
    line = {"name": name, "value": round(value, 4), "unit": unit, "target": target, **more}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def shapes(step: int) -> dict[str, Series]:
    """One series of each kind, with the faults of the detectors' benchmark in it."""
    made = {"load": load(DAYS, step), "price": price(DAYS, step), "wind": wind(DAYS, step), "solar": solar(DAYS, step)}
    # After the change of the clocks, which synthetic series do not follow.
    made = {name: replace(series, start=series.start + 14 * 7 * 86_400) for name, series in made.items()}
    return {
        name: inject(series, fault, 1, events=1)[0] for (name, series), fault in zip(made.items(), FAULTS, strict=False)
    }


def keys(places: list[Place], types: tuple[str, ...]) -> Iterator[tuple[SeriesKey, str]]:
    for place in places:
        yield SeriesKey("bench", "load_actual", place.eic), "load"
        yield SeriesKey("bench", "load_forecast_day_ahead", place.eic), "forecast"
        yield SeriesKey("bench", "price_day_ahead", place.eic, currency="EUR"), "price"
        for psr_type in types:
            kind = {"B16": "solar", "B18": "wind", "B19": "wind"}.get(psr_type, "load")
            yield SeriesKey("bench", "generation_actual", place.eic, direction="generation", psr_type=psr_type), kind


async def fill(
    repository: TimeSeriesRepository, wanted: list[tuple[SeriesKey, str]], resolution: Resolution
) -> datetime:
    made = shapes(resolution.seconds)
    made["forecast"] = replace(made["load"], values=forecast_of(made["load"]))
    rng = np.random.default_rng(5)
    starts = made["load"].start + resolution.seconds * np.arange(len(made["load"].values), dtype=np.int64)
    for key, kind in wanted:
        values = made[kind].values * (1 + 0.01 * rng.random()) + np.round(rng.normal(0, 1, len(starts)), 2)
        block = SeriesBlock(key, resolution, starts, values, np.zeros(len(starts), np.bool_))
        await repository.store([block], learned_at=datetime.fromtimestamp(int(starts[-1]), UTC))
    return datetime.fromtimestamp(int(starts[-1]) + resolution.seconds, UTC)


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def scan(database: Database, now: datetime) -> None:
    scanner = quality_scanner(database)

    def window(_: Place) -> Interval:
        return Interval(now - timedelta(days=WINDOW_DAYS), now)

    read = await reading(database, now)
    for name, target in (("quality_scan_500_series", "< 60"), ("quality_scan_unchanged", "")):
        before, begun, cpu = memory(), time.perf_counter(), time.process_time()
        done = await scanner.scan(ScanSelection(), window, now)
        report(
            name, time.perf_counter() - begun, "s", target,
            cpu_seconds=round(time.process_time() - cpu, 2), only_reading=round(read, 3), examined=done.examined,
            findings=done.findings, scores=done.scores, memory_growth_mb=round(memory() - before, 1),
        )  # fmt: skip


async def reading(database: Database, now: datetime) -> float:
    """The seconds that reading the same values takes."""
    quality, repository = QualityRepository(database), TimeSeriesRepository(database)
    ids = [number for number, _ in await repository.series()]
    begun = time.perf_counter()
    async with quality.reading() as reader:
        for first in range(0, len(ids), 32):
            await reader.values(ids[first : first + 32], Interval(now - timedelta(days=DAYS), now))
    return time.perf_counter() - begun


async def check(database: Database, now: datetime) -> None:
    repository = TimeSeriesRepository(database)
    checker = RunCheck(repository, QualityRepository(database), FixedClock(now))
    place = areas()["FR"]
    for item, hours in (("load_actual", 6), ("generation_actual", 6), ("price_day_ahead", 48)):
        seconds = []
        for _ in range(9):
            begun = time.perf_counter()
            await checker.check(item, place, Interval(now - timedelta(hours=hours), now))
            seconds.append(time.perf_counter() - begun)
        read = time.perf_counter()
        async with QualityRepository(database).reading() as reader:
            ids = [n for n, key in await repository.series(items=[item], areas=[place.eic])]
            await reader.values(ids, Interval(now - timedelta(days=28), now))
        only = 1000 * (time.perf_counter() - read)
        report(f"quality_check_{item}", 1000 * min(seconds), "ms", "< 50", worst=round(1000 * max(seconds), 1),
               only_reading=round(only, 1), series=len(ids))  # fmt: skip


async def measure(url: str) -> None:
    database = Database(DatabaseSettings(), url)
    await migrate(database)
    repository = TimeSeriesRepository(database)
    known = [area for area in areas().values() if area.since is None and area.until is None and "_" not in area.code]
    known.sort(key=lambda area: area.code != "FR")
    now = await fill(repository, list(keys(list(known[:10]), TYPES[:7])), Resolution.PT15M)
    await fill(repository, list(keys(list(known[10:37]), TYPES))[:400], Resolution.PT60M)
    async with database.connection() as connection:
        await connection.execute(RUNS, now - timedelta(days=WINDOW_DAYS), now)
        await connection.execute("vacuum analyze")
    await scan(database, now)
    await check(database, now)
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
