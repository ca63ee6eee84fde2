"""Looks at the measurements of the last hours for what is unusual, and keeps that as rows that rules can read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.db.engine import Database

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.monitoring.anomalies.hours import Hourly, Metric

HOUR = timedelta(hours=1)
LOOK_BACK = 24
"""Hours that are judged anew each time: runs may be told of late, and an hour may have passed without a look."""
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


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An unusual hour of an item and area (EIC; empty: all areas of the item together)."""

    metric: str
    item: str
    area: str
    hour: datetime
    value: float
    expected: float
    score: float

    def __str__(self) -> str:
        where = f"{self.item} {self.area}".rstrip()
        return (
            f"{self.metric} of {where} at {self.hour:%Y-%m-%d %H:%M}Z: {self.value:.3g} instead of {self.expected:.3g}"
        )


class AnomalyWatch:
    """Judges whole hours only; doing it twice changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self, now: datetime) -> list[Anomaly]:
        """Judge the last whole hours and keep what is unusual in them: that, the latest first."""
        from app.monitoring.anomalies.hours import HISTORY_DAYS

        end = now.replace(minute=0, second=0, microsecond=0)
        judged = end - LOOK_BACK * HOUR
        first = judged - timedelta(days=HISTORY_DAYS)
        found: list[Anomaly] = []
        # Item after item, so that memory does not grow with their number.
        for item in await self._items(first):
            found += await asyncio.to_thread(score_hours, item, await self._hours(item, first, end), first, end)
        await self._keep(found, judged, end, now)
        return sorted(found, key=lambda one: (one.hour, one.score), reverse=True)

    async def _items(self, first: datetime) -> list[str]:
        async with self._database.connection() as connection:
            return [row["item"] for row in await connection.fetch(_ITEMS, first)]

    async def _hours(self, item: str, first: datetime, end: datetime) -> Sequence[Mapping[str, Any]]:
        async with self._database.connection() as connection:
            return [dict(row) for row in await connection.fetch(_HOURS, item, first, end, timedelta(days=LIVE_DAYS))]

    async def _keep(self, found: Sequence[Anomaly], judged: datetime, end: datetime, now: datetime) -> None:
        names = ("metric", "item", "area", "hour", "value", "expected", "score")
        columns = [[getattr(one, name) for one in found] for name in names]
        async with self._database.transaction() as connection:
            await connection.execute(_FORGET, judged, end, *columns[:4])
            await connection.execute(_KEEP, *columns, now)


def score_hours(item: str, rows: Sequence[Mapping[str, Any]], first: datetime, end: datetime) -> list[Anomaly]:
    """What is unusual in the last hours of each area, and in how all areas of the item fail together."""
    from app.monitoring.anomalies.hours import Metric

    areas = sorted({row["area"] for row in rows})
    hourly = _table(areas, rows, (end - first) // HOUR)
    found = list(_unusual(item, areas, hourly, first, tuple(Metric)))
    if len(areas) > 1:
        found += _unusual(item, [""], hourly.summed([range(len(areas))]), first, (Metric.FAILURES,))
    return found


def _table(areas: Sequence[str], rows: Sequence[Mapping[str, Any]], hours: int) -> Hourly:
    import numpy as np

    from app.monitoring.anomalies.hours import Hourly

    places = {area: place for place, area in enumerate(areas)}
    where = ([places[row["area"]] for row in rows], [row["hour"] for row in rows])
    columns = []
    for name in ("runs", "failed", "requests", "response_seconds", "new"):
        column = np.zeros((len(areas), hours))
        column[where] = [row[name] for row in rows]
        columns.append(column)
    return Hourly(*columns)


def _unusual(
    item: str, areas: Sequence[str], hourly: Hourly, first: datetime, metrics: Sequence[Metric]
) -> Iterator[Anomaly]:
    from app.monitoring.anomalies.hours import unusual

    for one in unusual(hourly, hourly.runs.shape[1] - LOOK_BACK, metrics):
        hour = first + one.hour * HOUR
        yield Anomaly(one.metric.value, item, areas[one.series], hour, one.value, one.expected, one.score)
