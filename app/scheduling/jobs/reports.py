"""The reports that the plan sends by itself; who gets them is a route."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from app.clock import Clock
from app.market.time import MARKET_ZONE, delivery_day, local_day
from app.reporting.periods import ReportLength, last_complete
from app.reporting.queries import report_key
from app.scheduling.jobs.declaration import daily, job, weekly
from app.scheduling.models import JobOutcome, RunReport, Ticket

if TYPE_CHECKING:
    from app.alerting.outbox.items import Content
    from app.alerting.outbox.repository import NotificationOutbox
    from app.db.engine import Database
    from app.reporting.operations.service import OperationsReporting
    from app.reporting.quality.service import QualityReporting
    from app.reporting.render import ReportDocument

NOBODY = "handed to no channel: it was before, or no route of config/channels.yaml takes it; `gridkeeper report {}` writes it"


class ReportMail:
    """Hands reports to the outbox, once for each day or week however often the job runs."""

    def __init__(
        self,
        database: Database,
        quality: QualityReporting,
        operations: OperationsReporting,
        outbox: NotificationOutbox,
        clock: Clock,
    ) -> None:
        self._database = database
        self._quality = quality
        self._operations = operations
        self._outbox = outbox
        self._clock = clock

    @job("report_quality", daily("07:00", MARKET_ZONE), title="Send the report on quality", selection=False)
    async def send_quality(self, ticket: Ticket) -> RunReport:
        """The quality of the delivery day before the run's slot; routes see the label `report=quality`."""
        from app.reporting.quality.document import quality_as_document

        day = local_day(ticket.scheduled_for, MARKET_ZONE) - timedelta(days=1)
        report = await self._quality.report(delivery_day(day, MARKET_ZONE), self._clock.now())
        return await self._send("quality", str(day), f"Quality of {day}", quality_as_document(report))

    @job("report_daily", daily("07:00", MARKET_ZONE), title="Send the daily report", selection=False)
    async def send_daily(self, ticket: Ticket) -> RunReport:
        """How the day before the run's slot went; routes see the label `report=daily`."""
        return await self._send_operations(ReportLength.DAILY, ticket)

    @job("report_weekly", weekly(0, "07:00", MARKET_ZONE), title="Send the weekly report", selection=False)
    async def send_weekly(self, ticket: Ticket) -> RunReport:
        """How the last week that was over at the run's slot went; routes see the label `report=weekly`."""
        return await self._send_operations(ReportLength.WEEKLY, ticket)

    async def _send_operations(self, kind: ReportLength, ticket: Ticket) -> RunReport:
        from app.reporting.operations import document as operations_document

        period = last_complete(kind, ticket.scheduled_for)
        report = await self._operations.report(period, self._clock.now())
        document = operations_document.operations_as_document(report)
        return await self._send(kind.value, period.name, operations_document.report_subject(report), document)

    async def _send(self, name: str, when: str, subject: str, document: ReportDocument) -> RunReport:
        content = await asyncio.to_thread(_written, subject, document)
        async with self._database.transaction() as connection:
            channels = await self._outbox.announce(
                connection, content, self._clock.now(), labels={"report": name}, key=report_key(name, when)
            )
        outcome = f"handed to {channels} channels" if channels else NOBODY.format(name)
        return RunReport(JobOutcome.SUCCEEDED, f"{name} of {when}: {outcome}")


def _written(subject: str, document: ReportDocument) -> Content:
    from app.alerting.outbox.items import Content
    from app.reporting.render import to_mail, to_markdown

    return Content(subject, to_markdown(document), to_mail(document))
