"""Reads what a report of quality tells: scores, findings, trends, and the values of the series that it draws."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.db.migrate import is_synthetic
from app.market.time import MARKET_ZONE, Interval, local_day
from app.quality.listing import ListedFinding
from app.quality.repository import QualityRepository
from app.quality.scoring import Weights
from app.reporting.publication_delays import LatenessReader
from app.reporting.quality.document import Delay, QualityReport, SeriesScore, finding_chart, quality_report, worst
from app.reporting.quality.queries import read_picture, read_trends
from app.timeseries.repository import TimeSeriesRepository

if TYPE_CHECKING:
    from app.db.engine import Database

SHORTEST_MARGIN = timedelta(hours=36)
LONGEST_PICTURE = timedelta(days=45)
"""Of a longer interval the last days are drawn."""
MOST_DELAYS = 20
SHORTEST_PICTURE = timedelta(days=7)
"""A single day is drawn with the days before it, by which one judges it."""


class QualityReporting:
    """Makes reports of quality; `now` is passed in by the caller."""

    def __init__(
        self,
        database: Database,
        repository: QualityRepository,
        timeseries: TimeSeriesRepository,
        lateness: LatenessReader,
        weights: Weights,
    ) -> None:
        self._database = database
        self._repository = repository
        self._weights = weights
        self._timeseries = timeseries
        self._lateness = lateness

    async def report(
        self,
        interval: Interval,
        now: datetime,
        *,
        items: Collection[str] | None = None,
        areas: Collection[str] | None = None,
    ) -> QualityReport:
        """The report of the delivery days of the interval; None means every item, every area (by EIC)."""
        first, last = (local_day(instant, MARKET_ZONE) for instant in (interval.start, _before(interval.end)))
        # The days of other zones begin up to two hours earlier or later than those of the market.
        around = Interval(interval.start - timedelta(hours=12), interval.end + timedelta(hours=12))
        scores = await self._repository.scores(items=items, areas=areas, interval=around)
        findings = await self._repository.findings(items=items, areas=areas, interval=interval)
        async with self._database.connection() as connection:
            trends = await read_trends(connection, last, items=items, areas=areas)
            made = quality_report(
                [one for one in scores if first <= one.day <= last],
                findings,
                trends,
                weights=self._weights,
                interval=interval,
                made_at=now,
            )
            synthetic = await is_synthetic(connection)
            pictures = [
                await read_picture(connection, one.series_id, drawn_of(interval), last) for one in worst(made.series)
            ]
        delays = tuple(await self._delays(made.series, interval))
        return replace(made, pictures=tuple(pictures), delays=delays, synthetic=synthetic)

    async def finding_chart(self, finding: ListedFinding) -> str:
        """The values around a finding as SVG, its own part shaded."""
        around = around_finding(Interval(finding.interval_start, finding.interval_end))
        async with self._database.connection() as connection:
            picture = await read_picture(
                connection, finding.series_id, around, local_day(_before(around.end), MARKET_ZONE)
            )
        return finding_chart(finding, picture, around)

    async def _delays(self, series: Sequence[SeriesScore], interval: Interval) -> list[Delay]:
        """Of the series whose values were latest."""
        timed = [one for one in series if one.counts.timed]
        latest = sorted(timed, key=lambda one: one.counts.on_time / one.counts.timed)[:MOST_DELAYS]
        wanted = {one.series_id: one for one in latest}
        known = await self._timeseries.series(items={one.item for one in latest}) if wanted else []
        keys = {number: key for number, key in known if number in wanted}
        found = {one.series_id: one for one in await self._lateness.lateness(keys, interval)}
        return [
            Delay(
                one.title, measured.delays.examined, measured.late, measured.unusual,
                measured.delays.median, measured.delays.q90, measured.delays.q99, measured.delays.greatest,
            )
            for one in latest
            if (measured := found.get(one.series_id)) is not None
        ]  # fmt: skip


def drawn_of(interval: Interval) -> Interval:
    """What is drawn of a reported interval: a day with those before it, of a long one the end."""
    return Interval(
        min(max(interval.start, interval.end - LONGEST_PICTURE), interval.end - SHORTEST_PICTURE), interval.end
    )


def around_finding(interval: Interval) -> Interval:
    """A finding with as much before and after it, at least a day and a half; of a long one the beginning."""
    margin = max(interval.duration, SHORTEST_MARGIN)
    start = interval.start - min(margin, LONGEST_PICTURE / 3)
    return Interval(start, min(interval.end + margin, start + LONGEST_PICTURE))


def _before(end: datetime) -> datetime:
    return end - timedelta(microseconds=1)
