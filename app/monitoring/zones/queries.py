"""Reads what the map of zones shows; every method is one statement for all zones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.db.engine import Database

# The finest unit that holds the moment; of several auctions the first.
_VALUES = """
    select distinct on (series.area, wanted.at)
        series.area,
        wanted.at,
        held.value,
        series.unit,
        series.currency
    from series
    cross join unnest($3::timestamptz[]) as wanted (at)
    cross join lateral (
        select o.value, o.resolution
        from observations as o
        join resolutions as unit on unit.id = o.resolution
        where
            o.series_id = series.series_id
            and o.delivery_start <= wanted.at
            and o.delivery_start > wanted.at - interval '1 hour'
            and o.delivery_start + make_interval(secs => unit.seconds) > wanted.at
            and o.value is not null
        order by o.resolution
        limit 1
    ) as held
    where series.item = $1 and series.area = any($2::text[])
    order by series.area, wanted.at, held.resolution, series.sequence, series.contract, series.series_id
"""

_GAPS = """
    select area, count(*) as gaps, sum(missing)::bigint as missing
    from gaps
    where area = any($1::text[])
    group by area
"""


_SCORES = """
    with latest as (
        select max(day) as day
        from quality_scores
        where day_start between $1 and $3 and overall is not null
    )
    select
        series.area,
        score.day,
        avg(score.overall) as mean,
        count(*) as series,
        count(*) filter (where score.overall < $2) as low
    from quality_scores as score
    join latest on latest.day = score.day
    join series using (series_id)
    where score.day_start >= $1 and score.overall is not null
    group by series.area, score.day
"""

LOW_SCORE = 90.0
"""Below it a score of a series is worth a look."""


@dataclass(frozen=True, slots=True)
class ZoneValue:
    """The value of an item in a zone (EIC) at a moment."""

    area: str
    at: datetime
    value: float
    unit: str
    currency: str


@dataclass(frozen=True, slots=True)
class ZoneGaps:
    """The gaps of a zone (EIC), of all its items."""

    area: str
    gaps: int
    missing: int


@dataclass(frozen=True, slots=True)
class ZoneScore:
    """The scores of an area (EIC) on the last scored day: their mean, of how many series, and how many are low."""

    area: str
    day: date
    mean: float
    series: int
    low: int


class ZoneReads:
    """Reads all zones at once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def values(self, item: str, eics: Sequence[str], moments: Sequence[datetime]) -> list[ZoneValue]:
        """The values of the item that hold at the moments."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_VALUES, item, eics, moments)
        return [ZoneValue(**row) for row in rows]

    async def gaps(self, eics: Sequence[str]) -> Mapping[str, ZoneGaps]:
        """The gaps that the last analysis found, by zone."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_GAPS, eics)
        return {row["area"]: ZoneGaps(**row) for row in rows}

    async def scores(self, since: datetime, until: datetime) -> list[ZoneScore]:
        """Those of the newest day that begins in between, of all areas, borders too; forecasts are scored ahead."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SCORES, since, LOW_SCORE, until)
        return [ZoneScore(**row) for row in rows]
