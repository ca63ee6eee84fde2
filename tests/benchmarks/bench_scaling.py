"""The figures of docs/scaling.md that a machine can tell again: python -m tests.benchmarks.bench_scaling [AREAS ...].

On an embedded server of its own with its usual settings: what a million values take of the log and of the disk, new, the
same once more, and a twentieth of them revised; which connections `serve` holds beside a sandbox, one process and two. From the built-in plan: how many requests a day it takes for so many areas
(1, 5, 20 and 40 without any), beside what a token allows. Prints JSON lines.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.market.areas import areas
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution
from app.scheduling.cost import cost_of
from app.scheduling.plan_file import default_plan
from app.settings import CollectionSettings, DatabaseSettings, EntsoeSettings
from app.timeseries.repository import TimeSeriesRepository
from app.wiring.catalog import CATALOG

SERIES, MONTHS, QUARTERS = 24, 12, 2920
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
REVISED = 20
"""Of so many values one is revised."""
WATCHED = 30.0
AREAS = (1, 5, 20, 40)
PATIENCE = 300.0

_WRITTEN = "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
_HELD = """
    select application_name, count(*)
    from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid() and datname = current_database()
    group by 1
    order by 1
"""


def told(name: str, **found: object) -> None:
    sys.stdout.write(json.dumps({"bench": f"scaling_{name}", **found}) + "\n")
    sys.stdout.flush()


def month_of(number: int, changed: int) -> tuple[list[SeriesBlock], Interval]:
    """A twelfth of a year of every series; of each `REVISED` values one is another with each `changed`."""
    begin = BEGIN + number * QUARTERS * timedelta(minutes=15)
    starts = int(begin.timestamp()) + 900 * np.arange(QUARTERS, dtype=np.int64)
    blocks = []
    for series in range(SERIES):
        values = np.round(5e4 + 1e4 * np.sin(np.arange(QUARTERS) / 15.3 + series), 1)
        values[::REVISED] += changed
        key = SeriesKey("entsoe", "generation_actual", f"area {series:02}")
        blocks.append(SeriesBlock(key, Resolution.PT15M, starts, values, np.zeros(QUARTERS, bool)))
    return blocks, Interval(begin, begin + QUARTERS * timedelta(minutes=15))


async def stored(url: str) -> None:
    database = Database(DatabaseSettings(), url)
    await migrate(database)
    store, million = TimeSeriesRepository(database), SERIES * MONTHS * QUARTERS / 1e6
    async with database.connection() as connection:
        empty = await connection.fetchval("select pg_database_size(current_database())")
        for name, changed in (("new", 0), ("unchanged", 0), ("revised_5_percent", 1)):
            await connection.execute("checkpoint")
            before = await connection.fetchval(_WRITTEN)
            for number in range(MONTHS):
                blocks, whole = month_of(number, changed)
                await store.store(blocks, answered=whole)
            written = await connection.fetchval(_WRITTEN) - before
            told("wal", values=name, mb_a_million=round(float(written) / 1e6 / million, 2))
            if name == "new":
                await connection.execute("vacuum analyze")
                size = await connection.fetchval("select pg_database_size(current_database())") - empty
                told("size", bytes_a_value=round(size / 1e6 / million, 1), values=round(million * 1e6))
    await database.close()


def serving(folder: Path, url: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRIDKEEPER_")}
    around = kept | {"GRIDKEEPER_DATA_DIR": str(folder), "GRIDKEEPER_WEB__PORT": "0", "GRIDKEEPER_DATABASE__URL": url}
    command = [sys.executable, "-m", "app", "serve", "--sandbox"]
    with ExitStack() as end, psycopg.connect(url, autocommit=True) as connection:
        for processes in (1, 2):
            one = subprocess.Popen(command, env=around, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            end.callback(one.wait)
            end.callback(one.send_signal, signal.SIGTERM)
            time.sleep(WATCHED)  # the start, and the first questions
            most: dict[str, int] = {}
            began = time.monotonic()
            while time.monotonic() - began < WATCHED:
                held: dict[str, int] = dict(connection.execute(_HELD).fetchall())
                most = {name: max(most.get(name, 0), held.get(name, 0)) for name in {*most, *held}}
                time.sleep(0.5)
            told("connections", processes=processes, most=sum(most.values()), by_name=most)


def planned(numbers: Sequence[int]) -> None:
    zones = [one.code for one in areas().values() if "BZN" in one.kinds and one.since is None and one.until is None]
    allowed = 1440 * EntsoeSettings().requests_per_minute
    built_in = default_plan(CollectionSettings(), CATALOG)
    for number in numbers:
        cost = cost_of(replace(built_in, areas=tuple(zones[:number])), datetime.now(UTC))
        told(
            "requests",
            areas=number,
            items_and_places=cost.pairs,
            cycles_a_day=round(cost.cycles),
            corrections_a_day=round(cost.corrections),
            of_what_a_token_allows=round(cost.total / allowed, 3),
        )


def main() -> None:
    planned([int(one) for one in sys.argv[1:]] or AREAS)
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-", ignore_cleanup_errors=True) as text:
        folder = Path(text)
        folder.chmod(0o755)
        server = start_embedded(folder)
        try:
            asyncio.run(stored(server.url))
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("create database served")
            served = server.url.replace("/gridkeeper?", "/served?")
            asyncio.run(migrate(served))
            serving(folder, served)
        finally:
            server.release()


if __name__ == "__main__":
    main()
