"""The store of all series: writes what changed, keeps what was believed before, and gives both back."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, cast

import numpy as np
from asyncpg.exceptions import DeadlockDetectedError, InvalidCachedStatementError, SerializationError
from numpy.typing import NDArray

from app.db.engine import IDLE_IN_TRANSACTION, copy_binary
from app.db.retention import Mechanism, Retention, erase
from app.errors import AnswerOutdated, Conflict, DatabaseUnavailable
from app.market.areas import by_eic
from app.market.series import KEY_FIELDS, SeriesBlock, SeriesKey
from app.market.time import MARKET_ZONE, Interval
from app.timeseries import sql as statements
from app.timeseries.binary_copy import CopyColumns, RowFormat, microseconds
from app.timeseries.blocks import DayCounts, Rows, count_by_day, merge
from app.timeseries.reads import ObservationBatch, Published, read_series
from app.timeseries.spans import Span, spans_of

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Connection, Database

_LOCKS = 0x73746F72
"""Namespace of the advisory locks of the store."""
_MICROSECONDS = 1_000_000
_MICROSECOND = timedelta(microseconds=1)

REMEMBERED = timedelta(days=1)
"""How long it is known what an answer has said; one to an earlier question that comes even later is refused."""
FORGET_EACH = 3600.0
RETAINED = (
    Retention(
        "answer_spans",
        "answered_at",
        REMEMBERED,
        Mechanism.ANSWERS,
        only="what answers spoke of",
        statement=statements.FORGET_SPANS,
    ),
)
SETTLE_EACH = 0.02
SETTLED_WITHIN = timedelta(seconds=5)
WRITERS_END_WITHIN = timedelta(seconds=IDLE_IN_TRANSACTION + 10)
"""A writer that is frozen within its transaction loses it before."""

_INCOMING = RowFormat(series_id="int4", delivery_start="timestamptz", resolution="int2", value="float8", filled="bool")
_OBSERVATIONS = RowFormat(**_INCOMING.columns, recorded_at="timestamptz")
_COUNTS = RowFormat(series_id="int4", day="date", resolution="int2", stored="int4")


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What storing did, in rows; received = new + revised + unchanged + superseded + duplicates, vanished is beside them.

    `superseded` differ from what a later question has said, and change nothing.
    """

    new: int = 0
    revised: int = 0
    unchanged: int = 0
    vanished: int = 0
    received: int = 0
    duplicates: int = 0
    superseded: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """When values count as learned, and whether that is the clock's choice, or somebody's who named another time."""

    instant: datetime
    ours: bool


class _SpansLost(Conflict):
    """The server crashed, and with it went what the answers before had said."""


class _SeriesGone(Conflict):
    """A series that this process remembers is not in the database, which must have been made anew."""


