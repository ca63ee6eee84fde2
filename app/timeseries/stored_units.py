"""What the analysis of gaps reads of the store, and the history of market time units that it keeps."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.market.areas import Place
from app.market.time import Interval, Resolution
from app.timeseries.binary_copy import RowFormat
from app.timeseries.blocks import DayCounts
from app.timeseries.coverage import Buckets
from app.timeseries.grid import DAY, Extent, Held, ResolutionChange

if TYPE_CHECKING:
    from app.db.engine import Connection, Database

# Both ends of each series through the index, day by day and then within the day.
_EXTENTS = """
    select wanted.series_id, earliest.delivery_start as first, latest.delivery_start as last, latest.resolution
    from unnest($1::integer[]) as wanted (series_id)
    cross join lateral (
        select day from daily_counts
        where series_id = wanted.series_id and stored > 0
        order by day limit 1
    ) as first_day
    cross join lateral (
        select day from daily_counts
        where series_id = wanted.series_id and stored > 0
        order by day desc limit 1
    ) as last_day
    cross join lateral (
        select delivery_start from observations
        where
            series_id = wanted.series_id
            and delivery_start >= first_day.day::timestamp at time zone 'UTC'
            and value is not null
        order by delivery_start limit 1
    ) as earliest
    cross join lateral (
        select delivery_start, resolution from observations
        where
            series_id = wanted.series_id
            and delivery_start >= last_day.day::timestamp at time zone 'UTC'
            and value is not null
        order by delivery_start desc, resolution desc limit 1
    ) as latest
"""

# From the last day with values before the wanted one on: it tells which resolution holds at the start.
_COUNTS = """
    select counts.series_id, counts.day, counts.resolution, counts.stored
    from unnest($1::integer[], $2::date[], $3::date[]) as wanted (series_id, first_day, last_day)
    cross join lateral (
        select coalesce(max(day), wanted.first_day) as day from (
            select day from daily_counts
            where series_id = wanted.series_id and day < wanted.first_day and stored > 0
            order by day desc limit 1
        ) as before
    ) as begin
    cross join lateral (
        select * from daily_counts
        where
            series_id = wanted.series_id
            and day between begin.day and wanted.last_day
            and stored > 0
        offset 0
    ) as counts
    order by counts.series_id, counts.day, counts.resolution
"""

_UNITS = """
    select wanted.series_id, units.delivery_start, units.resolution
    from unnest($1::integer[], $2::timestamptz[], $3::timestamptz[]) as wanted (series_id, first, last)
    cross join lateral (
        select delivery_start, resolution from observations
        where
            series_id = wanted.series_id
            and delivery_start >= wanted.first
            and delivery_start < wanted.last
            and value is not null
        offset 0
    ) as units
    order by wanted.series_id, units.delivery_start, units.resolution
"""

_HABITS = """
    select
        series_id,
        percentile_disc(0.9) within group (order by extract(epoch from recorded_at - delivery_start))::bigint as lag
    from observations
    where
        series_id = any($1::integer[])
        and delivery_start >= $2::timestamptz - interval '14 days'
        and delivery_start < $2::timestamptz
        and recorded_at < delivery_start + interval '14 days'
    group by series_id
"""

_HISTORY = """
    select wanted.series_id, history.valid_from, history.resolution
    from unnest($1::integer[], $2::timestamptz[], $3::timestamptz[]) as wanted (series_id, first, last)
    cross join lateral (
        select coalesce(max(valid_from), wanted.first) as valid_from from mtu_history
        where series_id = wanted.series_id and valid_from < wanted.first
    ) as begin
    join mtu_history as history
        on
            history.series_id = wanted.series_id
            and history.valid_from >= begin.valid_from
            and history.valid_from < wanted.last
    order by wanted.series_id, history.valid_from
"""

_FORGET = """
    delete from mtu_history
    using unnest($1::integer[], $2::timestamptz[]) as gone (series_id, valid_from)
    where mtu_history.series_id = gone.series_id and mtu_history.valid_from = gone.valid_from
"""

_DECIDE = """
    insert into mtu_history (series_id, valid_from, resolution, decided_at)
    select series_id, valid_from, resolution, $4
    from unnest($1::integer[], $2::timestamptz[], $3::smallint[]) as decided (series_id, valid_from, resolution)
    on conflict (series_id, valid_from) do update
    set resolution = excluded.resolution, decided_at = excluded.decided_at
"""

# $2: the first days of the portions, ordered. Summed up before the join, which would meet each day else. Where a portion has several resolutions, time may be covered twice.
_COVERED = """
    select
        series_id, portion,
        sum(stored * seconds)::double precision as seconds,
        count(*) > 1 as mixed
    from (
        select series_id, width_bucket(day, $2::date[])::integer as portion, resolution, sum(stored) as stored
        from daily_counts
        where
            series_id = any($1::integer[])
            and day >= ($2::date[])[1]
            and day < $3
            and stored > 0
        group by 1, 2, 3
    ) as counted
    join resolutions on resolutions.id = counted.resolution
    where seconds is not null
    group by 1, 2
