"""Reads the trends of the overview; every method is one statement over rollups and short tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.db.engine import Database

HOURS, DAYS = 24, 14

# Hours without a run have no share, and no requests.
_COLLECTION = """
    select
        1 - sum(hourly.failed_runs)::double precision / nullif(sum(hourly.runs), 0) as share,
        coalesce(sum(hourly.requests), 0)::double precision as requests
    from generate_series($1::timestamptz, $2::timestamptz, interval '1 hour') as hours (hour)
    left join collection_hourly as hourly using (hour)
    group by hours.hour
    order by hours.hour
"""

_SCORES = """
    select avg(overall) as score
    from quality_scores
    where day_start between $1 and $2 and overall is not null
    group by day
    order by day
"""

_ALERTS = """
    select count(event.event_id)::double precision as fired
    from generate_series($1::timestamptz, $2::timestamptz, interval '1 day') as days (begun)
    left join alert_events as event
        on event.at >= days.begun and event.at < days.begun + interval '1 day' and event.kind = 'fired'
    group by days.begun
    order by days.begun
"""

# How many gaps there were, counted back from those that are there.
_GAPS = """
    with balance as (
        select
            width_bucket(extract(epoch from at - $1::timestamptz), 0, 86400 * $2::integer, $2::integer) as day,
            count(*) filter (where was is null) - count(*) filter (where reason is null) as more
        from gap_changes
        where at >= $1 and whole and (was is null or reason is null)
        group by 1
    )
    select greatest(0, (select count(*) from gaps) - coalesce(sum(balance.more), 0))::double precision as gaps
    from generate_series(1, $2::integer) as days (day)
    left join balance on balance.day > days.day
    group by days.day
    order by days.day
"""


@dataclass(frozen=True, slots=True)
class Trends:
    """The last 24 hours of collection, hour by hour, and the last 14 days of the other parts; None where nothing is known."""

    success: Sequence[float | None] = ()
    requests: Sequence[float] = ()
    quality: Sequence[float] = ()
    alerts: Sequence[float] = ()
    gaps: Sequence[float] = ()


class TrendReads:
    """Reads all of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def trends(self, now: datetime) -> Trends:
        """Up to this moment, from one connection."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        begun = now - timedelta(days=DAYS)
        async with self._database.connection() as connection:
            hours = await connection.fetch(_COLLECTION, hour - timedelta(hours=HOURS - 1), hour)
            scores = await connection.fetch(_SCORES, begun, now)
            alerts = await connection.fetch(_ALERTS, begun, now - timedelta(days=1))
            gaps = await connection.fetch(_GAPS, begun, DAYS)
        return Trends(
            success=[row["share"] for row in hours],
            requests=[row["requests"] for row in hours],
            quality=[row["score"] for row in scores],
            alerts=[row["fired"] for row in alerts],
            gaps=[row["gaps"] for row in gaps],
        )
