"""Reads series as a catalogue: the key of each, from when until when it has values, its newest, and what it was believed."""

# ruff: noqa: S608  names of columns

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from app.market.series import DISTINGUISHING, KEY_FIELDS, DataItem, SeriesKey
from app.market.time import Interval, Resolution, iso, iso_exact
from app.timeseries.sql import KEY_COLUMNS, WRITERS

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Database

_PARTS = "".join(
    f"\n            and (${number}::text is null or {name} = ${number})"
    for number, name in enumerate(DISTINGUISHING, 5)
)
# Both ends of each series through the index: first the day, then the value within it.
_PAGE = f"""
    with wanted as (
        select series_id, {KEY_COLUMNS}, first_seen
        from series
        where
            series_id > $1::bigint
            and ($2::text[] is null or item = any($2))
            and ($3::text[] is null or area = any($3)){_PARTS}
        order by series_id
        limit $4
    )
    select
        wanted.*, extent.resolutions,
        earliest.delivery_start as first_delivery,
        latest.delivery_start, latest.resolution, latest.value, latest.recorded_at
    from wanted
    left join lateral (
        select
            min(day)::timestamp at time zone 'UTC' as first_day,
            max(day)::timestamp at time zone 'UTC' as last_day,
            array_agg(distinct resolution) as resolutions
        from daily_counts
        where series_id = wanted.series_id and stored > 0
    ) as extent on true
    left join lateral (
        select delivery_start
        from observations
        where series_id = wanted.series_id and delivery_start >= extent.first_day and value is not null
        order by delivery_start
        limit 1
    ) as earliest on true
    left join lateral (
        select delivery_start, resolution, value, recorded_at
        from observations
        where series_id = wanted.series_id and delivery_start >= extent.last_day and value is not null
        order by delivery_start desc, resolution
        limit 1
    ) as latest on true
    order by wanted.series_id
"""


# From the last day with values that ends before $13 on: what is delivered before $13 is there or on its own day.
_NEWEST = f"""
    select series_id, {KEY_COLUMNS}, newest.*
    from series
    cross join lateral (
        select coalesce(max(day), $13::date)::timestamp at time zone 'UTC' as begin
        from (
            select day from daily_counts
            where daily_counts.series_id = series.series_id and stored > 0 and day < $13::date
            order by day desc
            limit 1
        ) as before
    ) as last_day
    cross join lateral (
        select delivery_start, resolution, value, filled, recorded_at
        from observations
        where
            observations.series_id = series.series_id
            and delivery_start >= last_day.begin
            and delivery_start < $14::timestamptz
            and value is not null
        order by delivery_start desc, resolution
        limit 1
    ) as newest
    where
        series_id > $1::bigint
        and ($2::text[] is null or item = any($2))
        and ($3::text[] is null or area = any($3)){_PARTS}
    order by series_id
    limit $4
"""

_BELIEFS = """
    select delivery_start, resolution, value, filled, recorded_at, superseded_at
    from (
        select delivery_start, resolution, value, filled, recorded_at, null::timestamptz as superseded_at
        from observations
        where series_id = $1 and delivery_start >= greatest($2::timestamptz, $4::timestamptz) and delivery_start < $3
        union all
        select delivery_start, resolution, value, filled, recorded_at, superseded_at
        from observation_revisions
        where series_id = $1 and delivery_start >= greatest($2::timestamptz, $4::timestamptz) and delivery_start < $3
    ) as belief
    where $4::timestamptz is null or (delivery_start, resolution, recorded_at) > ($4, $5::smallint, $6::timestamptz)
    order by delivery_start, resolution, recorded_at
    limit $7
"""

# Nothing is published longer ahead than a year; without the bound years of later values would be looked through.
_NEWEST_KNOWN = """
    select delivery_start, resolution, value, recorded_at
    from (
        select delivery_start, resolution, value, recorded_at
        from observations
        where series_id = $1 and recorded_at <= $2
        union all
        select delivery_start, resolution, value, recorded_at
        from observation_revisions
        where series_id = $1 and recorded_at <= $2 and superseded_at > $2
    ) as known
    where delivery_start < $2::timestamptz + interval '400 days' and value is not null
    order by delivery_start desc, resolution
    limit 1
"""


# A series that nothing was written to since it is counted has the revision 0.
_REVISIONS = f"""
    select series_id, coalesce(revision, 0) as revision, changed_at, least(writers.now, writers.oldest) as horizon
    from unnest($1::text[], $2::text[]) as wanted (item, area)
    join series using (item, area)
    left join series_revisions using (series_id)
    cross join ({WRITERS.strip()}) as writers
    order by series_id
"""


LARGEST_SERIES = 2**31 - 1
"""Series are numbered by 32 bits."""


@dataclass(frozen=True, slots=True)
class ReadState:
    """Which series a read is about, and how often each was written to: a read of equal states gives equal values.

    `changed_at` is the whole second in which the last one was, None while another write of that second may be open.
    """

    revisions: tuple[tuple[int, int], ...]
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class LatestValue:
    """The value with the latest delivery, and when it was learned."""

    delivery_start: datetime
    resolution: Resolution
    value: float
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class NewestValue:
    """The newest value of a series."""

    series_id: int
    key: SeriesKey
    latest: LatestValue
    filled: bool


@dataclass(frozen=True, slots=True)
class Belief:
    """A value as it was believed from one instant until another, None for the present one; a vanished value is None."""

    delivery_start: datetime
    resolution: Resolution
    value: float | None
    filled: bool
    recorded_at: datetime
    superseded_at: datetime | None


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """A series that is stored, and what it holds; a series whose values all vanished holds none."""

    series_id: int
    key: SeriesKey
    first_seen: datetime
    resolutions: tuple[Resolution, ...]
    first_delivery: datetime | None
    latest: LatestValue | None


