"""The reports that the plan sends by itself; who gets them is a route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from app.clock import Clock
from app.market.time import MARKET_ZONE
from app.reporting.queries import report_key
from app.scheduling.jobs.declaration import daily, job, weekly
from app.scheduling.models import JobOutcome, RunReport, Ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.alerting.outbox.repository import NotificationOutbox
    from app.db.engine import Database
    from app.reporting.written import ReportWriter

NOBODY = "handed to no channel: it was before, or no route of config/channels.yaml takes it; `gridkeeper report {}` writes it"


class Reports(Protocol):
    """What makes reports; it is loaded with the first that is due."""

    def writer(self) -> ReportWriter: ...


class ReportMail:
    """Hands reports to the outbox, once for each day or week however often the job runs."""

    def __init__(
        self, database: Database, reports: Callable[[], Reports], outbox: NotificationOutbox, clock: Clock
    ) -> None:
        self._database = database
        self._reports = reports
        self._outbox = outbox
        self._clock = clock

    @job("report_quality", daily("07:00", MARKET_ZONE), title="Send the report on quality", selection=False)
    async def send_quality(self, ticket: Ticket) -> RunReport:
        """The quality of the delivery day before the run's slot; routes see the label `report=quality`."""
        return await self._send("quality", ticket)

    @job("report_daily", daily("07:00", MARKET_ZONE), title="Send the daily report", selection=False)
    async def send_daily(self, ticket: Ticket) -> RunReport:
        """How the day before the run's slot went; routes see the label `report=daily`."""
        return await self._send("daily", ticket)

    @job("report_weekly", weekly(0, "07:00", MARKET_ZONE), title="Send the weekly report", selection=False)
    async def send_weekly(self, ticket: Ticket) -> RunReport:
        """How the last week that was over at the run's slot went; routes see the label `report=weekly`."""
        return await self._send("weekly", ticket)

    async def _send(self, name: str, ticket: Ticket) -> RunReport:
        from app.alerting.outbox.items import Content

        report = await self._reports().writer().report(name, ticket.scheduled_for)
        async with self._database.transaction() as connection:
            channels = await self._outbox.announce(
                connection,
                Content(report.subject, report.text, report.html),
                self._clock.now(),
                labels={"report": name},
                key=report_key(name, report.when),
            )
        outcome = f"handed to {channels} channels" if channels else NOBODY.format(name)
        return RunReport(JobOutcome.SUCCEEDED, f"{name} of {report.when}: {outcome}")
