"""Channels as they are configured, a test message over one, and messages as rows."""

from __future__ import annotations

from pathlib import Path

from app.alerting.administration import PastMessage
from app.alerting.delivery.channels.base import Channel, HttpSender
from app.alerting.delivery.config import ChannelBook, ChannelFile
from app.alerting.delivery.file_receivers import FileReceivers
from app.alerting.delivery.try_channel import TriedPart, try_channel
from app.alerting.rules.book import read_book
from app.alerting.rules.reload import all_files
from app.clock import SystemClock
from app.errors import ConfigurationError
from app.kit.yaml.fields import suggestion
from app.market.time import iso
from app.net.egress_guard import GuardedClients
from app.settings import Settings

CHANNEL_COLUMNS = ("channel", "type", "sends to", "state", "waiting", "failed", "last sent", "problem")
MESSAGE_COLUMNS = ("id", "channel", "status", "created", "ended", "attempts", "events", "subject", "problem")
LONGEST = 70


def channel_book(settings: Settings) -> ChannelBook:
    """The channels of the file, and those that files of SQL Sentinel bring along."""
    others = [Path(file) for file in settings.alerting.sentinel_files]
    lent = FileReceivers.of(read_book(all_files(settings.alerting.rules_dir, others)).book.sentinel)
    return ChannelFile.of(settings.notifications).load().with_lent(lent.channels, lent.routes)


def channel_of(book: ChannelBook, name: str) -> Channel:
    if name not in book.channels:
        raise ConfigurationError(f"there is no channel {name!r}{suggestion(name, book.channels)}")
    return book.channels[name]


async def sent_test(channel: Channel, settings: Settings) -> list[TriedPart]:
    """Each part of a test message with what was answered; it goes straight to the channel, past outbox and limit."""
    clock = SystemClock()
    outlet = HttpSender(GuardedClients(), clock, timeout=settings.notifications.timeout_seconds)
    try:
        return await try_channel(channel, settings, outlet, clock)
    finally:
        await outlet.close()


def message_row(message: PastMessage) -> tuple[str, ...]:
    note = message.error or (f"moved from {message.moved_from}" if message.moved_from else "")
    note = f"in digest {message.merged_into}" if message.merged_into else note
    ended = iso(message.ended_at) if message.ended_at else ""
    created, attempts, events = iso(message.created_at), str(message.attempts), str(message.events)
    ends = (message.subject[:LONGEST], note[:LONGEST])
    return (str(message.notification_id), message.channel, message.status, created, ended, attempts, events, *ends)
