"""The areas of the vocabulary as rows, for views that name areas and count local days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from app.market.areas import Area, areas
from app.market.time import MARKET_ZONE, midnight

if TYPE_CHECKING:
    from app.db.engine import Connection

_COLUMNS = ("eic", "code", "name", "kinds", "zone", "since", "until")
_FIRST, _LAST = date(2014, 12, 1), date(2030, 12, 31)
"""Days on which zones are compared: from the platform's first data on."""

_KNOWN = f"select {', '.join(_COLUMNS)} from areas order by eic"  # noqa: S608  names of columns


async def refresh_areas(connection: Connection) -> bool:
    """Writes the areas of the vocabulary where the table differs; whether it did."""
    wanted = sorted(map(_row, areas().values()))
    if [tuple(row) for row in await connection.fetch(_KNOWN)] == wanted:
        return False
    records = [(*row, has_market_days(row[4])) for row in wanted]
    async with connection.transaction():
        await connection.execute("delete from areas")
        await connection.copy_records_to_table("areas", records=records, columns=(*_COLUMNS, "market_days"))
    return True


def _row(area: Area) -> tuple[str, str, str, list[str], str, date | None, date | None]:
    return area.eic, area.code, area.name, sorted(area.kinds), area.zone.key, area.since, area.until


@lru_cache
def has_market_days(zone: str) -> bool:
    """Whether the days of the zone begin with those of the market's zone."""
    wanted = ZoneInfo(zone)
    return all(midnight(day, wanted) == start for day, start in _market_days())


@lru_cache
def _market_days() -> tuple[tuple[date, datetime], ...]:
    """Days with their start: all around the changes of the clocks, and the first of each month."""
    days = (_FIRST + timedelta(days=number) for number in range((_LAST - _FIRST).days))
    chosen = (day for day in days if day.day == 1 or (day.month in {3, 10} and day.day >= 24))
    return tuple((day, midnight(day, MARKET_ZONE)) for day in chosen)
