"""How soon a year of quarter hours is drawn in a browser: python -m tests.benchmarks.bench_chart.

A year of one series is stored in a database of its own; the service runs in this process, which makes its figures worse and
not better. Chromium opens the page of the series; its own marks say when the values were there and when the chart was
drawn. Prints one JSON line for each figure, the median of some rounds: from the values to the chart, and from the click to
the chart, with the processor time of a loop of a million additions in the same browser as the reference.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import numpy as np

from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Resolution, iso
from app.settings import DatabaseSettings
from app.timeseries.repository import TimeSeriesRepository
from tests.conftest import wait_until_stopped
from tests.support.api_factory import served_api
from tests.support.browser import chromium, visiting
from tests.support.store_factory import DE_LU, T0

_VALUES, _ROUNDS = 366 * 96, 7
_LOOP = "(() => { const begun = performance.now(); let sum = 0; for (let i = 0; i < 1e6; i++) sum += Math.sqrt(i); return [performance.now() - begun, sum]; })()"
_MARK = "performance.getEntriesByName('{}')[0].startTime"


async def fill(database: Database) -> None:
    starts = int(T0.timestamp()) + 900 * np.arange(_VALUES)
    values = np.round(50_000 + 8_000 * np.sin(np.arange(_VALUES) / 15), 2)
    key = SeriesKey("entsoe", "load_actual", DE_LU, business_type="A04", unit="MAW")
    block = SeriesBlock(key, Resolution.PT15M, starts, values, np.zeros(_VALUES, np.bool_))
    await TimeSeriesRepository(database).store([block])


async def measure(address: str) -> tuple[list[float], list[float], float]:
    """Milliseconds from the values to the chart and from the click to the chart, of each round, and of the loop."""
    drawn, whole = [], []
    async with chromium() as browser, visiting(browser) as visit:
        page = visit.page
        for _ in range(_ROUNDS):
            await page.goto(address)
            await page.locator("#chart[data-state=complete]").wait_for()
            loaded = await page.evaluate(_MARK.format("chart-loaded"))
            end = await page.evaluate(_MARK.format("chart-drawn"))
            drawn.append(end - loaded)
            whole.append(end)
        loop = (await page.evaluate(_LOOP))[0]
    return drawn, whole, loop


def line(name: str, value: float, aim: str, reference: float) -> None:
    figure = {
        "benchmark": name,
        "value": round(value, 1),
        "unit": "ms",
        "aim": aim,
        "ratio": round(value / reference, 2),
    }
    sys.stdout.write(json.dumps(figure) + "\n")


async def run(url: str) -> None:
    async with AsyncExitStack() as stack:
        database = Database(DatabaseSettings(), url)
        stack.push_async_callback(database.close)
        await database.open()
        await migrate(database)
        await fill(database)
        api = await stack.enter_async_context(served_api(url))
        span = f"from={iso(T0)}&to={iso(T0 + timedelta(minutes=15) * _VALUES)}"
        drawn, whole, loop = await measure(f"{api.url}/data/1?{span}")
    line("chart_year_drawn", statistics.median(drawn), "< 150", loop)
    line("chart_year_from_click", statistics.median(whole), "< 400", loop)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # as root the server runs under another account, which passes through here
        server = start_embedded(Path(folder))
        try:
            asyncio.run(run(server.url))
        finally:
            server.release()
            wait_until_stopped(server)
