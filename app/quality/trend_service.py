"""Keeps the weekly trend of every series as rows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from app.market.time import MARKET_ZONE, local_day
from app.quality.trend import WEEKS, Trend, trend

if TYPE_CHECKING:
    from app.quality.repository import QualityRepository, ScoreHistory

WEEKS_AGAIN = 2
"""Scores of past days change with corrections: so many whole weeks are compared anew each time."""


class TrendService:
    """Compares the scores of the last weeks."""

    def __init__(self, rows: QualityRepository) -> None:
        self._rows = rows

    async def update(self, now: datetime) -> int:
        """Keep the trends of the last whole weeks; gives how many series are degrading in the very last."""
        mondays = last_mondays(local_day(now, MARKET_ZONE))
        since = now - timedelta(weeks=WEEKS + WEEKS_AGAIN + 1)
        series = await self._rows.score_histories(since)
        found = await asyncio.to_thread(_trends, series, mondays)
        await self._rows.keep_trends(found, now)
        return sum(one.degrading for _, one in found if one.week == mondays[-1])


def last_mondays(today: date) -> list[date]:
    """The Mondays of the last whole weeks before today, oldest first."""
    this = today - timedelta(days=today.weekday())
    return [this - timedelta(weeks=number) for number in range(WEEKS_AGAIN, 0, -1)]


def _trends(series: Sequence[ScoreHistory], mondays: Sequence[date]) -> list[tuple[int, Trend]]:
    return [
        (one.series_id, found)
        for one in series
        for monday in mondays
        if (found := trend(one.days, one.scores, monday)) is not None
    ]
