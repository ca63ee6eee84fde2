"""Reads figures: of runs from the rollups, of the service from its samples, of lateness from its table."""

# ruff: noqa: S608  statements are made of constants

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.db.engine import Database
from app.market.time import Interval
from app.monitoring.histogram import quantile, unpack_counts
from app.monitoring.models import Lateness, PairTotals, RunTotals, Sample

if TYPE_CHECKING:
    import asyncpg

_SUMS = (
    "runs", "failed_runs", "received", "new", "revised", "rejected", "requests", "retries", "bytes",
    "response_seconds", "store_seconds", "latencies",
)  # fmt: skip
_COLUMNS = ", ".join((*_SUMS, "store_max"))

_TALLIES = f"""
    with parts as (
        select item, area, {_COLUMNS}
        from collection_daily
        where day >= ($3::timestamptz at time zone 'UTC')::date and day < ($4::timestamptz at time zone 'UTC')::date
        union all
        select item, area, {_COLUMNS}
        from collection_hourly
        where (hour >= $1 and hour < least($2, $3)) or (hour >= greatest($1, $4) and hour < $2)
    )
    select
        {{pair}}
        {", ".join(f"sum({name})::bigint as {name}" for name in _SUMS[:9])},
        {", ".join(f"sum({name})::float8 as {name}" for name in _SUMS[9:11])},
        max(store_max) as store_max,
        sum(latencies)::text as latencies
    from parts
    where ($5::text[] is null or item = any($5)) and ($6::text[] is null or area = any($6))
    {{group}}
"""
_BY_PAIR = _TALLIES.format(pair="item, area,", group="group by item, area order by item, area")
_BY_ITEM = _TALLIES.format(pair="item,", group="group by item order by item")
_OVERALL = _TALLIES.format(pair="", group="having count(*) > 0")

# The last minute's sample of each replica that lives.
_REPLICAS = """
    select distinct on (instance) *
    from service_metrics
    where at > $1::timestamptz - $2::interval
    order by instance, at desc
"""

_SERVED = """
    select
        (
            select count(*)
            from (
                select from service_metrics where at >= $1 and at < $2 group by date_trunc('minute', at)
            ) as minutes
        ) as minutes,
        (select min(at) from service_metrics where at >= $1 and at < $2) as first
"""

_FIRST_SIGN = "select min(at) as first from service_metrics where at >= $1 and at < $2"

_LATE = "select item, area, newest_start, resolution, due_at, late_seconds from v_data_lateness order by item, area"

SIGN_OF_LIFE = timedelta(seconds=60)
"""A replica without a sample for so long has gone."""


@dataclass(frozen=True, slots=True)
class Served:
    """In how many minutes of an interval a replica gave a sign of life; `first` is the first sign in it."""

    minutes: int
    first: datetime | None


class FigureReads:
    """Reads; every method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_pair(
        self, interval: Interval, *, items: Sequence[str] | None = None, areas: Sequence[str] | None = None
    ) -> list[PairTotals]:
        """The runs of each item and area (EIC) that started in the interval, which is widened to whole hours."""
        rows = await self._fetch(_BY_PAIR, *_bounds(interval), items, areas)
        return [PairTotals(row["item"], row["area"], _totals(row)) for row in rows]

    async def by_item(self, interval: Interval) -> dict[str, RunTotals]:
        """The same of each item over all its areas."""
        rows = await self._fetch(_BY_ITEM, *_bounds(interval), None, None)
        return {row["item"]: _totals(row) for row in rows}

    async def overall(
        self, interval: Interval, *, items: Sequence[str] | None = None, areas: Sequence[str] | None = None
    ) -> RunTotals:
        """All runs of the interval together."""
        rows = await self._fetch(_OVERALL, *_bounds(interval), items, areas)
        return _totals(rows[0]) if rows else RunTotals()

    async def replicas(self, now: datetime) -> list[Sample]:
        """The newest sample of each replica that lives."""
        names = Sample.__dataclass_fields__
        rows = await self._fetch(_REPLICAS, now, SIGN_OF_LIFE)
        return [Sample(**{name: row[name] for name in names}) for row in rows]

    async def served(self, interval: Interval) -> Served:
        """In which minutes somebody served."""
        [row] = await self._fetch(_SERVED, interval.start, interval.end)
        return Served(row["minutes"], row["first"])

    async def first_sign(self, interval: Interval) -> datetime | None:
        """The first sign of life in the interval."""
        [row] = await self._fetch(_FIRST_SIGN, interval.start, interval.end)
        first: datetime | None = row["first"]
        return first

    async def lateness(self) -> list[Lateness]:
        """The newest value of each item and area that is asked for."""
        return [
            Lateness(
                row["item"],
                row["area"],
                row["newest_start"],
                row["resolution"],
                row["due_at"],
                timedelta(seconds=row["late_seconds"] or 0),
            )
            for row in await self._fetch(_LATE)
        ]

    async def _fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async with self._database.connection() as connection:
            return await connection.fetch(query, *arguments)


def _bounds(interval: Interval) -> tuple[datetime, datetime, datetime, datetime]:
    """The whole hours that hold the interval, and the whole UTC days within them; none are an empty range."""
    start, end = _hour(interval.start), _hour(interval.end - timedelta(microseconds=1)) + timedelta(hours=1)
    first = _midnight(start + timedelta(hours=23))
    return start, end, first, max(first, _midnight(end))


def _hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _midnight(instant: datetime) -> datetime:
    return instant.replace(hour=0, minute=0, second=0, microsecond=0)


def _totals(row: Any) -> RunTotals:
    counts = unpack_counts(row["latencies"])
    return RunTotals(
        runs=row["runs"],
        failed=row["failed_runs"],
        received=row["received"],
        new=row["new"],
        revised=row["revised"],
        rejected=row["rejected"],
        requests=row["requests"],
        retries=row["retries"],
        bytes=row["bytes"],
        response_seconds=row["response_seconds"],
        store_seconds=row["store_seconds"],
        store_max=row["store_max"],
        p50=quantile(counts, 0.5),
        p95=quantile(counts, 0.95),
        p99=quantile(counts, 0.99),
    )
