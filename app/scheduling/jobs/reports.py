"""The reports that the plan sends by itself; who gets them is a route."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from app.alerting.delivery.messages import Content
from app.alerting.delivery.outbox import NotificationOutbox
from app.clock import Clock
from app.db.engine import Database
from app.market.time import MARKET_ZONE, delivery_day, local_day
from app.reporting.operations import document as operations_document
from app.reporting.operations.service import OperationsReporting
from app.reporting.periods import ReportLength, last_complete
from app.reporting.quality import document as quality
from app.reporting.quality.service import QualityReporting
from app.reporting.render import ReportDocument, to_mail, to_markdown
from app.scheduling.dispatcher import JobHandler
from app.scheduling.models import JobOutcome, RunReport, Ticket
from app.scheduling.plan import JobType as JobKind

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

    def handlers(self) -> Mapping[str, JobHandler]:
        """The handler of each kind of job that sends a report."""
        return {
            JobKind.REPORT_QUALITY.value: self.send_quality,
            JobKind.REPORT_DAILY.value: self.send_daily,
            JobKind.REPORT_WEEKLY.value: self.send_weekly,
        }

    async def send_quality(self, ticket: Ticket) -> RunReport:
        """The quality of the delivery day before the run's slot; routes see the label `report=quality`."""
        day = local_day(ticket.scheduled_for, MARKET_ZONE) - timedelta(days=1)
        report = await self._quality.report(delivery_day(day, MARKET_ZONE), self._clock.now())
        return await self._send("quality", str(day), f"Quality of {day}", quality.quality_as_document(report))

    async def send_daily(self, ticket: Ticket) -> RunReport:
        """How the day before the run's slot went; routes see the label `report=daily`."""
        return await self._send_operations(ReportLength.DAILY, ticket)

    async def send_weekly(self, ticket: Ticket) -> RunReport:
        """How the last week that was over at the run's slot went; routes see the label `report=weekly`."""
        return await self._send_operations(ReportLength.WEEKLY, ticket)

    async def _send_operations(self, kind: ReportLength, ticket: Ticket) -> RunReport:
        period = last_complete(kind, ticket.scheduled_for)
        report = await self._operations.report(period, self._clock.now())
        document = operations_document.operations_as_document(report)
        return await self._send(kind.value, period.name, operations_document.report_subject(report), document)

    async def _send(self, name: str, when: str, subject: str, document: ReportDocument) -> RunReport:
        content = await asyncio.to_thread(_written, subject, document)
        async with self._database.transaction() as connection:
            channels = await self._outbox.announce(
                connection, content, self._clock.now(), labels={"report": name}, key=f"report:{name}:{when}"
            )
        told = f"handed to {channels} channels" if channels else NOBODY.format(name)
        return RunReport(JobOutcome.SUCCEEDED, f"{name} of {when}: {told}")


def _written(subject: str, document: ReportDocument) -> Content:
    return Content(subject, to_markdown(document), to_mail(document))
