"""Keeps the weekly trend of every series as rows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from app.market.time import MARKET_ZONE, local_day
from app.quality.trend import WEEKS, Trend, trend

if TYPE_CHECKING:
    from app.db.engine import Database

WEEKS_AGAIN = 2
"""Scores of past days change with corrections: so many whole weeks are compared anew each time."""

_SCORES = """
    select series_id, array_agg(day order by day_start) as days, array_agg(overall order by day_start) as scores
    from quality_scores
    where day_start >= $1 and overall is not null
    group by series_id
"""

# Equal trends write nothing.
_KEEP = """
    insert into quality_trends (series_id, week, weeks, score, slope, p_value, drop_points, degrading, computed_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (series_id, week) do update
    set
        weeks = excluded.weeks, score = excluded.score, slope = excluded.slope, p_value = excluded.p_value,
        drop_points = excluded.drop_points, degrading = excluded.degrading, computed_at = excluded.computed_at
    where
        (quality_trends.weeks, quality_trends.score, quality_trends.slope, quality_trends.p_value)
        is distinct from (excluded.weeks, excluded.score, excluded.slope, excluded.p_value)
"""


class TrendService:
    """Compares the scores of the last weeks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def update(self, now: datetime) -> int:
        """Keep the trends of the last whole weeks; gives how many series are degrading in the very last."""
        mondays = last_mondays(local_day(now, MARKET_ZONE))
        since = now - timedelta(weeks=WEEKS + WEEKS_AGAIN + 1)
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SCORES, since)
        series = [(row["series_id"], row["days"], row["scores"]) for row in rows]
        found = await asyncio.to_thread(_trends, series, mondays)
        async with self._database.transaction() as connection:
            await connection.executemany(_KEEP, [(number, *_columns(one), now) for number, one in found])
        return sum(one.degrading for _, one in found if one.week == mondays[-1])


def last_mondays(today: date) -> list[date]:
    """The Mondays of the last whole weeks before today, oldest first."""
    this = today - timedelta(days=today.weekday())
    return [this - timedelta(weeks=number) for number in range(WEEKS_AGAIN, 0, -1)]


def _trends(
    series: Sequence[tuple[int, Sequence[date], Sequence[float]]], mondays: Sequence[date]
) -> list[tuple[int, Trend]]:
    return [
        (number, found)
        for number, days, scores in series
        for monday in mondays
        if (found := trend(days, scores, monday)) is not None
    ]


def _columns(one: Trend) -> tuple[object, ...]:
    return (one.week, one.weeks, one.score, one.slope, one.p_value, one.drop_points, one.degrading)
