"""The reports that the plan sends by itself; who gets them is a route."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from app.alerting.messages import Content
from app.alerting.outbox_repository import NotificationOutbox
from app.clock import Clock
from app.db.engine import Database
from app.market.time import MARKET_ZONE, delivery_day, local_day
from app.reporting import operations_document, quality
from app.reporting.operations_service import OperationsReporting
from app.reporting.periods import Kind, last_complete
from app.reporting.quality_service import QualityReporting
from app.reporting.render import Document, to_mail, to_markdown
from app.scheduling.dispatcher import Handler
from app.scheduling.models import JobOutcome, RunReport, Ticket
from app.scheduling.plan import Kind as JobKind

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

    def handlers(self) -> Mapping[str, Handler]:
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
        return await self._send("quality", str(day), f"Quality of {day}", quality.as_document(report))

    async def send_daily(self, ticket: Ticket) -> RunReport:
        """How the day before the run's slot went; routes see the label `report=daily`."""
        return await self._send_operations(Kind.DAILY, ticket)

    async def send_weekly(self, ticket: Ticket) -> RunReport:
        """How the last week that was over at the run's slot went; routes see the label `report=weekly`."""
        return await self._send_operations(Kind.WEEKLY, ticket)

    async def _send_operations(self, kind: Kind, ticket: Ticket) -> RunReport:
        period = last_complete(kind, ticket.scheduled_for)
        report = await self._operations.report(period, self._clock.now())
        document = operations_document.as_document(report)
        return await self._send(kind.value, period.name, operations_document.subject_of(report), document)

    async def _send(self, name: str, when: str, subject: str, document: Document) -> RunReport:
        content = await asyncio.to_thread(_written, subject, document)
        async with self._database.transaction() as connection:
            channels = await self._outbox.announce(
                connection, content, self._clock.now(), labels={"report": name}, key=f"report:{name}:{when}"
            )
        told = f"handed to {channels} channels" if channels else NOBODY.format(name)
        return RunReport(JobOutcome.SUCCEEDED, f"{name} of {when}: {told}")


def _written(subject: str, document: Document) -> Content:
    return Content(subject, to_markdown(document), to_mail(document))
