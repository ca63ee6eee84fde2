"""A served page over a few stored facts, hostile names among them."""

from __future__ import annotations

from datetime import timedelta

from tests.support.api_factory import ServedApi

HOSTILE = "<img src=x onerror=alert(1)>'\"&{{7*7}}"


async def keep_lateness(api: ServedApi, *rows: tuple[str, str, int]) -> None:
    """Items and areas whose next value is due or late by so many minutes; without lateness it is due in five."""
    now = api.container.clock().now()
    async with api.container.database().connection() as connection:
        await connection.executemany(
            "insert into data_lateness (item, area, newest_start, resolution, due_at, asked_at, changed_at) "
            "values ($1, $2, $3, 5, $4, $5, $5)",
            [
                (item, area, now - timedelta(minutes=30 + late), now - timedelta(minutes=late or -5), now)
                for item, area, late in rows
            ],
        )