"""

# A day with several resolutions, none of which is complete, is measured by its units: they may overlap or follow.
_COVERED_BY_DAY = """
    with by_day as (
        select
            wanted.series_id, wanted.portion, day,
            sum(stored * seconds) as seconds,
            count(*) > 1 and max(stored * seconds) < 86400 as doubtful
        from unnest($1::integer[], $2::integer[], $3::date[], $4::date[]) as wanted (series_id, portion, first, last)
        join daily_counts
            on
                daily_counts.series_id = wanted.series_id
                and daily_counts.day >= wanted.first
                and daily_counts.day < wanted.last
                and stored > 0
        join resolutions on resolutions.id = daily_counts.resolution
        group by 1, 2, 3
    )
    select
        by_day.series_id, by_day.portion,
        sum(least(coalesce(measured.seconds, by_day.seconds), 86400))::double precision as seconds,
        true as mixed
    from by_day
    left join lateral (
        select sum(extract(epoch from upper(stretch) - lower(stretch))) as seconds
        from (
            select unnest(range_agg(tstzrange(delivery_start, delivery_start + seconds * interval '1 second')))
            from observations
            join resolutions on resolutions.id = observations.resolution
            where
                series_id = by_day.series_id
                and delivery_start >= by_day.day::timestamp at time zone 'UTC'
                and delivery_start < (by_day.day + 1)::timestamp at time zone 'UTC'
                and value is not null
        ) as covered (stretch)
    ) as measured on by_day.doubtful
    group by 1, 2
