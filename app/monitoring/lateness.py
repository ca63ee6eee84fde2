"""How late the newest data are: the newest value of each item and area against the deadline of the one after it."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.db.engine import Database
from app.entsoe.items import ITEMS
from app.market.areas import by_eic
from app.market.series import DataItem
from app.market.time import MARKET_ZONE, Resolution

_NEWEST = """
    select distinct on (s.item, s.area) s.item, s.area, o.delivery_start, o.resolution, run.finished_at as asked_at
    from series as s
    cross join lateral (
        select day::timestamp at time zone 'UTC' as day_start
        from daily_counts
        where series_id = s.series_id and stored > 0
        order by day desc
        limit 1
    ) as last
    cross join lateral (
        select delivery_start, resolution
        from observations
        where
            series_id = s.series_id
            and delivery_start >= last.day_start
            and delivery_start < last.day_start + interval '1 day'
            and value is not null
        order by delivery_start desc, resolution
        limit 1
    ) as o
    left join lateral (
        select finished_at
        from collection_runs
        where item = s.item and area = s.area
        order by finished_at desc
        limit 1
    ) as run on true
    order by s.item, s.area, o.delivery_start desc, o.resolution
"""

_WRITE = """
    insert into data_lateness as known (item, area, newest_start, resolution, due_at, asked_at, changed_at)
    select item, area, newest_start, resolution, due_at, asked_at, $7
    from unnest($1::text[], $2::text[], $3::timestamptz[], $4::smallint[], $5::timestamptz[], $6::timestamptz[])
        as found (item, area, newest_start, resolution, due_at, asked_at)
    on conflict (item, area) do update set
        newest_start = excluded.newest_start,
        resolution = excluded.resolution,
        due_at = excluded.due_at,
        asked_at = excluded.asked_at,
        changed_at = excluded.changed_at
    where (known.newest_start, known.resolution, known.due_at, known.asked_at)
        is distinct from (excluded.newest_start, excluded.resolution, excluded.due_at, excluded.asked_at)
"""


def due_at(item: str, area_eic: str, newest: datetime, resolution: Resolution) -> datetime | None:
    """When the unit after the newest has to be public; None for an item without a known deadline."""
    spec = ITEMS.get(DataItem(item)) if item in list(DataItem) else None
    if spec is None:
        return None
    area = by_eic(area_eic.rpartition(">")[2])
    zone = area.zone if area else MARKET_ZONE
    return spec.publication.deadline(resolution.step(newest, 1, zone), resolution, zone)


def lateness(item: str, area_eic: str, newest: datetime, resolution: Resolution, now: datetime) -> timedelta:
    """How long the unit after the newest has been due; nothing where it is not, or no deadline is known."""
    due = due_at(item, area_eic, newest, resolution)
    return timedelta(0) if due is None else max(now - due, timedelta(0))


class LatenessKeeper:
    """Keeps the table `data_lateness` in step with what is stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refresh(self, now: datetime) -> int:
        """Look at every item and area; how many were looked at."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(_NEWEST)
            dues = [
                due_at(row["item"], row["area"], row["delivery_start"], Resolution.from_id(row["resolution"]))
                for row in rows
            ]
            columns = [[row[name] for row in rows] for name in ("item", "area", "delivery_start", "resolution")]
            await connection.execute(_WRITE, *columns, dues, [row["asked_at"] for row in rows], now)
        return len(rows)
