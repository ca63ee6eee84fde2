"""Websites as people look at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.clock import Clock
from app.errors import NotFound
from app.market.time import local_day, midnight
from app.probes.monitors.bars import BarLength, HistoryBar, cycle_bars, first_bar, history_bars
from app.probes.monitors.latency import LatencyRange, LatencyReport, LatencySpan, LatencyStep
from app.probes.monitors.models import (
    MonitorCounts,
    MonitorFilter,
    MonitorGroup,
    MonitorRow,
    MonitorState,
    counted_states,
    monitor_groups,
    page_of_groups,
)
from app.probes.monitors.repository import MonitorRepository
from app.probes.sla.report import SlaLine, SlaRange, SlaSubject, sla_lines
from app.probes.websites.availability import Availability, availability_of
from app.probes.websites.models import CheckRecord
from app.probes.websites.service import WebsiteService

PAGE_ROWS = 50
MONTHS = 12
OBJECTIVE = 99.9
"""In percent, of a website whose label promises nothing else."""


@dataclass(frozen=True, slots=True)
class MonitorHistory:
    """What the last ninety checks, hours or days of a website have shown, and how available it was in them."""

    bars: Sequence[HistoryBar]
    availability: Availability


@dataclass(frozen=True, slots=True)
class MonitorList:
    """A page of websites by group."""

    groups: Sequence[MonitorGroup]
    histories: Mapping[int, MonitorHistory]
    counts: Mapping[MonitorState, int]
    """Of all websites, whatever the filter says."""
    found: int
    """Websites that the filter lets through."""
    page: int
    pages: int
    group_names: Sequence[str]
    """Of all websites; empty where some have none."""


class MonitorService:
    """What people see of the websites of one database."""

    def __init__(self, rows: MonitorRepository, websites: WebsiteService, clock: Clock) -> None:
        self._rows = rows
        self._websites = websites
        self._clock = clock

    async def counts(self) -> MonitorCounts:
        """How many websites stand how, and how many services fail."""
        return await self._rows.counts(self._clock.now())

    async def all(self) -> list[MonitorRow]:
        """Every website."""
        return await self._rows.rows(self._clock.now())

    async def read(self, website_id: int) -> MonitorRow:
        """How one stands; NotFound where there is none."""
        found = await self._rows.rows(self._clock.now(), website_id)
        if not found:
            raise NotFound(f"there is no website {website_id}; `gridkeeper websites list` shows them all")
        return found[0]

    async def page(self, wanted: MonitorFilter, length: BarLength, page: int) -> MonitorList:
        """A page of the websites that are as the filter says; the last one where there are not so many."""
        now = self._clock.now()
        rows = await self._rows.rows(now)
        chosen = [row for row in rows if wanted.lets_through(row, now)]
        pages = max(1, -(-len(chosen) // PAGE_ROWS))
        groups = page_of_groups(monitor_groups(chosen, now), min(page, pages), PAGE_ROWS, now)
        return MonitorList(
            groups,
            await self.histories([row for group in groups for row in group.rows], length, now),
            counted_states(rows, now),
            len(chosen),
            min(page, pages),
            pages,
            sorted({row.group for row in rows}, key=str.casefold),
        )

    async def histories(
        self, rows: Sequence[MonitorRow], length: BarLength, now: datetime
    ) -> dict[int, MonitorHistory]:
        """The bars of some, and their availability within them."""
        if not rows:
            return {}
        start, numbers = first_bar(length, now), [row.website_id for row in rows]
        found = await self._rows.history(numbers, length, start)
        if length is BarLength.CHECKS:
            start = min([start, *(checks[0].at for checks in found.values())])
        windows = {one.website_id: kept for one, kept in await self._websites.with_windows(numbers, start, now)}
        histories = {}
        for row in rows:
            own, checks = windows.get(row.website_id, []), found.get(row.website_id, [])
            begin = first_bar(length, now)
            histories[row.website_id] = MonitorHistory(
                history_bars(length, checks, own, now), availability_of(own, max(begin, row.created_at), now)
            )
        return histories

    async def latency(self, row: MonitorRow, chosen: LatencyRange) -> LatencyReport:
        """How long the checks of a website took; of quarters and years by the days that were added up."""
        span = LatencySpan.of(chosen, timedelta(seconds=row.check_interval), self._clock.now())
        if not span.added_up:
            steps = await self._rows.phases(row.website_id, span)
            return LatencyReport(span, steps, await self._rows.figures(row.website_id, span))
        found = await self._rows.history([row.website_id], BarLength.DAYS, span.start)
        days = [
            LatencyStep(one.at, one.checks, one.failed, one.total_ms / one.good if one.good else None)
            for one in found.get(row.website_id, ())
        ]
        return LatencyReport(span, days, ())

    async def results(
        self, website_id: int, *, before: datetime | None, failed: bool, limit: int
    ) -> Sequence[CheckRecord]:
        """Results of a website or the failed ones of it, the newest first."""
        return await self._rows.results(website_id, before=before, failed=failed, limit=limit)

    async def months(self, website_id: int, zone: ZoneInfo) -> Sequence[SlaLine]:
        """What was promised of a website against what was, month by month, the latest first."""
        now = self._clock.now()
        chosen = SlaRange(_first_month(now, zone), now, zone, by_month=True)
        found = await self._websites.with_windows([website_id], chosen.start, now)
        return sla_lines(found, chosen, OBJECTIVE, SlaSubject.WEBSITE)[::-1]

    async def cycle_bars(self, service_ids: Sequence[int]) -> dict[int, list[HistoryBar]]:
        """The last ninety cycles of services."""
        found = await self._rows.cycles(service_ids)
        return {number: cycle_bars(found.get(number, [])) for number in service_ids}


def _first_month(now: datetime, zone: ZoneInfo) -> datetime:
    """Where the first of the months begins that end with the present one."""
    day = local_day(now, zone)
    months = day.year * 12 + day.month - MONTHS
    return midnight(date(months // 12, months % 12 + 1, 1), zone)