@dataclass(frozen=True, slots=True)
class SeriesFilter:
    """Which series are wanted; None means any. `parts` are values of the key's other components, by their names."""

    items: Collection[str] | None = None
    areas: Collection[str] | None = None
    parts: dict[str, str] = field(default_factory=dict)


class SeriesReads:
    """The stored series."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: SeriesFilter, *, after: int, limit: int) -> Sequence[StoredSeries]:
        """The series behind the one of this number, in the order of their numbers."""
        async with self._database.transaction(isolation="repeatable_read", readonly=True) as connection:
            return [_series(row) for row in await connection.fetch(_PAGE, *_arguments(wanted, after, limit))]

    async def newest(
        self, wanted: SeriesFilter, *, before: datetime | None, after: int, limit: int
    ) -> Sequence[NewestValue]:
        """Of each series that has values the newest that is delivered before the instant, in the order of their numbers."""
        arguments = _arguments(wanted, after, limit)
        # The driver writes these as infinity.
        end = (before.astimezone(UTC).date(), before) if before else (date.max, datetime.max.replace(tzinfo=UTC))
        async with self._database.connection() as connection:
            return [_newest(row) for row in await connection.fetch(_NEWEST, *arguments, *end)]

    async def newest_known(self, series_id: int, as_of: datetime) -> LatestValue | None:
        """The newest value of a series as it was known at an instant."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_NEWEST_KNOWN, series_id, as_of)
        if row is None:
            return None
        return LatestValue(
            row["delivery_start"], Resolution.from_id(row["resolution"]), row["value"], row["recorded_at"]
        )

    async def beliefs(
        self, series_id: int, interval: Interval, *, after: tuple[datetime, int, datetime] | None, limit: int
    ) -> Sequence[Belief]:
        """Every version of the values of a series, by delivery, then by when it was learned."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _BELIEFS, series_id, interval.start, interval.end, *(after or (None, None, None)), limit
            )
        return [Belief(**{**dict(row), "resolution": Resolution.from_id(row["resolution"])}) for row in rows]

    async def state(self, wanted: Mapping[DataItem, Collection[str]]) -> ReadState:
        """The state of the series of these areas by item. Values that are read later are those of it, or newer ones."""
        pairs = [(item.value, area) for item, areas in wanted.items() for area in areas]
        async with self._database.connection() as connection:
            rows = await connection.fetch(_REVISIONS, [item for item, _ in pairs], [area for _, area in pairs])
        changed = max((row["changed_at"].replace(microsecond=0) for row in rows if row["changed_at"]), default=None)
        if changed and changed + timedelta(seconds=1) > rows[0]["horizon"]:
            changed = None
        return ReadState(tuple((row["series_id"], row["revision"]) for row in rows), changed)

    async def one(self, series_id: int) -> StoredSeries | None:
        found = await self.page(SeriesFilter(), after=series_id - 1, limit=1)
        return found[0] if found and found[0].series_id == series_id else None


def _arguments(wanted: SeriesFilter, after: int, limit: int) -> list[object]:
    names = [None if one is None else list(one) for one in (wanted.items, wanted.areas)]
    return [after, *names, limit, *(wanted.parts.get(name) for name in DISTINGUISHING)]


def _newest(row: Record) -> NewestValue:
    latest = LatestValue(row["delivery_start"], Resolution.from_id(row["resolution"]), row["value"], row["recorded_at"])
    return NewestValue(row["series_id"], SeriesKey(*tuple(row)[1 : 1 + len(KEY_FIELDS)]), latest, row["filled"])


def _series(row: Record) -> StoredSeries:
    return StoredSeries(
        row["series_id"],
        SeriesKey(*tuple(row)[1 : 1 + len(KEY_FIELDS)]),
        row["first_seen"],
        tuple(sorted(map(Resolution.from_id, row["resolutions"] or ()), key=lambda one: one.id)),
        row["first_delivery"],
        LatestValue(row["delivery_start"], Resolution.from_id(row["resolution"]), row["value"], row["recorded_at"])
        if row["delivery_start"]
        else None,
    )


def statement_of(series: Sequence[int], interval: Interval, as_of: datetime | None) -> str:
    """The statement, for people to copy, that gives the values of some series: now, or as they were known."""
    several = len(series) > 1
    numbers = ", ".join(map(str, series))
    of_series = f"series_id in ({numbers})" if several else f"series_id = {numbers}"
    names, order = ("series_id, ", "series_id, ") if several else ("", "")
    spans = f"delivery_start >= '{iso(interval.start)}' and delivery_start < '{iso(interval.end)}'"
    if as_of is None:
        return (
            f"select {names}delivery_start, resolution, value\nfrom v_observations\nwhere {of_series}\n  and {spans}\n"
            f"order by {order}delivery_start;"
        )
    known = f"recorded_at <= '{iso_exact(as_of)}'"
    return (
        f"select {names}delivery_start, value\nfrom (\n"
        "  select series_id, delivery_start, value, recorded_at, 'infinity'::timestamptz as superseded_at from observations\n"
        "  union all\n"
        "  select series_id, delivery_start, value, recorded_at, superseded_at from observation_revisions\n"
        f") as beliefs\nwhere {of_series}\n  and {spans}\n"
        f"  and {known} and superseded_at > '{iso_exact(as_of)}' and value is not null\n"
        f"order by {order}delivery_start;"
    )
