"""Reads the log of changes, and the values that its batches name."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from app.db.feed.order import BEGINNING
from app.db.retention import erase
from app.errors import Gone
from app.market.series import SeriesKey
from app.market.time import iso_microseconds
from app.timeseries import sql as store
from app.timeseries.changes import sql
from app.timeseries.changes.models import (
    BatchPart,
    ChangeColumns,
    ChangePage,
    LoggedBatch,
    LogPlace,
    plan_reading,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from app.db.engine import Connection, Database

BATCHES_AT_ONCE = 500
_NEW, _REVISED, _VANISHED = range(3)


class ChangeLog:
    """The changes of one database in the order of its transactions; a place is never before one that may still come."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def end(self) -> LogPlace:
        """The place behind everything that is settled."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(sql.LAST_BATCH)
            return LogPlace(row["xid"], row["recorded_at"]) if row else await _beginning(connection)

    async def read(
        self, after: LogPlace | None, *, items: Collection[str] | None, areas: Collection[str] | None, rows: int
    ) -> ChangePage:
        """Up to so many changes behind the place (None: all that are kept) of these items and areas (None: any).

        The page may hold fewer, or none, while `more` is true. Gone where the place is not in the log any more.
        """
        async with self._database.connection() as connection:
            found = await _batches(connection, after)
            batches = found[1:] if after is not None and after.whole else found
            wanted = await _wanted(connection, items, areas)
            plan = plan_reading(batches, after, wanted, rows)
            keys = await _series_keys(connection, {part.series for part in plan.parts})
            parts = [part for part in plan.parts if part.series in keys]
            places, columns = await _changes(connection, parts, rows + 1) if parts else ([], _nothing())
            end = plan.end or await _beginning(connection)
        if len(columns) > rows:
            return ChangePage(columns.first(rows), keys, _place_of(columns, rows - 1, places), more=True)
        return ChangePage(columns, keys, end, plan.more or len(found) == BATCHES_AT_ONCE)

    async def unsettled(self) -> bool:
        """Whether something was committed that others, which began before, hold up."""
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(sql.UNSETTLED))

    async def erase(self, before: datetime) -> int:
        """Forgets batches of before the instant, but for the last of them; how many."""
        async with self._database.connection() as connection:
            [batches] = sql.RETAINED
            return await erase(connection, batches, before)


async def _beginning(connection: Connection) -> LogPlace:
    """The place before everything, of a log that holds nothing which is settled."""
    await connection.execute(sql.ADD_BEGINNING)
    return LogPlace(BEGINNING, await connection.fetchval(sql.FIND_BEGINNING))


async def _batches(connection: Connection, after: LogPlace | None) -> list[LoggedBatch]:
    """From the batch of the place on, which must be there."""
    rows = await connection.fetch(sql.BATCHES, after.xid if after else BEGINNING, BATCHES_AT_ONCE)
    found = [
        LoggedBatch(
            LogPlace(row["xid"], row["recorded_at"]),
            tuple(row["series_ids"]),
            row["first_start"],
            row["last_start"],
            row["rows"],
            row["replaces"],
        )
        for row in rows
    ]
    if after is None:
        return found
    place = found[0].place if found else None
    if place is None or (place.xid, place.recorded_at) != (after.xid, after.recorded_at):
        raise Gone(
            "the log of changes does not hold this place any more: it is older than GRIDKEEPER_API__CHANGES_DAYS, or the "
            "database was restored from a copy. Ask with after=now for a cursor, read all values, then follow the changes "
            "from that cursor"
        )
    return found


async def _wanted(
    connection: Connection, items: Collection[str] | None, areas: Collection[str] | None
) -> set[int] | None:
    if items is None and areas is None:
        return None
    names = [None if one is None else list(one) for one in (items, areas)]
    return {row["series_id"] for row in await connection.fetch(store.LIST_SERIES, *names)}


async def _series_keys(connection: Connection, ids: Collection[int]) -> Mapping[int, SeriesKey]:
    rows = await connection.fetch(sql.SERIES_KEYS, list(ids)) if ids else []
    return {row["series_id"]: SeriesKey(*tuple(row)[1:]) for row in rows}


async def _changes(
    connection: Connection, parts: Sequence[BatchPart], limit: int
) -> tuple[list[LogPlace], ChangeColumns]:
    """The changes of these parts, and of each the place of its batch."""
    batches = list({part.batch.place.xid: part.batch for part in parts}.values())
    with io.BytesIO() as received:
        await connection.copy_from_query(_query(parts, batches, limit), output=received, format="binary")
        with received.getbuffer() as view:
            found = sql.CHANGE_ROW.decode(view)
    return [batches[index].place for index in found["batch"].tolist()], ChangeColumns(
        found["series_id"],
        found["delivery_start"] // 1_000_000,
        found["resolution"],
        _kinds(found),
        found["value"],
        found["previous"],
        found["filled"],
        found["recorded_at"],
    )


def _kinds(found: Mapping[str, NDArray[Any]]) -> NDArray[np.int8]:
    kinds = np.where(found["replaces"], np.where(np.isnan(found["value"]), _VANISHED, _REVISED), _NEW)
    return kinds.astype(np.int8)


def _query(parts: Sequence[BatchPart], batches: Sequence[LoggedBatch], limit: int) -> str:
    """The statement to copy from, of numbers and instants that stand in the log."""
    number = {batch.place.xid: index for index, batch in enumerate(batches)}
    first = min(batch.first_start for batch in batches)
    last = max(batch.last_start for batch in batches)
    return sql.CHANGES.format(
        parts=", ".join(_part_row(part, number[part.batch.place.xid]) for part in parts),
        batches=", ".join(_batch_row(batch, index) for index, batch in enumerate(batches)),
        within=f"delivery_start between {_instant(first)} and {_instant(last)}",
        limit=limit,
    )


def _part_row(part: BatchPart, batch: int) -> str:
    start, resolution = part.after or (part.batch.first_start, 0)
    return f"({batch:d}, {part.series:d}, {_instant(start)}, {resolution:d})"


def _batch_row(batch: LoggedBatch, number: int) -> str:
    instants = ", ".join(map(_instant, (batch.place.recorded_at, batch.last_start)))
    return f"({number:d}, {instants}, {batch.replaces})"


def _instant(instant: datetime) -> str:
    return f"timestamptz '{iso_microseconds(instant)}'"


def _nothing() -> ChangeColumns:
    return ChangeColumns(
        np.empty(0, np.int32),
        np.empty(0, np.int64),
        np.empty(0, np.int16),
        np.empty(0, np.int8),
        np.empty(0),
        np.empty(0),
        np.empty(0, np.bool_),
        np.empty(0, np.int64),
    )


def _place_of(columns: ChangeColumns, row: int, batches: Sequence[LogPlace]) -> LogPlace:
    """The place behind a row that was read."""
    start = datetime.fromtimestamp(int(columns.starts[row]), UTC)
    return batches[row].begun(int(columns.series[row]), start, int(columns.resolutions[row]))
