"""A report as it is sent: written by this process, or by one that takes such work."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.clock import Clock
from app.market.time import MARKET_ZONE, delivery_day, local_day
from app.reporting.periods import ReportLength, last_complete
from app.tasks.backend import Priority
from app.tasks.work_items.models import ItemContent

if TYPE_CHECKING:
    from app.reporting.operations.service import OperationsReporting
    from app.reporting.quality.service import QualityReporting
    from app.reporting.render import ReportDocument
    from app.tasks.work_items.sharing import WorkSharing

REPORT = "report"
QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A report of a day or week, whose name is `when`: as Markdown and as HTML for mail."""

    when: str
    subject: str
    text: str
    html: str


class ReportWriter:
    """Writes the report that is due at the slot of a run."""

    def __init__(
        self,
        quality: QualityReporting,
        operations: OperationsReporting,
        clock: Clock,
        sharing: WorkSharing | None = None,
    ) -> None:
        self._quality = quality
        self._operations = operations
        self._clock = clock
        self._sharing = sharing

    async def report(self, name: str, slot: datetime) -> WrittenReport:
        """The report, by whoever takes such work; where nobody does, or no longer does, it is written here."""
        from app.tasks.work_items.sharing import Abandoned

        if self._sharing is not None and self._sharing.taken(Priority.REPORTS):
            wanted = {"name": name, "slot": slot.isoformat()}
            try:
                [done] = await self._sharing.do(REPORT, [wanted], Priority.REPORTS)
            except Abandoned:
                return await self.write(name, slot)
            return WrittenReport(**done)
        return await self.write(name, slot)

    async def do(self, wanted: ItemContent) -> dict[str, Any]:
        """What another process has asked for."""
        return asdict(await self.write(wanted["name"], datetime.fromisoformat(wanted["slot"])))

    async def write(self, name: str, slot: datetime) -> WrittenReport:
        """`quality`: of the delivery day before; `daily` and `weekly`: of the last day or week that was over."""
        if name == QUALITY:
            from app.reporting.quality.document import quality_as_document

            day = local_day(slot, MARKET_ZONE) - timedelta(days=1)
            found = await self._quality.report(delivery_day(day, MARKET_ZONE), self._clock.now())
            return await asyncio.to_thread(_written, str(day), f"Quality of {day}", quality_as_document(found))
        from app.reporting.operations import document as operations_document

        period = last_complete(ReportLength(name), slot)
        report = await self._operations.report(period, self._clock.now())
        document = operations_document.operations_as_document(report)
        return await asyncio.to_thread(_written, period.name, operations_document.report_subject(report), document)


def _written(when: str, subject: str, document: ReportDocument) -> WrittenReport:
    from app.reporting.render import to_mail, to_markdown

    return WrittenReport(when, subject, to_markdown(document), to_mail(document))
