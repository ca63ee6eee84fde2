"""How fast values are stored, against a bare COPY of the same tuples: python -m tests.benchmarks.bench_store.

16 series of 8,760 hours a batch, on an embedded server of its own with its usual settings. Prints one JSON line for
each figure; each is the best of five rounds, and the bare COPY into an equal, empty table is measured in every round.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution
from app.settings import DatabaseSettings
from app.timeseries.repository import TimeSeriesRepository
from tests.conftest import wait_until_stopped

_ROUNDS = 5
_SERIES = 16
_HOURS = 8760
_YEAR = Interval(datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))
_TARGETS = {"fresh": 1.2, "unchanged": 1.5, "revised_5_percent": 1.1}

Values = list[NDArray[np.float64]]
Result = TypeVar("Result")


def blocks(values: Values) -> list[SeriesBlock]:
    starts = int(_YEAR.start.timestamp()) + 3600 * np.arange(_HOURS)
    return [
        SeriesBlock(
            SeriesKey("entsoe", "generation_actual", "10Y1001A1001A82H", psr_type=f"B{number:02}"),
            Resolution.PT60M,
            starts,
            column,
            np.zeros(_HOURS, np.bool_),
        )
        for number, column in enumerate(values)
    ]


def tuples(values: Values) -> list[tuple[int, datetime, int, float, bool, datetime]]:
    now = datetime.now(UTC)
    starts = [_YEAR.start + timedelta(hours=hour) for hour in range(_HOURS)]
    return [
        (number, start, Resolution.PT60M.id, value, False, now)
        for number, column in enumerate(values)
        for start, value in zip(starts, column.tolist(), strict=True)
    ]


async def seconds(work: Awaitable[Result]) -> tuple[float, Result]:
    begun = time.perf_counter()
    result = await work
    return time.perf_counter() - begun, result


async def bare_copy(database: Database, rows: list[tuple[int, datetime, int, float, bool, datetime]]) -> float:
    async with database.connection() as connection:
        await connection.execute("drop table if exists bare")
        await connection.execute("create table bare (like observations including all)")
        taken, _ = await seconds(connection.copy_records_to_table("bare", records=rows))
    return taken


async def written_log(database: Database) -> int:
    """How many bytes of log the server ever wrote."""
    async with database.connection() as connection:
        return int(await connection.fetchval("select pg_current_wal_insert_lsn()"))


async def measure(database: Database) -> dict[str, list[float]]:
    """Seconds of each kind of store, and bytes of log of the unchanged one, in every round."""
    random = np.random.default_rng(1)
    values = [np.round(random.normal(45_000, 6_000, _HOURS), 2) for _ in range(_SERIES)]
    revised = [np.where(random.random(_HOURS) < 0.05, column + 1, column) for column in values]
    rows, repository = tuples(values), TimeSeriesRepository(database)
    figures: dict[str, list[float]] = defaultdict(list)
    for _ in range(_ROUNDS):
        async with database.connection() as connection:
            await connection.execute("truncate observations, observation_revisions, daily_counts")
        figures["bare"].append(await bare_copy(database, rows))
        for name, batch in (("fresh", values), ("unchanged", values), ("revised_5_percent", revised)):
            before = await written_log(database)
            store = repository.store(blocks(batch), learned_at=datetime.now(UTC), answered=_YEAR)
            taken, result = await seconds(store)
            figures[name].append(taken)
            figures[f"{name}_log"].append(await written_log(database) - before)
            assert result.new + result.revised > 0 or name == "unchanged", result
    return figures


def report(figures: dict[str, list[float]]) -> None:
    reference = min(figures["bare"])
    for name, target in _TARGETS.items():
        value = min(figures[name])
        line(f"store_{name}", value, "s", f">= {target}", reference)
    line("store_unchanged_log", min(figures["unchanged_log"]), "bytes", "< 65536")


def line(name: str, value: float, unit: str, target: str, reference: float | None = None) -> None:
    """One figure; the ratio says how many times faster than the reference it is."""
    ratio = None if reference is None else round(reference / value, 3)
    rounded = None if reference is None else round(reference, 4)
    figure = {"name": name, "value": round(value, 4), "unit": unit, "reference": rounded, "ratio": ratio}
    sys.stdout.write(json.dumps({**figure, "target": target}) + "\n")


async def run(url: str) -> None:
    await migrate(url)
    database = Database(DatabaseSettings(), url)
    try:
        report(await measure(database))
    finally:
        await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)  # as root the server runs under another account, which passes through here
        server = start_embedded(Path(folder))
        try:
            asyncio.run(run(server.url))
        finally:
            server.release()
            wait_until_stopped(server)