class TimeSeriesRepository:
    """The observations of one database; every public method is one transaction."""

    def __init__(self, database: Database, *, writers: Database | None = None) -> None:
        """`writers`: the primary, which knows who is writing, where the database is one of reads."""
        self._database = database
        self._writers = writers or database
        self._ids: dict[SeriesKey, int] = {}
        self._forgotten_at = -FORGET_EACH

    async def store(
        self,
        blocks: Sequence[SeriesBlock],
        *,
        learned_at: datetime | None = None,
        answered: Interval | None = None,
        question: int | None = None,
    ) -> StoreResult:
        """Stores the answer of a source: new values, and changed ones with the value before as a revision.

        All rows written get one `recorded_at`: the server's clock once this call may write, which is what makes a read
        as of an instant give the same for ever; or `learned_at`, for what was learned at another time. It is a
        microsecond after the newest row they replace where the clock went back. By it the log of changes knows the
        values of a call, so the clock's is moved past what else was stored of these series and deliveries at the same
        microsecond. Equal values write nothing; a change of `filled` alone is no revision.

        `question` is the number that the question got before it was asked; without one it counts as asked now. What
        the answer to a later question has said stays as it is. AnswerOutdated where that is not known any more.

        `answered` says that the blocks are the whole answer for this interval: a stored value whose market time unit
        lies wholly inside and that is missing here becomes null, with its value as a revision. That concerns only
        series that have at least one value in this call: a series that is absent altogether, as all are during an
        outage of the source, is left alone.
        """
        rows = await asyncio.to_thread(merge, blocks)
        if not len(rows):
            return StoreResult()
        try:
            result = await self._store(rows, learned_at, answered, question)
        except (DeadlockDetectedError, SerializationError, InvalidCachedStatementError, _SeriesGone):
            self._ids.clear()
            result = await self._store(rows, learned_at, answered, question)
        except _SpansLost:
            async with self._database.connection() as connection:
                await connection.execute(statements.RAISE_FLOOR)
            result = await self._store(rows, learned_at, answered, question)
        await self._forget_spans()
        return result

    async def _store(
        self, rows: Rows, learned_at: datetime | None, answered: Interval | None, question: int | None
    ) -> StoreResult:
        bounds, locks = _bounds(rows, answered), _locks(rows.keys)
        async with self._database.transaction() as connection:
            await connection.execute(statements.LOCK, _LOCKS, sorted(set(locks)))
            ids = await self._series_ids(connection, rows.keys)
            asked = await connection.fetchval(statements.NEXT_QUESTION) if question is None else question
            [found] = await connection.fetch(statements.OCCUPANCY, ids.tolist(), bounds.start, bounds.end, locks, asked)
            if found["known"] < len(ids):
                raise _SeriesGone("series vanished from the database while values were stored; store them again")
            if found["floor"] is None:
                raise _SpansLost("what answers have said was lost in a crash of the server")
            if asked <= found["floor"]:
                raise AnswerOutdated("the answer is so old that what later ones said may be forgotten; ask again")
            moment = Moment(learned_at or found["moment"], ours=learned_at is None)
            later = (
                await connection.fetch(statements.SPANS_OF_LATER, locks, asked, ids.tolist()) if found["later"] else []
            )
            if found["occupied"] or later:
                result = await _store_difference(
                    connection, rows, ids, bounds, moment=moment, answered=answered, later=later
                )
            else:
                result = await _store_fresh(connection, rows, ids, moment.instant)
            await _add_spans(connection, asked, spans_of(rows, locks, answered), ids)
        self._ids.update(zip(rows.keys, ids.tolist(), strict=True))
        return result

    async def _forget_spans(self) -> None:
        """Answers to questions that nobody waits for any more need not be remembered."""
        if time.monotonic() - self._forgotten_at < FORGET_EACH:
            return
        self._forgotten_at = time.monotonic()
        async with self._database.connection() as connection:
            [answered] = RETAINED
            await erase(connection, answered, REMEMBERED)

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
        ids: Collection[int] = (),
    ) -> AsyncGenerator[ObservationBatch]:
        """Streams the values whose delivery starts in the interval of their area, from one snapshot.

        Ordered by series key (as text, in the order of its components), delivery start and resolution; null values
        are left out. With `as_of`, what was known at that instant, which is the same for ever: the read begins when no
        writer can record anything at that instant or before. With `published` as well, the first version of a value
        counts as known from its deadline on where that is earlier than the moment we learned it. With `ids`, only of
        the series with these numbers.
        """
        if as_of is not None:
            await self._writers_past(as_of)
            self._database.demand_current()
        async with self._database.transaction(isolation="repeatable_read", readonly=True) as connection:
            series = await _list_series(connection, items, list(areas))
            if ids:
                series = [(series_id, key) for series_id, key in series if series_id in ids]
            extents = await _extents(connection, [series_id for series_id, _ in series])
            for series_id, key in series:
                interval = areas[key.area].intersection(extents[series_id]) if series_id in extents else None
                if interval is None:
                    continue
                batches = read_series(connection, series_id, key, interval, as_of=as_of, published=published)
                async with aclosing(batches):
                    async for batch in batches:
                        yield batch

    async def settled(self, as_of: datetime, *, patience: timedelta = SETTLED_WITHIN) -> datetime:
        """The instant itself, or the latest before it of which a read gives the same for ever.

        An instant to come is none, nor one at which somebody may still record a value; for that one waits a while.
        """
        until = time.monotonic() + patience.total_seconds()
        now, horizon = await self._horizon()
        wanted = min(as_of, now - _MICROSECOND)
        while wanted >= horizon and time.monotonic() < until:
            await asyncio.sleep(SETTLE_EACH)
            _, horizon = await self._horizon()
        return min(wanted, horizon - _MICROSECOND)

    async def _writers_past(self, as_of: datetime) -> None:
        """Return when nobody records anything at the instant or before; of one to come that cannot be known."""
        settled = await self.settled(as_of, patience=WRITERS_END_WITHIN)
        now, horizon = await self._horizon()
        if settled < as_of < now and horizon <= as_of:
            raise DatabaseUnavailable(
                f"values are still being written at {as_of:%Y-%m-%d %H:%M:%S}Z; ask as of {settled:%Y-%m-%d %H:%M:%S.%f}Z"
            )

    async def _horizon(self) -> tuple[datetime, datetime]:
        """The server's clock, and the instant from which on values may be recorded that cannot be seen yet."""
        async with self._writers.connection() as connection:
            [found] = await connection.fetch(statements.WRITERS)
        return found["now"], min(found["now"], found["oldest"] or found["now"])


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
    await _add_counts(connection, count_by_day(rows), ids, _batch_entry(rows, ids, learned_at))
    return StoreResult(new=len(rows), received=rows.received, duplicates=rows.duplicates)


