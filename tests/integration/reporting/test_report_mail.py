"""Reports go to the channels whose routes take them, once for each day or week."""

from __future__ import annotations

import asyncio
import email
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.policy import default
from pathlib import Path

import pytest

from app.alerting.delivery.config import ChannelFile
from app.alerting.outbox.repository import NotificationOutbox
from app.clock import FixedClock
from app.db.engine import Database
from app.monitoring.queries import FigureReads
from app.monitoring.service import MonitoringService
from app.quality.repository import QualityRepository
from app.reporting.operations.service import OperationsReporting
from app.reporting.written import ReportWriter
from app.scheduling.jobs.reports import NOBODY, ReportMail
from app.scheduling.models import JobOutcome, RunTrigger, Ticket
from app.scheduling.plan import RULES
from app.scheduling.schedules import due_slots
from app.settings import MonitoringSettings
from app.settings.quality import QualitySettings
from tests.support.delivery_factory import Mailbox, Post, a_post, mail_server
from tests.support.scheduler_factory import rows
from tests.support.services import quality_reporting
from tests.support.store_factory import opened

SLOT = datetime(2024, 3, 31, 5, tzinfo=UTC)
CHANNELS = """\
channels:
  desk: {type: log}
routes:
  - match: ["report=~quality|daily"]
    channels: [desk]
"""
MAIL = """\
recipients: {{chiefs: [anna@example.org, ben@example.org], desk: [carla@example.org]}}
channels: {{mail: {{type: email, host: localhost, port: {port}, from: g@example.org, to: [desk], security: none}}}}
routes:
  - {{match: ["report=weekly"], channels: [mail], recipients: [chiefs]}}
  - {{match: ["report=daily"], channels: [mail]}}
  - {{channels: [mail]}}
"""
SUBJECTS = "select content->>'subject' from notifications order by notification_id"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


@pytest.fixture
def folder(make_folder: Callable[[], Path]) -> Path:
    return make_folder()


def ticket(name: str, slot: datetime = SLOT, attempt: int = 1) -> Ticket:
    return Ticket(f"report_{name}", f"report_{name}", {}, slot, RunTrigger.CRON, attempt)


@dataclass
class Written:
    made: ReportWriter

    def writer(self) -> ReportWriter:
        return self.made


def sender(database: Database, outbox: NotificationOutbox, now: datetime = SLOT) -> ReportMail:
    weights, rows = QualitySettings().weights, QualityRepository(database)
    monitoring = MonitoringService(FigureReads(database), settings=MonitoringSettings())
    operations = OperationsReporting(database, monitoring, rows, weights=weights, target=0.95)
    writer = ReportWriter(quality_reporting(database, weights=weights), operations, FixedClock(now))
    return ReportMail(database, lambda: Written(writer), outbox, FixedClock(now))


def mail(database: Database, channels: Path) -> ReportMail:
    file = ChannelFile(channels, required=False)
    file.load()
    return sender(database, NotificationOutbox(file))


async def test_the_report_of_the_day_before_is_handed_over_once(database: Database, tmp_path: Path) -> None:
    channels = tmp_path / "channels.yaml"
    channels.write_text(CHANNELS)
    sent = mail(database, channels)
    first = await sent.send_quality(ticket("quality"))
    again = await sent.send_quality(ticket("quality", attempt=2))
    assert first.outcome is JobOutcome.SUCCEEDED
    assert first.summary == "quality of 2024-03-30: handed to 1 channels"
    assert NOBODY.format("quality") in again.summary
    [(channel, body)] = await rows(database, "select channel, content::text from notifications")
    assert channel == "desk"
    assert "Quality of 2024-03-30" in body
    assert "<html" in body


async def test_where_no_route_asks_for_it_the_run_says_how_to_read_it(database: Database, tmp_path: Path) -> None:
    channels = tmp_path / "channels.yaml"
    channels.write_text(CHANNELS.replace("report=~quality|daily", "rule=~.*"))
    done = await mail(database, channels).send_quality(ticket("quality"))
    assert done.summary == f"quality of 2024-03-30: {NOBODY.format('quality')}"
    done = await mail(database, channels).send_weekly(ticket("weekly"))
    assert done.summary.endswith("`gridkeeper report weekly` writes it")
    assert await rows(database, "select count(*) from notifications") == [(0,)]


