"""How fast a reader follows a million changes: python -m tests.benchmarks.bench_changes.

1,500 documents of a week of quarter hours are stored in a database of its own; the API is served by a process of its own. A
reader follows `/changes` from the first one on and parses every answer. Prints one JSON line for each figure: changes a
second, those lost and told twice, and the ratio to a bare asyncpg read of the same rows in the same run.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import numpy as np

from app.db.address import DatabaseAddress
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Resolution
from app.settings import DatabaseSettings
from app.timeseries.repository import TimeSeriesRepository
from tests.conftest import wait_until_stopped
from tests.support.api_factory import served_api
from tests.support.store_factory import DE_LU, T0

_SERIES, _WEEKS, _VALUES = 30, 50, 672
_CHANGES = _SERIES * _WEEKS * _VALUES
_PAGE = int(os.environ.get("BENCH_PAGE", "50000"))
_ROUNDS = 3
_TARGET = 100_000
_ROWS = "select series_id, delivery_start, resolution, value, filled, recorded_at from observations"


async def fill(database: Database) -> None:
    random, repository = np.random.default_rng(1), TimeSeriesRepository(database)
    for week in range(_WEEKS):
        starts = int(T0.timestamp()) + 900 * (np.arange(_VALUES) + week * _VALUES)
        for number in range(_SERIES):
            key = SeriesKey("entsoe", "generation_actual", DE_LU, psr_type=f"B{number:02}")
            values = np.round(random.normal(45_000, 6_000, _VALUES), 2)
            await repository.store([SeriesBlock(key, Resolution.PT15M, starts, values, np.zeros(_VALUES, np.bool_))])


async def bare_read(url: str) -> float:
    connection = await asyncpg.connect(DatabaseAddress.parse(url).dsn)
    begun = time.perf_counter()
    rows = await connection.fetch(_ROWS)
    taken = time.perf_counter() - begun
    assert len(rows) == _CHANGES
    await connection.close()
    return taken


async def follow(url: str) -> tuple[float, list[dict[str, Any]]]:
    """Seconds until the reader is up to date, and the answers."""
    pages: list[dict[str, Any]] = []
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        asked: dict[str, Any] = {"limit": _PAGE}
        begun = time.perf_counter()
        while not pages or pages[-1]["more"]:
            answer = await client.get("/api/v1/changes", params=asked)
            pages.append(json.loads(answer.content))
            asked["after"] = pages[-1]["next"]
        return time.perf_counter() - begun, pages


def report(bare: float, taken: float, pages: list[dict[str, Any]]) -> None:
    told = Counter((row["series"], row["delivery_start"]) for page in pages for row in page["data"])
    lost, twice = _CHANGES - len(told), sum(times - 1 for times in told.values())
    line("changes_followed", round(_CHANGES / taken), "changes/s", f">= {_TARGET}", bare / taken)
    line("changes_lost", lost, "changes", "= 0")
    line("changes_told_twice", twice, "changes", "= 0")


def line(name: str, value: float, unit: str, target: str, ratio: float | None = None) -> None:
    figure = {"name": name, "value": value, "unit": unit, "target": target}
    sys.stdout.write(json.dumps(figure | ({} if ratio is None else {"ratio": round(ratio, 3)})) + "\n")


async def run(url: str) -> None:
    await migrate(url)
    database = Database(DatabaseSettings(), url)
    await fill(database)
    await database.close()
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.bench_changes", url, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        address = (await server.stdout.readline()).decode().strip()
        bare, followed = float("inf"), (float("inf"), list[dict[str, Any]]())
        for _ in range(_ROUNDS):
            bare = min(bare, await bare_read(url))
            followed = min(followed, await follow(address), key=lambda one: one[0])
        report(bare, *followed)
    finally:
        server.terminate()
        await server.wait()


async def serve(url: str) -> None:
    async with served_api(url) as api:
        sys.stdout.write(f"{api.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(serve(sys.argv[1]))
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # as root the server runs under another account, which passes through here
        server = start_embedded(Path(folder))
        try:
            asyncio.run(run(server.url))
        finally:
            server.release()
            wait_until_stopped(server)
