"""The quality report goes to the channels whose routes take it, once a day."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.alerting.channel_file import ChannelFile
from app.alerting.outbox_repository import NotificationOutbox
from app.clock import FixedClock
from app.db.engine import Database
from app.quality.repository import QualityRepository
from app.reporting.quality_service import QualityReporting
from app.scheduling.models import JobOutcome, Ticket, Trigger
from app.scheduling.reports import NOBODY, ReportMail
from app.settings.quality import QualitySettings
from tests.scheduler_factory import rows
from tests.store_factory import opened

SLOT = datetime(2024, 3, 31, 5, tzinfo=UTC)
TICKET = Ticket("report_quality", "report_quality", {}, SLOT, Trigger.CRON)
CHANNELS = """\
channels:
  desk: {type: log}
routes:
  - match: ["report=quality"]
    channels: [desk]
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


def mail(database: Database, channels: Path) -> ReportMail:
    file = ChannelFile(channels, required=False)
    file.load()
    reporting = QualityReporting(database, QualityRepository(database), QualitySettings().weights)
    return ReportMail(database, reporting, NotificationOutbox(file), FixedClock(SLOT))


async def test_the_report_of_the_day_before_is_handed_over_once(database: Database, tmp_path: Path) -> None:
    channels = tmp_path / "channels.yaml"
    channels.write_text(CHANNELS)
    sent = mail(database, channels)
    first = await sent.send_quality(TICKET)
    again = await sent.send_quality(TICKET)
    assert first.outcome is JobOutcome.SUCCEEDED
    assert first.summary == "quality of 2024-03-30: handed to 1 channels"
    assert NOBODY in again.summary
    [(channel, body)] = await rows(database, "select channel, content::text from notifications")
    assert channel == "desk"
    assert "Quality of 2024-03-30" in body
    assert "<html" in body


async def test_where_no_route_asks_for_it_the_run_says_how_to_read_it(database: Database, tmp_path: Path) -> None:
    channels = tmp_path / "channels.yaml"
    channels.write_text(CHANNELS.replace("report=quality", "rule=~.*"))
    done = await mail(database, channels).send_quality(TICKET)
    assert done.summary == f"quality of 2024-03-30: {NOBODY}"
    assert await rows(database, "select count(*) from notifications") == [(0,)]
