"""Size and speed of the store on TimescaleDB, and on plain PostgreSQL beside: python -m tests.benchmarks.bench_timescale.

The extension runs as WebAssembly, which has one thread and takes a multiple of a native server's time; plain PostgreSQL
is the embedded server. 50 series of quarter hours and 950 of hours over one year by default; `--series` scales both.
Database time is what EXPLAIN ANALYZE reports for planning and execution, the best of five. Prints one JSON line for
each figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import MigrationOptions, migrate
from app.db.timescale import Level, detect_server_level
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution
from app.settings import DatabaseSettings
from app.timeseries.repository import TimeSeriesRepository
from tests.conftest import wait_until_stopped
from tests.support.timescale_server import TierUnavailable, TimescaleServer

_ROUNDS = 5
_YEAR = Interval(datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
_LEARNED = datetime(2024, 1, 2, tzinfo=UTC)
_AREA = "10Y1001A1001A82H"
_BATCH = 25
_CHUNKS = "select sum(pg_total_relation_size(chunk)) from show_chunks('observations') as chunk"
_PLAIN_SIZE = "select pg_total_relation_size('observations')"
_COMPRESS = """
    do $$
    declare chunk regclass;
    begin
        for chunk in select show_chunks('{table}') loop call convert_to_columnstore(chunk); end loop;
    end $$
"""
_SIZE = "select before_compression_total_bytes, after_compression_total_bytes from hypertable_columnstore_stats('observations')"
_QUERIES = {
    "latest_of_all_series": ("select * from v_latest", "< 50"),
    "year_of_a_quarter_hourly_series": (
        """
            select delivery_start, resolution, value, filled, recorded_at
            from observations
            where series_id = 1 and delivery_start >= '2023-01-01Z' and delivery_start < '2024-01-01Z' and value is not null
            order by delivery_start, resolution
        """,
        "< 100",
    ),
    "year_of_a_quarter_hourly_series_by_view": (
        "select delivery_start, value from v_observations where series_id = 1 order by delivery_start",
        "-",
    ),
    "daily_mean_of_50_series_years": ("select series_id, area, day, mean from v_daily where series_id <= 50", "< 50"),
    "hourly_mean_of_a_series_year": ("select hour, mean from v_hourly where series_id = 1", "-"),
}


def key(number: int) -> SeriesKey:
    return SeriesKey("entsoe", "generation_per_unit", _AREA, unit_eic=f"U{number:05}", unit="MAW")


def values_of(number: int, length: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A day's shape, a year's shape and noise, with the two decimals the platform has."""
    random, steps = np.random.default_rng(number), np.arange(length)
    shape = np.sin(steps * 2 * np.pi * 365 / length) + np.sin(steps * 2 * np.pi / length)
    return np.round(500 + 100 * shape + random.normal(0, 8, length), 2)


def block(number: int, resolution: Resolution, interval: Interval = _YEAR, add: float = 0.0) -> SeriesBlock:
    seconds = resolution.seconds
    length = int(_YEAR.duration.total_seconds()) // seconds
    first = int((interval.start - _YEAR.start).total_seconds()) // seconds
    last = int((interval.end - _YEAR.start).total_seconds()) // seconds
    starts = int(_YEAR.start.timestamp()) + seconds * np.arange(first, last)
    return SeriesBlock(
        key(number), resolution, starts, values_of(number, length)[first:last] + add, np.zeros(len(starts), np.bool_)
    )


