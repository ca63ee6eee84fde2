"""The store of all series: writes what changed, keeps what was believed before, and gives both back."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, cast

import numpy as np
from asyncpg.exceptions import DeadlockDetectedError, InvalidCachedStatementError, SerializationError
from numpy.typing import NDArray

from app.db.engine import copy_binary
from app.errors import Conflict
from app.market.areas import by_eic
from app.market.series import KEY_FIELDS, SeriesBlock, SeriesKey
from app.market.time import MARKET_ZONE, Interval
from app.timeseries import statements
from app.timeseries.binary_copy import Columns, RowFormat, microseconds
from app.timeseries.blocks import DayCounts, Rows, count_by_day, merge
from app.timeseries.reads import ObservationBatch, Published, read_series

if TYPE_CHECKING:
    from app.db.engine import Connection, Database

_LOCKS = 0x73746F72
"""Namespace of the advisory locks of the store."""
_MICROSECONDS = 1_000_000

_INCOMING = RowFormat(series_id="int4", delivery_start="timestamptz", resolution="int2", value="float8", filled="bool")
_OBSERVATIONS = RowFormat(**_INCOMING.columns, recorded_at="timestamptz")
_COUNTS = RowFormat(series_id="int4", day="date", resolution="int2", stored="int4")


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What storing did, in rows; received = new + revised + unchanged + duplicates, vanished is beside them."""

    new: int = 0
    revised: int = 0
    unchanged: int = 0
    vanished: int = 0
    received: int = 0
    duplicates: int = 0


class _SeriesGone(Conflict):
    """A series that this process remembers is not in the database, which must have been made anew."""


