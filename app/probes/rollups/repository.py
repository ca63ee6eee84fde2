"""Results of websites, added up by hour and by day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from app.probes.rollups import sql

if TYPE_CHECKING:
    from asyncpg import Record

    from app.db.engine import Database

STEP = timedelta(days=1)
"""Results of so long are added up in one transaction."""


class RollupLength(StrEnum):
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class WebsiteRollup:
    """The results of a website in an hour or a day; latencies are those of good checks."""

    start: datetime
    checks: int
    good: int
    ours: int
    total_ms: float
    shortest_ms: float | None
    longest_ms: float | None
    counts: dict[int, int]


class RollupRepository:
    """Every public method but `add_up` is one transaction; that one is one for each day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_up(self, until: datetime) -> None:
        """Add up what is not yet, up to the whole hour before the instant."""
        end = until.replace(minute=0, second=0, microsecond=0)
        async with self._database.connection() as connection:
            known = await connection.fetchval(sql.KNOWN_UNTIL)
            first = await connection.fetchval(sql.FIRST) if known is None else known - sql.AGAIN
        if first is None:
            return
        for day in _settled_days(first if known is None else known, end):
            async with self._database.transaction() as connection:
                await connection.execute(sql.ADD_REGION_DAY, day, day + STEP)
        start = first.replace(minute=0, second=0, microsecond=0)
        while start < end:
            next_start = min(start + STEP, end)
            async with self._database.transaction() as connection:
                await connection.execute(sql.ADD_HOURS, start, next_start)
                await connection.execute(sql.ADD_DAYS, start, next_start)
            start = next_start

    async def latencies(
        self, website_ids: Sequence[int] | None, start: datetime, end: datetime
    ) -> dict[int, dict[int, int]]:
        """How many checks took how long, by website (None: of all); of whole hours within the range."""
        found: dict[int, dict[int, int]] = {}
        chosen = None if website_ids is None else list(website_ids)
        async with self._database.connection() as connection:
            for row in await connection.fetch(sql.LATENCIES, chosen, start, end):
                found.setdefault(row["website_id"], {})[row["bucket"]] = row["number"]
        return found

    async def of(self, website_id: int, length: RollupLength, start: datetime, end: datetime) -> list[WebsiteRollup]:
        """Those of a website in a range, the earliest first."""
        statement = sql.HOURS_OF if length is RollupLength.HOUR else sql.DAYS_OF
        async with self._database.connection() as connection:
            return [_rollup(row) for row in await connection.fetch(statement, website_id, start, end)]


def _settled_days(since: datetime, until: datetime) -> list[datetime]:
    """Days of UTC that came to rest in the time: nothing of them is added up again."""
    day = since.replace(hour=0, minute=0, second=0, microsecond=0) - STEP
    found = []
    while day + STEP + sql.AGAIN <= until:
        if day + STEP + sql.AGAIN > since:
            found.append(day)
        day += STEP
    return found


def _rollup(row: Record) -> WebsiteRollup:
    counts = dict(zip(row["buckets"], row["counts"], strict=True))
    return WebsiteRollup(
        row["start_at"], row["checks"], row["good"], row["ours"], row["total_ms"], row["shortest_ms"],
        row["longest_ms"], counts,
    )  # fmt: skip