async def fill(database: Database, series: int) -> float:
    """Rows per second; every twentieth series has quarter hours, and these have the first numbers."""
    repository, quarterly, rows = TimeSeriesRepository(database), max(1, series // 20), 0
    begun = time.perf_counter()
    for first in range(1, series + 1, _BATCH):
        numbers = range(first, min(first + _BATCH, series + 1))
        blocks = [block(n, Resolution.PT15M if n <= quarterly else Resolution.PT60M) for n in numbers]
        rows += (await repository.store(blocks, learned_at=_LEARNED)).new
    return rows / (time.perf_counter() - begun)


async def database_time(database: Database, query: str) -> float:
    """Milliseconds of planning and executing, the best of the rounds."""
    found = []
    async with database.connection() as connection:
        for _ in range(_ROUNDS):
            [row] = await connection.fetchval(f"explain (analyze, timing off, format json) {query}")
            found.append(float(row["Planning Time"] + row["Execution Time"]))
    return min(found)


async def correct(database: Database, turn: int) -> tuple[float, int]:
    """Milliseconds to store a week of one quarter-hourly series with other values, and how many were revised."""
    start = _YEAR.start + timedelta(days=30 * turn + 10)
    week = Interval(start, start + timedelta(days=7))
    changed = block(1, Resolution.PT15M, week, add=0.01 * (turn + 1))
    begun = time.perf_counter()
    result = await TimeSeriesRepository(database).store(
        [changed], learned_at=_LEARNED + timedelta(days=1 + turn), answered=week
    )
    return (time.perf_counter() - begun) * 1000, result.revised


async def fetch(database: Database, query: str) -> list[Any]:
    async with database.connection() as connection:
        [row] = await connection.fetch(query)
    return list(row)


async def to_columns(database: Database) -> list[Any]:
    """Everything into the columnstore, the aggregates filled; bytes before and after."""
    async with database.connection() as connection:
        for aggregate in ("observations_hourly", "observations_daily"):
            await connection.execute(
                f"call refresh_continuous_aggregate('{aggregate}', null, timestamptz '2024-01-02Z')"
            )
        for table in ("observations", "observations_hourly", "observations_daily"):
            await connection.execute(_COMPRESS.format(table=table))
        await connection.execute("analyze")
    return await fetch(database, _SIZE)


async def measure(url: str, series: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    await migrate(url, MigrationOptions())
    database = Database(DatabaseSettings(), url)
    try:
        async with database.connection() as connection:
            community = (await detect_server_level(connection)).level is Level.COMMUNITY
        figures["filled"] = await fill(database, series)
        [rows] = await fetch(database, "select count(*) from observations")
        if community:
            [before] = await fetch(database, _CHUNKS)
            _, after = await to_columns(database)
            figures["bytes_rowstore"], figures["bytes_columnstore"] = float(before) / rows, after / rows
        else:
            async with database.connection() as connection:
                await connection.execute("vacuum analyze")
            figures["bytes_rowstore"] = (await fetch(database, _PLAIN_SIZE))[0] / rows
        for name, (query, _) in _QUERIES.items():
            figures[name] = await database_time(database, query)
        corrections = [await correct(database, turn) for turn in range(_ROUNDS)]
        assert {revised for _, revised in corrections} == {672}
        figures["correction_of_a_week"] = min(taken for taken, _ in corrections)
    finally:
        await database.close()
    return figures


def report(server: str, figures: dict[str, float], plain: dict[str, float]) -> None:
    targets = {name: target for name, (_, target) in _QUERIES.items()}
    units = {"filled": "rows/s", "bytes_rowstore": "bytes/row", "bytes_columnstore": "bytes/row"}
    targets |= {"correction_of_a_week": "< 100"}
    for name, value in figures.items():
        beside = plain.get("bytes_rowstore" if name.startswith("bytes") else name)
        line = {
            "name": f"timescale_{name}",
            "value": round(value, 2),
            "unit": units.get(name, "ms"),
            "plain": None if beside is None else round(beside, 2),
            "target": targets.get(name, "-"),
            "server": server,
        }
        sys.stdout.write(json.dumps(line) + "\n")


def on_plain(series: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # as root the server runs under another account, which passes through here
        server = start_embedded(Path(folder))
        try:
            return asyncio.run(measure(server.url, series))
        finally:
            server.release()
            wait_until_stopped(server)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--url", help="a database with the extension, instead of the WebAssembly build")
    options = parser.parse_args(arguments)
    if options.url:
        name, figures = "the given server", asyncio.run(measure(options.url, options.series))
    else:
        try:
            server = TimescaleServer.start()
        except TierUnavailable as error:
            sys.stdout.write(json.dumps({"name": "timescale", "skipped": str(error)}) + "\n")
            return 0
        try:
            name, figures = server.name, asyncio.run(measure(server.url, options.series))
        finally:
            server.stop()
    report(name, figures, on_plain(options.series))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