class TimeSeriesRepository:
    """The observations of one database; every public method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[SeriesKey, int] = {}

    async def store(
        self, blocks: Sequence[SeriesBlock], *, learned_at: datetime, answered: Interval | None = None
    ) -> StoreResult:
        """Stores the answer of a source: new values, and changed ones with the value before as a revision.

        All rows written get one `recorded_at`: `learned_at`, or a microsecond after the newest row they replace where
        the clock went back. Equal values write nothing; a change of `filled` alone is no revision.

        `answered` says that the blocks are the whole answer for this interval: a stored value whose market time unit
        lies wholly inside and that is missing here becomes null, with its value as a revision. That concerns only
        series that have at least one value in this call: a series that is absent altogether, as all are during an
        outage of the source, is left alone.
        """
        rows = await asyncio.to_thread(merge, blocks)
        if not len(rows):
            return StoreResult()
        try:
            return await self._store(rows, learned_at, answered)
        except (DeadlockDetectedError, SerializationError, InvalidCachedStatementError, _SeriesGone):
            self._ids.clear()
            return await self._store(rows, learned_at, answered)

    async def _store(self, rows: Rows, learned_at: datetime, answered: Interval | None) -> StoreResult:
        bounds = _bounds(rows, answered)
        async with self._database.transaction() as connection:
            await connection.execute(statements.LOCK, _LOCKS, _lock_numbers(rows.keys))
            ids = await self._series_ids(connection, rows.keys)
            [occupancy] = await connection.fetch(statements.OCCUPANCY, ids.tolist(), bounds.start, bounds.end)
            if occupancy["known"] < len(ids):
                raise _SeriesGone("series vanished from the database while values were stored; store them again")
            if occupancy["occupied"]:
                result = await _store_difference(
                    connection, rows, ids, bounds, learned_at=learned_at, answered=answered
                )
            else:
                result = await _store_fresh(connection, rows, ids, learned_at)
        self._ids.update(zip(rows.keys, ids.tolist(), strict=True))
        return result

    async def _series_ids(self, connection: Connection, keys: Sequence[SeriesKey]) -> NDArray[np.int32]:
        """The ids of the series, which are added where they are new; remembered only after the commit."""
        known = {key: self._ids[key] for key in keys if key in self._ids}
        for statement in (statements.FIND_SERIES, statements.ADD_SERIES, statements.FIND_SERIES):
            missing = [key for key in keys if key not in known]
            if missing:
                found = await connection.fetch(statement, *_key_columns(missing))
                known |= {SeriesKey(*tuple(row)[1:]): row["series_id"] for row in found}
        return np.array([known[key] for key in keys], np.int32)

    async def series(
        self, *, items: Collection[str] | None = None, areas: Collection[str] | None = None
    ) -> list[tuple[int, SeriesKey]]:
        """The known series of these items and areas (`SeriesKey.area`; None means any), ordered by key."""
        async with self._database.connection() as connection:
            return await _list_series(connection, items, areas)

    async def read(
        self,
        *,
        items: Collection[str],
        areas: Mapping[str, Interval],
        as_of: datetime | None = None,
        published: Published | None = None,
    ) -> AsyncGenerator[ObservationBatch]:
        """Streams the values whose delivery starts in the interval of their area, from one snapshot.

        Ordered by series key (as text, in the order of its components), delivery start and resolution; null values
        are left out. With `as_of`, what was known at that instant. With `published` as well, the first version of a
        value counts as known from its deadline on where that is earlier than the moment we learned it.
        """
        async with self._database.transaction(isolation="repeatable_read", readonly=True) as connection:
            series = await _list_series(connection, items, list(areas))
            extents = await _extents(connection, [series_id for series_id, _ in series])
            for series_id, key in series:
                interval = areas[key.area].intersection(extents[series_id]) if series_id in extents else None
                if interval is None:
                    continue
                batches = read_series(connection, series_id, key, interval, as_of=as_of, published=published)
                async with aclosing(batches):
                    async for batch in batches:
                        yield batch


async def _list_series(
    connection: Connection, items: Collection[str] | None, areas: Collection[str] | None
) -> list[tuple[int, SeriesKey]]:
    wanted = [None if names is None else [str(name) for name in names] for names in (items, areas)]
    found = [
        (row["series_id"], SeriesKey(*tuple(row)[1:]))
        for row in await connection.fetch(statements.LIST_SERIES, *wanted)
    ]
    return sorted(found, key=lambda pair: pair[1])


async def _extents(connection: Connection, ids: Sequence[int]) -> dict[int, Interval]:
    """The days on which each series ever had a value, so that a read need not look beside them."""
    return {
        row["series_id"]: Interval(_begin(row["first_day"]), _begin(row["last_day"] + timedelta(days=1)))
        for row in await connection.fetch(statements.EXTENTS, ids)
    }


def _begin(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


async def _store_fresh(connection: Connection, rows: Rows, ids: NDArray[np.int32], learned_at: datetime) -> StoreResult:
    """Copies into a range that has no rows yet, which costs hardly more than the bare COPY."""
    moment = np.broadcast_to(np.int64(microseconds(learned_at)), len(rows))
    await _copy_into(connection, "observations", _OBSERVATIONS, _columns(rows, ids) | {"recorded_at": moment})
    await _add_counts(connection, count_by_day(rows), ids)
    return StoreResult(new=len(rows), received=rows.received, duplicates=rows.duplicates)


async def _add_counts(connection: Connection, counts: DayCounts, ids: NDArray[np.int32]) -> None:
    """Adds the counts of an empty range: only its first and last day may have one already, from rows beside it."""
    outer = (counts.days == counts.days.min()) | (counts.days == counts.days.max())
    edge, inner = counts.select(outer), counts.select(~outer)
    await connection.execute(
        statements.ADD_COUNTS,
        ids[edge.series].tolist(),
        edge.days.tolist(),
        edge.resolutions.tolist(),
        edge.stored.tolist(),
    )
    if len(inner.days):
        columns: Columns = {
            "series_id": ids[inner.series],
            "day": inner.days,
            "resolution": inner.resolutions,
            "stored": inner.stored,
        }
        await _copy_into(connection, "daily_counts", _COUNTS, columns)


async def _copy_into(connection: Connection, table: str, rows: RowFormat, columns: Columns) -> None:
    await copy_binary(connection, table, rows.encode(columns), list(columns))


async def _store_difference(
    connection: Connection,
    rows: Rows,
    ids: NDArray[np.int32],
    bounds: Interval,
    *,
    learned_at: datetime,
    answered: Interval | None,
) -> StoreResult:
    await connection.execute(statements.PREPARE_INCOMING)
    await _copy_into(connection, "incoming", _INCOMING, _columns(rows, ids))
    [written] = await connection.fetch(
        statements.STORE_DIFFERENCE,
        ids.tolist(),
        [_zone(key.area) for key in rows.keys],
        bounds.start,
        bounds.end,
        learned_at,
        answered.start if answered else None,
        answered.end if answered else None,
    )
    new, revised, vanished = written
    return StoreResult(new, revised, len(rows) - new - revised, vanished, rows.received, rows.duplicates)


def _columns(rows: Rows, ids: NDArray[np.int32]) -> dict[str, NDArray[np.generic]]:
    return {
        "series_id": ids[rows.series],
        "delivery_start": rows.starts * _MICROSECONDS,
        "resolution": rows.resolutions,
        "value": rows.values,
        "filled": rows.filled,
    }


def _bounds(rows: Rows, answered: Interval | None) -> Interval:
    """The interval of delivery starts in which stored rows matter."""
    first, last = (datetime.fromtimestamp(int(second), UTC) for second in (rows.starts.min(), rows.starts.max()))
    found = Interval(first, last + timedelta(seconds=1))
    return Interval(min(found.start, answered.start), max(found.end, answered.end)) if answered else found


def _lock_numbers(keys: Sequence[SeriesKey]) -> list[int]:
    """One lock for all series of a source, item and area, sorted: a call with 1,500 units takes one lock, not 1,500.

    Calls that share a series share its lock; a collision of digests makes two calls wait for each other, no more.
    """
    groups = {f"{key.source}/{key.item}/{key.area}" for key in keys}
    return sorted({zlib.crc32(group.encode()) - 2**31 for group in groups})


def _key_columns(keys: Sequence[SeriesKey]) -> list[list[str]]:
    return [[cast("str", getattr(key, name)) for key in keys] for name in KEY_FIELDS]


def _zone(area: str) -> str:
    """The zone in whose local time the calendar resolutions of an area step; for a border the one of its in area."""
    found = by_eic(area.rpartition(">")[2])
    return (found.zone if found else MARKET_ZONE).key
