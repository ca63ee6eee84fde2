"""The reports that the plan sends by itself; who gets them is a route."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from app.alerting.messages import Content
from app.alerting.outbox_repository import NotificationOutbox
from app.clock import Clock
from app.db.engine import Database
from app.market.time import MARKET_ZONE, delivery_day, local_day
from app.reporting.quality import QualityReport, as_document
from app.reporting.quality_service import QualityReporting
from app.reporting.render import to_html, to_markdown
from app.scheduling.models import JobOutcome, RunReport, Ticket

NOBODY = (
    "handed to no channel: it was before, or no route of config/channels.yaml takes it; "
    "`gridkeeper report quality` writes it"
)


class ReportMail:
    """Hands reports to the outbox, once for each day however often the job runs."""

    def __init__(self, database: Database, quality: QualityReporting, outbox: NotificationOutbox, clock: Clock) -> None:
        self._database = database
        self._quality = quality
        self._outbox = outbox
        self._clock = clock

    async def send_quality(self, ticket: Ticket) -> RunReport:
        """The quality of the delivery day before the run's slot; routes see the label `report=quality`."""
        now = self._clock.now()
        day = local_day(ticket.scheduled_for, MARKET_ZONE) - timedelta(days=1)
        report = await self._quality.report(delivery_day(day, MARKET_ZONE), now)
        content = await asyncio.to_thread(_written, f"Quality of {day}", report)
        async with self._database.transaction() as connection:
            channels = await self._outbox.announce(
                connection, content, now, labels={"report": "quality"}, key=f"report:quality:{day}"
            )
        told = f"handed to {channels} channels" if channels else NOBODY
        return RunReport(JobOutcome.SUCCEEDED, f"quality of {day}: {told}")


def _written(subject: str, report: QualityReport) -> Content:
    document = as_document(report)
    return Content(subject, to_markdown(document), to_html(document))
