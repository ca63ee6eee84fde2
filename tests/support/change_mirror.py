"""A mirror that follows the log of changes, and writers that keep it busy: `python -m tests.support.change_mirror URL SEED`."""

from __future__ import annotations

import asyncio
import math
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

from app.db.engine import Database
from app.settings import DatabaseSettings
from app.timeseries.changes.models import ChangePage, LogPlace
from app.timeseries.changes.repository import ChangeLog
from app.timeseries.repository import TimeSeriesRepository
from tests.support.store_factory import block, hours, key

SERIES = 6
Unit = tuple[int, int, int]

VERSIONS = """
    select series_id, extract(epoch from delivery_start)::bigint, resolution, recorded_at, value from observations
    union all
    select series_id, extract(epoch from delivery_start)::bigint, resolution, recorded_at, value
    from observation_revisions
"""
CURRENT = "select series_id, extract(epoch from delivery_start)::bigint, resolution, value from observations"


def value_or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


@dataclass
class Mirror:
    """What a reader holds who was told of changes and of nothing else."""

    values: dict[Unit, float | None] = field(default_factory=dict)
    told: Counter[tuple[Unit, int]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    place: LogPlace | None = None

    def take(self, page: ChangePage) -> None:
        columns = page.changes
        for series, start, resolution, kind, value, previous, recorded_at in zip(
            columns.series.tolist(),
            columns.starts.tolist(),
            columns.resolutions.tolist(),
            columns.kinds.tolist(),
            columns.values.tolist(),
            columns.previous.tolist(),
            columns.recorded_at.tolist(),
            strict=True,
        ):
            unit = (series, start, resolution)
            known = self.values.get(unit)
            if (unit in self.values) != (kind > 0) or known != value_or_none(previous):
                self.wrong.append(f"{unit}: {kind} from {previous}, known was {known}")
            self.values[unit] = value_or_none(value)
            self.told[unit, recorded_at] += 1
        self.place = page.place

    async def step(self, log: ChangeLog, rows: int) -> bool:
        """Take a page; whether there may be another."""
        page = await log.read(self.place, items=None, areas=None, rows=rows)
        self.take(page)
        return page.more or len(page.changes) > 0

    async def catch_up(self, log: ChangeLog) -> None:
        """Follow until nothing more is there, which is only once nobody writes."""
        while await self.step(log, 10_000):
            pass

    async def differences(self, database: Database) -> list[str]:
        """What it holds otherwise than the store, and what it was told of not once."""
        async with database.connection() as connection:
            versions = [tuple(row) for row in await connection.fetch(VERSIONS)]
            current = [tuple(row) for row in await connection.fetch(CURRENT)]
        found = list(self.wrong)
        if self.values != {tuple(row[:3]): row[3] for row in current}:
            found.append("the values differ")
        stored = Counter((tuple(row[:3]), round(row[3].timestamp() * 1_000_000)) for row in versions)
        missing, twice = stored - self.told, self.told - stored
        return [*found, *(f"not told: {one}" for one in missing), *(f"told too often: {one}" for one in twice)]


async def holds_no_connection(database: Database) -> bool:
    """Whether the pool rests within ten seconds: who waits comes to its wait after a moment."""
    for _ in range(200):
        await asyncio.sleep(0.05)
        if database.pool_use()[0] == 0:
            return True
    return False


async def store_something(repository: TimeSeriesRepository, draw: random.Random) -> None:
    """Values that are new, revised, equal or withdrawn, of one to three series."""
    first = draw.randrange(60)
    length = draw.randrange(1, 30)
    chosen = sorted(draw.sample(range(SERIES), draw.randrange(1, 4)))
    blocks = [
        block(
            {hour: draw.randrange(3) for hour in range(first, first + length) if draw.random() < 0.9} or {first: 1},
            key(psr_type=f"B{number:02}"),
        )
        for number in chosen
    ]
    await repository.store(blocks, answered=hours(first, first + length) if draw.random() < 0.5 else None)


async def write(url: str, seed: int) -> None:
    """Store until the process is ended."""
    database = Database(DatabaseSettings(pool_size=2), url)
    repository, draw = TimeSeriesRepository(database), random.Random(seed)
    for _ in count():
        await store_something(repository, draw)
        await asyncio.sleep(draw.random() * 0.05)


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], int(sys.argv[2])))
