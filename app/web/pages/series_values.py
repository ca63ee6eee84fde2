"""The values of a series as rows, for tables and pictures."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isnan

from app.collection.models import CollectionRequest
from app.collection.series_query import series_query
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval, Resolution
from app.timeseries.query import read_shaped
from app.timeseries.repository import TimeSeriesRepository
from app.timeseries.shape import Auction, Resampling
from app.web.pages.series_view import SeriesView
from app.wiring.catalog import CATALOG


@dataclass(frozen=True, slots=True)
class ShownValue:
    """A value as people see it."""

    start: datetime
    resolution: str
    value: float | None
    filled: bool
    recorded_at: datetime


async def values_of(repository: TimeSeriesRepository, view: SeriesView, part: Interval) -> list[ShownValue]:
    """The values of the first series of a view in a part of its range, in the order of time."""
    series = view.series
    query = series_query(
        [CollectionRequest(DataItem(series.key.item), find_place(series.key.area), part)],
        CATALOG,
        as_of=view.as_of,
        auction=Auction.ALL,
        resampling=Resampling(view.resolution) if view.resolution else None,
    )
    rows: list[ShownValue] = []
    async with aclosing(read_shaped(repository, replace(query, ids=frozenset([series.series_id])))) as batches:
        async for shaped in batches:
            batch = shaped.batch
            columns = (batch.starts, batch.resolutions, batch.values, batch.filled, batch.recorded_at)
            rows += (_shown(*row) for row in zip(*(column.tolist() for column in columns), strict=True))
    return rows


def _shown(start: int, resolution: int, value: float, filled: bool, recorded: int) -> ShownValue:
    return ShownValue(
        datetime.fromtimestamp(start, UTC),
        Resolution.from_id(resolution).code,
        None if isnan(value) else value,
        filled,
        datetime.fromtimestamp(recorded / 1e6, UTC),
    )
