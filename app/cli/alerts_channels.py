"""`gridkeeper alerts channels`, `test`, `notifications`, `retry`, `enable`."""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import uuid4

import typer

from app.alerting.administration import ChannelState, PastMessage
from app.alerting.delivery.channels.base import Channel, DeliveryStatus, HttpSender
from app.alerting.delivery.config import ChannelBook, ChannelFile
from app.alerting.delivery.messages import Message, Sender, compose
from app.alerting.delivery.worker import attempt
from app.alerting.outbox.items import Content
from app.alerting.schemas import ChannelResource, MessageResource
from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.output import print_json
from app.cli.tables import print_table
from app.clock import SystemClock
from app.errors import ConfigurationError
from app.kit.yaml.fields import suggestion
from app.lifecycle import services
from app.logging import configure_logging
from app.market.time import iso
from app.net.egress_guard import GuardedClients
from app.schemas import jsonable
from app.settings import Settings, load_settings

CHANNEL_COLUMNS = ("channel", "type", "sends to", "state", "waiting", "failed", "last sent", "problem")
MESSAGE_COLUMNS = ("id", "channel", "status", "created", "ended", "attempts", "events", "subject", "problem")
LONGEST = 70


def test_command(name: str) -> int:
    """Sends a test message straight to the channel, past outbox and limit; 1 with the reason where it fails."""
    settings = _settings()
    channel = _channel(_book(settings), name)
    answers = asyncio.run(_try(channel, settings))
    for part, verdict, text in answers:
        _say(f"{name}, part {part}: {verdict}: {text or 'no answer text'}")
    return OK if all(verdict is DeliveryStatus.SENT for _, verdict, _ in answers) else UNAVAILABLE


async def _try(channel: Channel, settings: Settings) -> list[tuple[str, DeliveryStatus, str]]:
    clock = SystemClock()
    outlet = HttpSender(GuardedClients(), clock, timeout=settings.notifications.timeout_seconds)
    message = _test_message(channel.common.name, clock.now(), settings)
    try:
        answers = []
        for part in channel.parts(message, ()):
            answer, _ = await attempt(channel, part, frozenset(), outlet, clock)
            refused = "; ".join(f"{address}: {why}" for address, why in answer.refused.items())
            verdict = DeliveryStatus.REFUSED if refused and answer.verdict is DeliveryStatus.SENT else answer.verdict
            answers.append((part.name, verdict, answer.text))
        return answers
    finally:
        await outlet.close()


def _test_message(channel: str, now: datetime, settings: Settings) -> Message:
    text = f"This is a test of the channel {channel}.\nAlerts of this Gridkeeper will arrive here."
    return compose(str(uuid4()), now, (), Content("Gridkeeper: test message", text), Sender.of(settings))


def channels_command(*, as_json: bool) -> int:
    settings = _settings()
    book = _book(settings)
    states = asyncio.run(_states(settings))
    channels = [ChannelResource.of(name, channel, states.get(name)) for name, channel in book.channels.items()]
    if as_json:
        print_json(channels, letters=True)
        return OK
    rows = [tuple(str(value or "") for value in jsonable(channel).values()) for channel in channels]
    print_table(CHANNEL_COLUMNS, rows)
    for name in sorted(set(states) - set(book.channels)):
        if states[name].waiting:
            _say(f"{name}: no longer in {settings.notifications.channels_file}; its messages go to another channel")
    if not book.reaches_people:
        _say(f"nobody is told of alerts: describe a channel in {settings.notifications.channels_file}")
    return OK


async def _states(settings: Settings) -> dict[str, ChannelState]:
    async with services(settings, _say) as wiring:
        return await wiring.alerting().delivery_administration().channels()


def notifications_command(*, failed: bool, waiting: bool, limit: int, as_json: bool) -> int:
    status = "failed" if failed else "waiting" if waiting else None
    found = asyncio.run(_messages(_settings(), status, limit))
    if as_json:
        print_json([MessageResource.of(message) for message in found], letters=True)
        return OK
    if found:
        print_table(MESSAGE_COLUMNS, [_message_row(message) for message in found], right={"id", "attempts", "events"})
    _say(f"{len(found)} {'message' if len(found) == 1 else 'messages'}")
    return OK


async def _messages(settings: Settings, status: str | None, limit: int) -> list[PastMessage]:
    async with services(settings, _say) as wiring:
        return await wiring.alerting().delivery_administration().messages(status, limit=limit)


def retry_command(notification_id: int) -> int:
    settings = _settings()

    async def again() -> str:
        async with services(settings, _say) as wiring:
            return await wiring.alerting().delivery_administration().again(notification_id, SystemClock().now())

    _say(f"message {notification_id} is tried again on {asyncio.run(again())} by the running service")
    return OK


def enable_command(name: str) -> int:
    settings = _settings()
    _channel(_book(settings), name)

    async def enable() -> bool:
        async with services(settings, _say) as wiring:
            return await wiring.alerting().delivery_administration().enable(name)

    _say(f"{name} is used again" if asyncio.run(enable()) else f"{name} was not disabled")
    return OK


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(settings.log)
    return settings


def _book(settings: Settings) -> ChannelBook:
    return ChannelFile.of(settings.notifications).load()


def _channel(book: ChannelBook, name: str) -> Channel:
    if name not in book.channels:
        raise ConfigurationError(f"there is no channel {name!r}{suggestion(name, book.channels)}")
    return book.channels[name]


def _message_row(message: PastMessage) -> tuple[str, ...]:
    note = message.error or (f"moved from {message.moved_from}" if message.moved_from else "")
    note = f"in digest {message.merged_into}" if message.merged_into else note
    ended = iso(message.ended_at) if message.ended_at else ""
    created, attempts, events = iso(message.created_at), str(message.attempts), str(message.events)
    ends = (message.subject[:LONGEST], note[:LONGEST])
    return (str(message.notification_id), message.channel, message.status, created, ended, attempts, events, *ends)


def _say(text: str) -> None:
    typer.echo(text, err=True)
