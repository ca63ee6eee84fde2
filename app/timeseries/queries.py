"""Reads series as a catalogue: the key of each, and from when until when it has values."""

# ruff: noqa: S608  names of columns

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from app.market.series import DISTINGUISHING, SeriesKey
from app.market.time import Resolution
from app.timeseries.sql import KEY_COLUMNS

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


@dataclass(frozen=True, slots=True)
class LatestValue:
    """The value with the latest delivery, and when it was learned."""

    delivery_start: datetime
    resolution: Resolution
    value: float
    recorded_at: datetime


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
        names = [None if one is None else list(one) for one in (wanted.items, wanted.areas)]
        parts = [wanted.parts.get(name) for name in DISTINGUISHING]
        async with self._database.transaction(isolation="repeatable_read", readonly=True) as connection:
            return [_series(row) for row in await connection.fetch(_PAGE, after, *names, limit, *parts)]

    async def one(self, series_id: int) -> StoredSeries | None:
        found = await self.page(SeriesFilter(), after=series_id - 1, limit=1)
        return found[0] if found and found[0].series_id == series_id else None


def _series(row: Record) -> StoredSeries:
    return StoredSeries(
        row["series_id"],
        SeriesKey(*tuple(row)[1 : 1 + len(KEY_COLUMNS.split(","))]),
        row["first_seen"],
        tuple(sorted(map(Resolution.from_id, row["resolutions"] or ()), key=lambda one: one.id)),
        row["first_delivery"],
        LatestValue(row["delivery_start"], Resolution.from_id(row["resolution"]), row["value"], row["recorded_at"])
        if row["delivery_start"]
        else None,
    )
