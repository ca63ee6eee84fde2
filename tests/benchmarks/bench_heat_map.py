"""How fast the map of coverage is made: python -m tests.benchmarks.bench_heat_map.

Fills a throw-away database with 500 series of five years that lack something in most months, keeps their gaps, and asks
the page for 60 months. Prints one JSON line for each figure; best of five. The ratio is to the bare sum of the daily counts.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.market.areas import areas
from app.market.series import DataItem
from app.market.time import Resolution
from app.settings import DatabaseSettings
from tests.benchmarks.bench_gaps import NOW, fill
from tests.conftest import wait_until_stopped
from tests.support.api_factory import ServedApi, served_api
from tests.support.services import gap_service

_ROUNDS = 5
_ITEMS = (
    DataItem.LOAD_ACTUAL,
    DataItem.LOAD_FORECAST_DAY_AHEAD,
    DataItem.PRICE_DAY_AHEAD,
    DataItem.GENERATION_ACTUAL,
    DataItem.GENERATION_PER_UNIT,
    DataItem.GENERATION_FORECAST_DAY_AHEAD,
    DataItem.WIND_SOLAR_FORECAST_DAY_AHEAD,
    DataItem.WIND_SOLAR_FORECAST_INTRADAY,
    DataItem.WIND_SOLAR_FORECAST_CURRENT,
    DataItem.IMBALANCE_PRICE,
)
_AREAS, _YEARS = 50, 5
_BARE = "select series_id, date_trunc('month', day), sum(stored) from daily_counts group by 1, 2"
_PATH = "/coverage?from=2021-01&to=2025-12"


async def fastest(work: Callable[[], Awaitable[object]]) -> float:
    found = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        await work()
        found.append(time.perf_counter() - begun)
    return min(found)


async def fill_all(url: str) -> None:
    database = Database(DatabaseSettings(), url)
    try:
        await migrate(database)
        places = [area for area in areas().values() if area.since is None and area.until is None][:_AREAS]
        for item in _ITEMS:
            requests = await fill(database, item, list(places), Resolution.PT60M, years=_YEARS, series=1)
            await gap_service(database).analyse(requests, NOW)
        async with database.connection() as connection:
            await connection.execute("vacuum analyze")
    finally:
        await database.close()


async def measure(api: ServedApi) -> None:
    async with httpx.AsyncClient(base_url=api.url, timeout=120) as client:
        page = await client.get(_PATH)
        cells, wire = page.text.count("<td"), int(page.headers["content-length"])
        whole = await fastest(lambda: client.get(_PATH))
        cpu = time.process_time()
        await client.get(_PATH)
        cpu = time.process_time() - cpu
    async with api.container.database().connection() as connection:
        bare = await fastest(lambda: connection.fetch(_BARE))
    found = {"name": "heat_map_500_series_60_months", "value": round(whole, 3), "unit": "s", "target": "< 0.3"}
    found |= {"ratio_to_bare_sum": round(whole / bare, 2), "process_cpu": round(cpu, 3)}
    sys.stdout.write(json.dumps(found | {"cells": cells, "kilobytes_on_the_wire": round(wire / 1000)}) + "\n")


async def run(url: str) -> None:
    await fill_all(url)
    async with served_api(url) as api:
        await measure(api)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        tuning = {"fsync": "off", "synchronous_commit": "off", "max_wal_size": "4GB"}
        server = start_embedded(folder / "data", tuning=tuning)
        try:
            asyncio.run(run(server.url))
        finally:
            server.release()
            wait_until_stopped(server)


if __name__ == "__main__":
    main()