"""

_COVERED_ROW = RowFormat(series_id="int4", portion="int4", seconds="float8", mixed="bool")
_COUNT_ROW = RowFormat(series_id="int4", day="date", resolution="int2", stored="int4")
_UNIT_ROW = RowFormat(series_id="int4", delivery_start="timestamptz", resolution="int2")


@dataclass(frozen=True, slots=True)
class Decided:
    """The changes of resolution of a series within an interval, oldest first."""

    series_id: int
    interval: Interval
    changes: tuple[ResolutionChange, ...]


class StockReader:
    """Reads which units are stored, all from one snapshot."""

    def __init__(self, connection: Connection, places: Mapping[int, Place]) -> None:
        self._connection = connection
        self._places = places

    async def extents(self, ids: Sequence[int]) -> dict[int, Extent]:
        """From the first value of each series to its last; a series without values is left out."""
        return {row["series_id"]: self._extent(row) for row in await self._connection.fetch(_EXTENTS, list(ids))}

    def _extent(self, row: Any) -> Extent:
        resolution = Resolution.from_id(row["resolution"])
        end = resolution.step(row["last"], 1, self._places[row["series_id"]].zone)
        return Extent(row["first"], end, resolution)

    async def counts(self, wanted: Mapping[int, Interval]) -> DayCounts:
        """Counts by day of the series in their intervals, and of the last day with values before each."""
        days = [(one.start.date(), (one.end - timedelta(microseconds=1)).date()) for one in wanted.values()]
        columns = await self._copied(
            _COUNTS, _COUNT_ROW, list(wanted), [first for first, _ in days], [last for _, last in days]
        )
        return DayCounts(
            columns["series_id"], columns["day"].astype(np.int64), columns["resolution"], columns["stored"]
        )

    async def days(self, series: NDArray[np.int32], days: NDArray[np.int64]) -> dict[tuple[int, int], Held]:
        """The units of each of these UTC days (since 1970) of series."""
        firsts = [datetime.fromtimestamp(day * DAY, UTC) for day in days.tolist()]
        lasts = [first + timedelta(days=1) for first in firsts]
        columns = await self._copied(_UNITS, _UNIT_ROW, series.tolist(), firsts, lasts)
        ids, starts = columns["series_id"], columns["delivery_start"] // 1_000_000
        broken = (np.diff(ids) != 0) | (np.diff(starts // DAY) != 0)
        bounds = [0, *(np.flatnonzero(broken) + 1).tolist(), len(ids)] if len(ids) else [0]
        return {
            (int(ids[begin]), int(starts[begin]) // DAY): Held(starts[begin:end], columns["resolution"][begin:end])
            for begin, end in pairwise(bounds)
        }

    async def units(self, wanted: Mapping[int, Interval]) -> dict[int, Held]:
        """All units of the series that start in their intervals."""
        firsts, lasts = [one.start for one in wanted.values()], [one.end for one in wanted.values()]
        columns = await self._copied(_UNITS, _UNIT_ROW, list(wanted), firsts, lasts)
        starts = columns["delivery_start"] // 1_000_000
        return {
            number: Held(starts[which], columns["resolution"][which])
            for number in wanted
            for which in [columns["series_id"] == number]
        }

    async def covered(self, ids: Sequence[int], portions: Buckets) -> dict[int, NDArray[np.int64]]:
        """The seconds of each portion that the units below a day of each series cover."""
        rows = await self._copied(_COVERED, _COVERED_ROW, list(ids), list(portions.bounds[:-1]), portions.bounds[-1])
        mixed = rows["mixed"]
        series, numbers = rows["series_id"][mixed].tolist(), rows["portion"][mixed].tolist()
        exact = await self._copied(
            _COVERED_BY_DAY,
            _COVERED_ROW,
            series,
            numbers,
            [portions.bounds[number - 1] for number in numbers],
            [portions.bounds[number] for number in numbers],
        )
        place = {number: index for index, number in enumerate(ids)}
        table = np.zeros((len(ids), len(portions)), np.int64)
        for part in (rows, exact):
            lines = np.array([place[number] for number in part["series_id"].tolist()], np.int64)
            table[lines, part["portion"] - 1] = part["seconds"].astype(np.int64)
        return dict(zip(ids, table, strict=True))

    async def habits(self, ids: Sequence[int], now: datetime) -> dict[int, int]:
        """How many seconds after its start a value of each series was known, in nine of ten recent cases."""
        return {row["series_id"]: row["lag"] for row in await self._connection.fetch(_HABITS, list(ids), now)}

    async def _copied(self, query: str, row: RowFormat, *arguments: object) -> dict[str, NDArray[Any]]:
        with io.BytesIO() as received:
            await self._connection.copy_from_query(query, *arguments, output=received, format="binary")
            with received.getbuffer() as view:
                return row.decode(view)


class StoredUnitsRepository:
    """Reads the stock for an analysis and keeps what it decided about resolutions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def reading(self, places: Mapping[int, Place]) -> AsyncIterator[StockReader]:
        """A reader of one snapshot for these series, given with the place of each."""
        async with self._database.transaction(isolation="repeatable_read", readonly=True) as connection:
            yield StockReader(connection, places)

    async def keep_history(self, decided: Sequence[Decided], now: datetime) -> int:
        """Makes the history within each interval what was decided; gives the number of rows that changed."""
        ids, firsts, lasts = (
            [one.series_id for one in decided],
            [one.interval.start for one in decided],
            [one.interval.end for one in decided],
        )
        async with self._database.transaction() as connection:
            known: dict[int, list[ResolutionChange]] = {number: [] for number in ids}
            for row in await connection.fetch(_HISTORY, ids, firsts, lasts):
                known[row["series_id"]].append(
                    ResolutionChange(int(row["valid_from"].timestamp()), Resolution.from_id(row["resolution"]))
                )
            gone, new = _difference(decided, known)
            if gone:
                await connection.execute(_FORGET, [number for number, _ in gone], [_at(one) for _, one in gone])
            if new:
                await connection.execute(
                    _DECIDE,
                    [number for number, _ in new],
                    [_at(one) for _, one in new],
                    [one.resolution.id for _, one in new],
                    now,
                )
        return len(gone) + len(new)


ResolutionRow = tuple[int, ResolutionChange]


def _at(change: ResolutionChange) -> datetime:
    return datetime.fromtimestamp(change.start, UTC)


def _difference(
    decided: Sequence[Decided], known: Mapping[int, Sequence[ResolutionChange]]
) -> tuple[list[ResolutionRow], list[ResolutionRow]]:
    """The rows that have to go and those that have to come, so that each interval reads as decided."""
    gone: list[ResolutionRow] = []
    new: list[ResolutionRow] = []
    for one in decided:
        begin, end = (int(instant.timestamp()) for instant in (one.interval.start, one.interval.end))
        before = [change for change in known[one.series_id] if change.start < begin]
        present = [change for change in known[one.series_id] if begin <= change.start < end]
        wanted = _within(one.changes, begin, end)
        if before and wanted and wanted[0] == ResolutionChange(begin, before[-1].resolution):
            wanted = wanted[1:]
        kept = {change.start for change in wanted}
        gone += [(one.series_id, change) for change in present if change.start not in kept]
        new += [(one.series_id, change) for change in wanted if change not in present]
    return gone, new


def _within(changes: Sequence[ResolutionChange], begin: int, end: int) -> list[ResolutionChange]:
    """The changes in the interval, with the one in force at its start as the first."""
    before = [change for change in changes if change.start <= begin]
    inside = [change for change in changes if begin < change.start < end]
    return [ResolutionChange(begin, before[-1].resolution), *inside] if before else inside
