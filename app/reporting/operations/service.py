"""Reads what a daily or weekly report tells; figures of runs come from the rollups."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.db.migrate import is_synthetic
from app.market.time import MARKET_ZONE, Interval, delivery_day
from app.monitoring.service import MonitoringService
from app.quality.repository import QualityRepository
from app.quality.scoring import Weights, score_of_sum, summed
from app.reporting.operations.advice import AdviceThresholds, advise
from app.reporting.operations.models import Day, Figures, OperationsReport, Quality
from app.reporting.operations.queries import (
    read_days,
    read_gaps,
    read_late,
    read_reaction,
    read_recorded_since,
    read_rules,
)
from app.reporting.periods import DAY, Period
from app.reporting.quality.document import summed_series, worst

if TYPE_CHECKING:
    from app.db.engine import Database

SHOWN_DAYS = 14
"""A week, and the week before."""
_ZONES_APART = timedelta(hours=12)


class OperationsReporting:
    """Makes daily and weekly reports; `now` is passed in by the caller."""

    def __init__(
        self,
        database: Database,
        monitoring: MonitoringService,
        quality: QualityRepository,
        *,
        weights: Weights,
        target: float,
    ) -> None:
        self._database = database
        self._monitoring = monitoring
        self._quality = quality
        self._weights = weights
        self._limits = AdviceThresholds(target=target)

    async def report(self, period: Period, now: datetime) -> OperationsReport:
        """The report of a period that has begun; of one that is not over, of what there is of it."""
        end = min(period.interval.end, now)
        figures = replace(
            await self._figures(period, now),
            availability_30d=await self._monitoring.availability(end),
            reliability_30d=await self._monitoring.reliability(end),
        )
        before = await self._figures(period.before, now)
        days = await self._days(period)
        advice = advise(figures, before, days=period.kind.days, limits=self._limits)
        async with self._database.connection() as connection:
            recorded_since = await read_recorded_since(connection, now)
            synthetic = await is_synthetic(connection)
        return OperationsReport(period, now, figures, before, days, advice, recorded_since, synthetic)

    async def _figures(self, period: Period, now: datetime) -> Figures:
        whole = period.interval
        interval = Interval(whole.start, max(whole.start, min(whole.end, now)))
        pairs = await self._monitoring.by_pair(interval)
        async with self._database.transaction(isolation="repeatable_read", readonly=True) as connection:
            late, gaps = await read_late(connection, interval), await read_gaps(connection, interval)
            rules, reaction = await read_rules(connection, interval), await read_reaction(connection, interval)
        return Figures(
            totals=await self._monitoring.overall(interval),
            pairs=tuple(pairs),
            items=await self._monitoring.by_item(interval),
            late=late,
            gaps=gaps,
            rules=rules,
            reaction=reaction,
            served=await self._monitoring.served(interval),
            quality=await self._scores(period),
        )

    async def _scores(self, period: Period) -> Quality:
        interval = period.interval
        around = Interval(interval.start - _ZONES_APART, interval.end + _ZONES_APART)
        series = summed_series(await self._quality.summed_scores(around, period.first, period.last), self._weights)
        counts = summed([one.counts for one in series])
        return Quality(
            score_of_sum(counts, self._weights).overall, len(series), counts.timed, counts.on_time, tuple(worst(series))
        )

    async def _days(self, period: Period) -> tuple[Day, ...]:
        """The days on the way to the end of the period, the last of it the last."""
        days = [period.last - distance * DAY for distance in reversed(range(SHOWN_DAYS))]
        intervals = [delivery_day(day, MARKET_ZONE) for day in days]
        async with self._database.connection() as connection:
            counted = await read_days(connection, intervals)
        totals_by_day = [await self._monitoring.overall(interval) for interval in intervals]
        return tuple(
            Day(day, totals, overdue, fired)
            for day, totals, (fired, overdue) in zip(days, totals_by_day, counted, strict=True)
        )