async def test_replicas_that_report_the_same_day_at_once_hand_it_over_once(database: Database, tmp_path: Path) -> None:
    channels = tmp_path / "channels.yaml"
    channels.write_text(CHANNELS)
    replicas = [mail(database, channels) for _ in range(4)]
    done = await asyncio.gather(*(replica.send_daily(ticket("daily")) for replica in replicas))
    assert sorted("handed to 1 channels" in one.summary for one in done) == [False, False, False, True]
    assert len(await rows(database, SUBJECTS)) == 1


@pytest.mark.parametrize("night", [datetime(2024, 3, 31, tzinfo=UTC), datetime(2024, 10, 27, tzinfo=UTC)])
async def test_over_a_change_of_the_clocks_each_day_is_sent_once_at_seven(
    database: Database, tmp_path: Path, night: datetime
) -> None:
    channels = tmp_path / "channels.yaml"
    channels.write_text(CHANNELS)
    slots = due_slots(RULES["report_daily"].default, night - timedelta(days=2), night + timedelta(days=3))
    file = ChannelFile(channels)
    file.load()
    for slot in slots:
        await sender(database, NotificationOutbox(file), slot).send_daily(ticket("daily", slot))
    expected = [f"{night + timedelta(days=number):%Y-%m-%d}" for number in (-3, -2, -1, 0, 1)]
    assert [subject.split(":")[0].split()[-1] for (subject,) in await rows(database, SUBJECTS)] == expected


def read(post: bytes) -> tuple[str, str, str]:
    """Subject, text and HTML of a mail."""
    message = email.message_from_bytes(post, policy=default)
    plain, page = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert page is not None
    return str(message["Subject"]), plain.get_content(), page.get_content()


async def sent_week(post: Post, slot: datetime) -> None:
    reports = sender(post.database, post.outbox, slot)
    for attempt in (1, 2):
        await reports.send_weekly(ticket("weekly", slot, attempt))
    await reports.send_daily(ticket("daily", slot))


async def test_a_week_with_faults_reaches_its_recipients_by_mail_with_what_mail_can_show(
    database: Database, folder: Path
) -> None:
    monday = datetime(2024, 4, 1, 5, tzinfo=UTC)
    async with database.connection() as connection:
        await connection.execute(
            "insert into notifications (channel, group_key, status, created_at, not_before, ended_at) "
            "values ('x', 'x', 'failed', $1, $1, $1)",
            monday - timedelta(days=2),
        )
        await connection.execute("insert into service_metrics (at, instance, leader) values ($1, 'a', true)", monday)
        await connection.execute(
            "insert into service_metrics (at, instance, leader) "
            "select at, 'a', true from generate_series($1::timestamptz, $2, interval '1 minute') as at",
            monday - timedelta(days=8),
            monday - timedelta(hours=7),
        )
    mailbox = Mailbox()
    async with mail_server(mailbox) as port, a_post(database, folder, MAIL.format(port=port)) as post:
        post.clock.set(monday)
        post.file.load()
        await sent_week(post, monday)
        await post.deliver()
    told = {tuple(sorted(recipients)): read(content) for recipients, content in mailbox.mails}
    assert set(told) == {("anna@example.org", "ben@example.org"), ("carla@example.org",)}
    subject, text, page = told["anna@example.org", "ben@example.org"]
    assert subject == "Weekly report 2024-W13: nothing was asked for, 1 recommendation"
    assert text.startswith("# Gridkeeper in week 2024-W13")
    assert "`messages_undelivered`: 1 message could not be delivered" in text
    assert "<code>messages_undelivered</code>" in page
    assert "<svg" not in page
    assert "http" not in page.replace("https://", "")
    assert told["carla@example.org",][0].startswith("Daily report 2024-03-31")
