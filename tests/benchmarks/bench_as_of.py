"""Whether an instant gives the same for ever: python -m tests.benchmarks.bench_as_of.

Four writers change the same two series as fast as they can, on an embedded server of its own or on the empty database that
BENCH_DATABASE_URL names. Meanwhile 1,000 snapshots (BENCH_SNAPSHOTS) are read as of the present instant of the server;
afterwards each is read again. Prints one JSON line: how many differ, how long a read waited, how many stores there were.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.settings import DatabaseSettings
from app.timeseries.repository import TimeSeriesRepository
from tests.conftest import wait_until_stopped
from tests.support.store_factory import block, key, rows_of

_SNAPSHOTS = int(os.environ.get("BENCH_SNAPSHOTS", "1000"))
_WRITERS = 4
_SERIES = 2
_HOURS = 24

Snapshot = tuple[datetime, int]


async def snapshot(repository: TimeSeriesRepository, instant: datetime) -> Snapshot:
    return instant, hash(tuple(await rows_of(repository, as_of=instant)))


async def present(database: Database) -> datetime:
    async with database.connection() as connection:
        now: datetime = await connection.fetchval("select clock_timestamp()")
    return now


async def write(url: str, number: int, stop: asyncio.Event) -> int:
    """Stores until the event is set; how often."""
    turn, database = 0, Database(DatabaseSettings(), url)
    repository = TimeSeriesRepository(database)
    try:
        while not stop.is_set():
            turn += 1
            values = [float(turn * _WRITERS + number)] * _HOURS
            await repository.store([block(values, key(psr_type=f"B{one:02}")) for one in range(_SERIES)])
    finally:
        await database.close()
    return turn


async def run(url: str) -> None:
    await migrate(url)
    database, stop = Database(DatabaseSettings(), url), asyncio.Event()
    repository = TimeSeriesRepository(database)
    writers = [asyncio.create_task(write(url, number, stop)) for number in range(_WRITERS)]
    begun, taken = time.perf_counter(), list[Snapshot]()
    try:
        for _ in range(_SNAPSHOTS):
            taken.append(await snapshot(repository, await present(database)))
        mean = (time.perf_counter() - begun) / _SNAPSHOTS
        stop.set()
        stores = sum(await asyncio.gather(*writers))
        differing = sum([await snapshot(repository, instant) != (instant, before) for instant, before in taken])
        async with database.connection() as connection:
            version = await connection.fetchval("show server_version")
    finally:
        stop.set()
        await asyncio.gather(*writers, return_exceptions=True)
        await database.close()
    figure = {
        "name": "as_of_snapshots_that_differ",
        "value": differing,
        "unit": f"of {_SNAPSHOTS}",
        "target": "0",
        "mean_read_seconds": round(mean, 4),
        "stores_meanwhile": stores,
        "server": version,
    }
    sys.stdout.write(json.dumps(figure) + "\n")


if __name__ == "__main__":
    if theirs := os.environ.get("BENCH_DATABASE_URL"):
        asyncio.run(run(theirs))
        sys.exit()
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # as root the server runs under another account, which passes through here
        server = start_embedded(Path(folder))
        try:
            asyncio.run(run(server.url))
        finally:
            server.release()
            wait_until_stopped(server)
