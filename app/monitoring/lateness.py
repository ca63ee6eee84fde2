"""How late the newest data are: the newest value of each item and area against the deadline of the one after it."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.db.engine import Database
from app.market.areas import by_eic
from app.market.series import DataItem
from app.market.time import MARKET_ZONE, Resolution
from app.monitoring import sql
from app.sources.catalog import Publication


def due_at(
    item: str, area_eic: str, newest: datetime, resolution: Resolution, *, publication: Publication
) -> datetime | None:
    """When the unit after the newest has to be public; None for an item without a known deadline."""
    rule = publication(DataItem(item)) if item in list(DataItem) else None
    if rule is None:
        return None
    area = by_eic(area_eic.rpartition(">")[2])
    zone = area.zone if area else MARKET_ZONE
    return rule.deadline(resolution.step(newest, 1, zone), resolution, zone)


def lateness(
    item: str, area_eic: str, newest: datetime, resolution: Resolution, now: datetime, *, publication: Publication
) -> timedelta:
    """How long the unit after the newest has been due; nothing where it is not, or no deadline is known."""
    due = due_at(item, area_eic, newest, resolution, publication=publication)
    return timedelta(0) if due is None else max(now - due, timedelta(0))


class LatenessKeeper:
    """Keeps the table `data_lateness` in step with what is stored."""

    def __init__(self, database: Database, publication: Publication) -> None:
        self._database = database
        self._publication = publication

    async def refresh(self, now: datetime) -> int:
        """Look at every item and area; how many were looked at."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(sql.NEWEST_VALUES)
            dues = [
                due_at(
                    row["item"],
                    row["area"],
                    row["delivery_start"],
                    Resolution.from_id(row["resolution"]),
                    publication=self._publication,
                )
                for row in rows
            ]
            columns = [[row[name] for row in rows] for name in ("item", "area", "delivery_start", "resolution")]
            await connection.execute(sql.KEEP_LATENESS, *columns, dues, [row["asked_at"] for row in rows], now)
        return len(rows)
