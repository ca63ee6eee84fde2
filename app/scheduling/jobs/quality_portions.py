"""The nightly scan in portions that any process does; what was done before it ended stays done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from app.quality.scan import ScanReport
from app.quality.service import QualityService
from app.quality.trend_service import TrendService
from app.tasks.backend import Priority
from app.tasks.work_items.models import ItemContent, ItemHandler
from app.tasks.work_items.sharing import WorkSharing

PORTION = "quality_portion"
TRENDS = "quality_trends"


class SharedScan:
    """Cuts the scan of all series into portions, has them done, and does those that this process is given."""

    def __init__(self, service: QualityService, trends: TrendService, sharing: WorkSharing, *, days: int) -> None:
        self._service = service
        self._trends = trends
        self._sharing = sharing
        self._days = days

    @property
    def handlers(self) -> dict[str, ItemHandler]:
        """What a process does that takes portions."""
        return {PORTION: self._portion, TRENDS: self._compare}

    def taken(self) -> bool:
        """Whether anybody takes portions."""
        return self._sharing.taken(Priority.QUALITY)

    async def run(self, now: datetime) -> dict[str, int]:
        """Have all series scanned and their weeks compared; what it came to, as the command says it."""
        from app.quality.schemas import NightlyScanResource

        at = now.isoformat()
        wanted = [{"ids": ids, "days": self._days, "now": at} for ids in await self._service.portions(self._days, now)]
        report = ScanReport()
        for done in await self._sharing.do(PORTION, wanted, Priority.QUALITY):
            report.add(ScanReport(**done))
        [trends] = await self._sharing.do(TRENDS, [{"now": at}], Priority.QUALITY)
        return NightlyScanResource.of_night(report, trends["degrading"]).model_dump()

    async def _portion(self, wanted: ItemContent) -> ItemContent:
        ids: Sequence[int] = wanted["ids"]
        return asdict(await self._service.scan_recent(wanted["days"], _instant(wanted), ids=set(ids)))

    async def _compare(self, wanted: ItemContent) -> ItemContent:
        return {"degrading": await self._trends.update(_instant(wanted))}


def _instant(wanted: ItemContent) -> datetime:
    return datetime.fromisoformat(wanted["now"])
