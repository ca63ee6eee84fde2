"""The measurements of runs by the hour, and what was unusual in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.db.engine import Database
    from app.monitoring.anomalies.service import Anomaly

LIVE_DAYS = 3
"""A window that ended longer before its run is one of a backfill: its values say nothing of what is usual."""

_ITEMS = "select distinct item from collection_metrics where started_at >= $1 order by item"

_HOURS = """
    select
        m.area,
        (extract(epoch from date_trunc('hour', m.started_at) - $2::timestamptz) / 3600)::integer as hour,
        count(*)::float8 as runs,
        count(*) filter (where m.outcome = 'failed')::float8 as failed,
        sum(m.requests)::float8 as requests,
        sum(m.response_seconds)::float8 as response_seconds,
        coalesce(sum(m.new) filter (
            where run.window_end is null or run.window_end > m.finished_at - $4::interval
        ), 0)::float8 as new
    from collection_metrics as m
    left join collection_runs as run on run.run_id = m.run_id and run.item = m.item and run.area = m.area
    where m.item = $1 and m.started_at >= $2 and m.started_at < $3
    group by 1, 2
"""

_FORGET = """
    delete from metric_anomalies as known
    where
        hour >= $1 and hour < $2
        and not exists (
            select
            from unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[]) as found (metric, item, area, hour)
            where (found.metric, found.item, found.area, found.hour) = (known.metric, known.item, known.area, known.hour)
        )
"""

_KEEP = """
    insert into metric_anomalies (metric, item, area, hour, value, expected, score, detected_at)
    select metric, item, area, hour, value, expected, score, $8
    from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::float8[], $6::float8[], $7::float8[])
        as found (metric, item, area, hour, value, expected, score)
    on conflict (hour, metric, item, area) do update set
        value = excluded.value, expected = excluded.expected, score = excluded.score
"""


class AnomalyRepository:
    """Reads hours item by item and keeps what was found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def items(self, since: datetime) -> list[str]:
        """The items of which a run began since then."""
        async with self._database.connection() as connection:
            return [row["item"] for row in await connection.fetch(_ITEMS, since)]

    async def hours(self, item: str, first: datetime, end: datetime) -> Sequence[Mapping[str, Any]]:
        """The runs of an item by area and hour, which counts from `first`."""
        async with self._database.connection() as connection:
            return [dict(row) for row in await connection.fetch(_HOURS, item, first, end, timedelta(days=LIVE_DAYS))]

    async def keep(self, found: Sequence[Anomaly], first: datetime, end: datetime, now: datetime) -> None:
        """Make the anomalies of these hours the found ones."""
        names = ("metric", "item", "area", "hour", "value", "expected", "score")
        columns = [[getattr(anomaly, name) for anomaly in found] for name in names]
        async with self._database.transaction() as connection:
            await connection.execute(_FORGET, first, end, *columns[:4])
            await connection.execute(_KEEP, *columns, now)
