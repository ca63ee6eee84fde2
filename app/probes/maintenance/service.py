"""What people plan for websites, so that it counts for no downtime and wakes nobody."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from app.clock import Clock
from app.probes.maintenance.models import MaintenanceDraft, MaintenancePlan, checked_plan
from app.probes.maintenance.repository import MaintenanceRepository
from app.probes.remarks import PAST, remark_on_labels
from app.probes.websites.models import StatusWindow, Website, WindowKind

AHEAD = timedelta(days=40)
"""So far times are written down: the database knows them when no process runs."""
EXTENDED_EVERY = timedelta(hours=6)


class MaintenanceService:
    """The planned maintenance of one database."""

    def __init__(self, rows: MaintenanceRepository, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock
        self._extended_at: datetime | None = None

    async def plans(self, *, removed: bool = False) -> list[MaintenancePlan]:
        return await self._rows.plans(removed=removed)

    async def add(self, draft: MaintenanceDraft, author: str) -> MaintenancePlan:
        now = self._clock.now()
        return await self._rows.add(checked_plan(draft), author, now, now + AHEAD)

    async def remarks(self, plan: MaintenancePlan) -> tuple[str, ...]:
        """What people may not have meant with a plan, in sentences."""
        labels = plan.draft.labels
        found = [PAST] if plan.over(self._clock.now()) else []
        if labels and not await self._rows.matched(labels):
            found.append(remark_on_labels(labels))
        return tuple(found)

    async def remove(self, plan_id: int) -> MaintenancePlan:
        return await self._rows.remove(plan_id, self._clock.now())

    async def extend(self) -> None:
        """Write down the times of the next weeks, from time to time."""
        now = self._clock.now()
        if self._extended_at is None or now - self._extended_at >= EXTENDED_EVERY:
            await self._rows.extend(now + AHEAD)
            self._extended_at = now

    async def windows(
        self, websites: Iterable[Website], start: datetime, end: datetime
    ) -> dict[int, list[StatusWindow]]:
        """The maintenance of websites within a range, by their numbers."""
        times = await self._rows.times(start, end)
        if not times:
            return {}
        plans = {one.plan_id: one for one in await self._rows.plans(removed=True)}
        of_plan: dict[int, list[StatusWindow]] = {}
        for one in times:
            window = StatusWindow(WindowKind.MAINTENANCE, one.start, one.end, plans[one.plan_id].draft.name)
            of_plan.setdefault(one.plan_id, []).append(window)
        found: dict[int, list[StatusWindow]] = {}
        for website in websites:
            for number, windows in of_plan.items():
                if plans[number].covers(website.website_id, website.draft.labels):
                    found.setdefault(website.website_id, []).extend(windows)
        return found

    async def windows_of(
        self, website_id: int, *, before: tuple[datetime, int] | None, limit: int
    ) -> list[StatusWindow]:
        """The maintenance of a website that has begun, the newest first."""
        return await self._rows.times_of(website_id, self._clock.now(), before=before, limit=limit)
