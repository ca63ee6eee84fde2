"""Reading one series: the current values, or what was known at an instant."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.market.series import SeriesKey
from app.market.time import Interval, Resolution, iso_microseconds
from app.timeseries import sql
from app.timeseries.binary_copy import microseconds

if TYPE_CHECKING:
    from app.db.engine import Connection

Published = Callable[[SeriesKey, Resolution, "NDArray[np.int64]"], "NDArray[np.int64]"]
"""When values had to be published: series, resolution and starts to deadlines, both in seconds since 1970."""

PORTION = timedelta(days=366)
"""What is read at once, so that memory is bounded however long the interval: 35,136 rows of PT15M are 2 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class ObservationBatch:
    """Values of one series as columns of equal length.

    `starts`: seconds since 1970. `resolutions`: `Resolution.id` of each row. `recorded_at`: microseconds since 1970.
    """

    key: SeriesKey
    starts: NDArray[np.int64]
    resolutions: NDArray[np.int16]
    values: NDArray[np.float64]
    filled: NDArray[np.bool_]
    recorded_at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def select(self, rows: NDArray[np.bool_]) -> ObservationBatch:
        """The rows where the mask is true."""
        columns: tuple[NDArray[Any], ...] = (self.starts, self.resolutions, self.values, self.filled, self.recorded_at)
        return ObservationBatch(self.key, *(column[rows] for column in columns))


async def read_series(
    connection: Connection,
    series_id: int,
    key: SeriesKey,
    interval: Interval,
    *,
    as_of: datetime | None = None,
    published: Published | None = None,
) -> AsyncGenerator[ObservationBatch]:
    """The values whose delivery starts in the interval, in batches that are not empty, ordered by start."""
    for portion in _portions(interval):
        batch = _batch(key, await _copied(connection, _query(series_id, portion, as_of, assume=published is not None)))
        if as_of is not None and published is not None:
            batch = batch.select(_known(batch, as_of, published))
        if len(batch):
            yield batch


def _portions(interval: Interval) -> Iterator[Interval]:
    start = interval.start
    while start < interval.end:
        end = min(interval.end, start + PORTION)
        yield Interval(start, end)
        start = end


def _query(series_id: int, interval: Interval, as_of: datetime | None, *, assume: bool) -> str:
    """The statement to copy from; COPY takes no parameters, so the literals are made here of numbers and instants."""
    rows = (
        f"series_id = {series_id:d} and delivery_start >= '{iso_microseconds(interval.start)}' "
        f"and delivery_start < '{iso_microseconds(interval.end)}'"
    )
    if as_of is None:
        return sql.CURRENT_VALUES.format(rows=rows)
    statement = sql.FIRST_KNOWN_VALUES if assume else sql.VALUES_KNOWN_AT
    return statement.format(rows=rows, instant=f"timestamptz '{iso_microseconds(as_of)}'")


async def _copied(connection: Connection, query: str) -> dict[str, NDArray[Any]]:
    with io.BytesIO() as received:
        await connection.copy_from_query(query, output=received, format="binary")
        with received.getbuffer() as view:
            return sql.VALUE_ROW.decode(view)


def _batch(key: SeriesKey, columns: dict[str, NDArray[Any]]) -> ObservationBatch:
    starts = columns["delivery_start"] // 1_000_000
    return ObservationBatch(
        key, starts, columns["resolution"], columns["value"], columns["filled"], columns["recorded_at"]
    )


def _known(batch: ObservationBatch, as_of: datetime, published: Published) -> NDArray[np.bool_]:
    """Which rows were known: learned by then, or, for a first version, published by then."""
    instant = microseconds(as_of)
    known = batch.recorded_at <= instant
    for number in np.unique(batch.resolutions[~known]):
        rows = ~known & (batch.resolutions == number)
        deadlines = published(batch.key, Resolution.from_id(int(number)), batch.starts[rows])
        known[rows] = deadlines <= instant // 1_000_000
    return known
