"""What a report of quality reads beside scores and findings: trends, and the values of the series that it draws."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from app.market.time import Interval, Resolution
from app.quality.listing import ListedTrend
from app.reporting.plots import with_breaks
from app.reporting.quality.document import Picture

if TYPE_CHECKING:
    from app.db.engine import Connection

HISTORY = timedelta(weeks=6)
CALENDAR_SLACK = 1.1

_TRENDS = """
    select distinct on (series_id) *
    from v_quality_trends
    where
        ($1::text[] is null or item = any($1))
        and ($2::text[] is null or area_eic = any($2))
        and week <= $3
        and week > $3 - 21
    order by series_id, week desc
"""

_VALUES = """
    select
        extract(epoch from delivery_start)::double precision as instant,
        resolution,
        coalesce(value, double precision 'NaN') as value
    from observations
    where series_id = $1 and delivery_start >= $2 and delivery_start < $3
    order by delivery_start, resolution
"""

_HISTORY = """
    select day, overall
    from quality_scores
    where series_id = $1 and day > $2 and day <= $3 and overall is not null
    order by day_start
"""

_UNITS = {"MAW": "MW", "MWH": "MWh"}
"""The platform's codes as people write them."""
_UNIT = "select unit, currency from series where series_id = $1"


async def read_trends(
    connection: Connection, last: date, *, items: Collection[str] | None, areas: Collection[str] | None
) -> list[ListedTrend]:
    """The latest trend of each series in the three weeks up to a day."""
    return [ListedTrend(**row) for row in await connection.fetch(_TRENDS, _listed(items), _listed(areas), last)]


async def read_picture(connection: Connection, series_id: int, interval: Interval, last: date) -> Picture:
    """The values of the interval, broken where some are missing, and the scores of the weeks that end with `last`."""
    values = await connection.fetch(_VALUES, series_id, interval.start, interval.end)
    history = await connection.fetch(_HISTORY, series_id, last - HISTORY, last)
    series = await connection.fetchrow(_UNIT, series_id)
    unit = "/".join(filter(None, (series["currency"], _UNITS.get(series["unit"], series["unit"])))) if series else ""
    return Picture(
        series_id,
        *with_breaks(
            [row["instant"] for row in values],
            [row["instant"] + _longest(row["resolution"]) for row in values],
            [row["value"] for row in values],
        ),
        unit,
        [(row["day"], row["overall"]) for row in history],
    )


def _longest(resolution: int) -> float:
    """Seconds after which the next value is missing; a local day or month may last longer than usual."""
    unit = Resolution.from_id(resolution)
    return float(unit.seconds or CALENDAR_SLACK * unit.nominal.total_seconds())


def _listed(names: Collection[str] | None) -> Sequence[str] | None:
    return None if names is None else [str(name) for name in names]
