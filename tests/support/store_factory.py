"""Blocks, databases and answers for the tests of the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import numpy as np

from app.db.engine import Database
from app.market.series import SeriesBlock, SeriesKey
from app.market.time import Interval, Resolution
from app.settings import DatabaseSettings
from app.timeseries.reads import Published
from app.timeseries.repository import TimeSeriesRepository

T0 = datetime(2024, 1, 1, tzinfo=UTC)
LEARNED = datetime(2024, 2, 1, 12, tzinfo=UTC)
DE_LU = "10Y1001A1001A82H"
FR = "10YFR-RTE------C"
ALWAYS = Interval(datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

Row = tuple[datetime, str, float, bool, datetime]


@asynccontextmanager
async def opened(url: str, **settings: float) -> AsyncIterator[Database]:
    database = Database(DatabaseSettings.model_validate(settings), url)
    try:
        yield database
    finally:
        await database.close()


def key(item: str = "load_actual", area: str = DE_LU, **more: str) -> SeriesKey:
    return SeriesKey("entsoe", item, area, **more)


def hour(number: float) -> datetime:
    return T0 + timedelta(hours=number)


def hours(first: float, last: float) -> Interval:
    return Interval(hour(first), hour(last))


def block(
    values: Mapping[float, float] | Sequence[float],
    series: SeriesKey | None = None,
    resolution: Resolution = Resolution.PT60M,
    *,
    filled: Sequence[float] = (),
) -> SeriesBlock:
    """A block of values by hour since T0; a plain sequence begins at hour 0, in steps of an hour."""
    pairs = dict(values.items()) if isinstance(values, Mapping) else dict(enumerate(values))
    return SeriesBlock(
        series or key(),
        resolution,
        np.array([int(hour(number).timestamp()) for number in pairs], np.int64),
        np.array(list(pairs.values()), np.float64),
        np.array([number in filled for number in pairs], np.bool_),
    )


def instant(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


async def rows_of(
    repository: TimeSeriesRepository,
    area: str = DE_LU,
    *,
    as_of: datetime | None = None,
    published: Published | None = None,
) -> list[Row]:
    """Everything read back of an area: start, resolution, value, filled, recorded_at."""
    batches = repository.read(items=["load_actual"], areas={area: ALWAYS}, as_of=as_of, published=published)
    return [
        (instant(start * 1_000_000), Resolution.from_id(number).code, value, filled, instant(recorded_at))
        async for batch in batches
        for start, number, value, filled, recorded_at in zip(
            batch.starts.tolist(),
            batch.resolutions.tolist(),
            batch.values.tolist(),
            batch.filled.tolist(),
            batch.recorded_at.tolist(),
            strict=True,
        )
    ]


async def values_of(
    repository: TimeSeriesRepository,
    area: str = DE_LU,
    *,
    as_of: datetime | None = None,
    published: Published | None = None,
) -> dict[float, float]:
    """Values by hour since T0."""
    return {
        (row[0] - T0) / timedelta(hours=1): row[2]
        for row in await rows_of(repository, area, as_of=as_of, published=published)
    }