def _batch_entry(rows: Rows, ids: NDArray[np.int32], learned_at: datetime) -> tuple[object, ...]:
    """The log's row of values that are all new."""
    first, last = (datetime.fromtimestamp(int(second), UTC) for second in (rows.starts.min(), rows.starts.max()))
    return learned_at, sorted(ids.tolist()), first, last, len(rows)


async def _add_counts(
    connection: Connection, counts: DayCounts, ids: NDArray[np.int32], batch: tuple[object, ...]
) -> None:
    """Adds the counts of an empty range: only its first and last day may have one already, from rows beside it."""
    outer = (counts.days == counts.days.min()) | (counts.days == counts.days.max())
    edge, inner = counts.select(outer), counts.select(~outer)
    await connection.execute(
        statements.ADD_COUNTS,
        ids[edge.series].tolist(),
        edge.days.tolist(),
        edge.resolutions.tolist(),
        edge.stored.tolist(),
        *batch,
    )
    if len(inner.days):
        columns: CopyColumns = {
            "series_id": ids[inner.series],
            "day": inner.days,
            "resolution": inner.resolutions,
            "stored": inner.stored,
        }
        await _copy_into(connection, "daily_counts", _COUNTS, columns)


async def _copy_into(connection: Connection, table: str, rows: RowFormat, columns: CopyColumns) -> None:
    await copy_binary(connection, table, rows.encode(columns), list(columns))


async def _store_difference(
    connection: Connection,
    rows: Rows,
    ids: NDArray[np.int32],
    bounds: Interval,
    *,
    moment: Moment,
    answered: Interval | None,
    later: Sequence[Record],
) -> StoreResult:
    """Writes what differs from the stored rows, but for what the answers to later questions have said."""
    await connection.execute(statements.PREPARE_INCOMING)
    await _copy_into(connection, "incoming", _INCOMING, _columns(rows, ids))
    said = [list(column) for column in zip(*later, strict=True)]
    [written] = await connection.fetch(
        statements.STORE_DIFFERENCE_OF_EARLIER if later else statements.STORE_DIFFERENCE,
        ids.tolist(),
        [_zone(key.area) for key in rows.keys],
        bounds.start,
        bounds.end,
        moment.instant,
        answered.start if answered else None,
        answered.end if answered else None,
        moment.ours,
        *said,
    )
    new, revised, vanished, superseded = written
    unchanged = len(rows) - new - revised - superseded
    return StoreResult(new, revised, unchanged, vanished, rows.received, rows.duplicates, superseded)


async def _add_spans(connection: Connection, question: int, spans: Sequence[Span], ids: NDArray[np.int32]) -> None:
    rows = [
        (question, span.lock, ids[list(span.series)].tolist(), span.resolution, span.start, span.end) for span in spans
    ]
    if len(rows) == 1:
        await connection.execute(statements.ADD_SPAN, *rows[0])
    else:
        await connection.executemany(statements.ADD_SPAN, rows)


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


def _locks(keys: Sequence[SeriesKey]) -> list[int]:
    """Of each series its lock, one for a source, item and area: a call with 1,500 units takes one lock, not 1,500.

    Calls that share a series share its lock; a collision of digests makes two calls wait for each other, no more.
    """
    return [zlib.crc32(f"{key.source}/{key.item}/{key.area}".encode()) - 2**31 for key in keys]


def _key_columns(keys: Sequence[SeriesKey]) -> list[list[str]]:
    return [[cast("str", getattr(key, name)) for key in keys] for name in KEY_FIELDS]


def _zone(area: str) -> str:
    """The zone in whose local time the calendar resolutions of an area step; for a border the one of its in area."""
    found = by_eic(area.rpartition(">")[2])
    return (found.zone if found else MARKET_ZONE).key
