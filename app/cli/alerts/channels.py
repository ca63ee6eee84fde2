"""`gridkeeper alerts channels`, `test`, `notifications`, `retry`, `enable`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.options import LARGEST_NUMBER, AsJson
from app.cli.output import print_json, say
from app.cli.session import ask, begin
from app.cli.tables import print_table

ChannelName = Annotated[str, typer.Argument(help="Name of the channel; `alerts channels` shows it.", metavar="CHANNEL")]


def channels_command(as_json: AsJson = False) -> int:
    """List the channels: where each sends to, whether it works, what waits for it."""
    from app.alerting.schemas import ChannelResource
    from app.cli.alerts.messages import CHANNEL_COLUMNS, channel_book
    from app.schemas import jsonable

    settings = begin()
    book = channel_book(settings)
    states = ask(settings, lambda wiring: wiring.alerting().delivery_administration().channels())
    channels = [ChannelResource.of(name, channel, states.get(name)) for name, channel in book.channels.items()]
    if as_json:
        print_json(channels, letters=True)
        return OK
    rows = [tuple(str(value or "") for value in jsonable(channel).values()) for channel in channels]
    print_table(CHANNEL_COLUMNS, rows)
    for name in sorted(set(states) - set(book.channels)):
        if states[name].waiting:
            say(f"{name}: no longer in {settings.notifications.channels_file}; its messages go to another channel")
    if not book.reaches_people:
        say(f"nobody is notified of alerts: describe a channel in {settings.notifications.channels_file}")
    return OK


def test_command(channel: ChannelName) -> int:
    """Send a test message over a channel at once, and show what was answered.

    Example: gridkeeper alerts test ops-mail

    Exit code: 0 it was taken, 1 it was not, with the reason; 2 there is no such channel.
    """
    import asyncio

    from app.alerting.delivery.channels.base import DeliveryStatus
    from app.cli.alerts.messages import channel_book, channel_of, sent_test

    settings = begin()
    answers = asyncio.run(sent_test(channel_of(channel_book(settings), channel), settings))
    for one in answers:
        say(f"{channel}, part {one.part}: {one.verdict}: {one.text or 'no answer text'}")
    return OK if all(one.verdict is DeliveryStatus.SENT for one in answers) else UNAVAILABLE


def notifications_command(
    failed: Annotated[bool, typer.Option("--failed", help="Only those that were given up.")] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that are still to be sent.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many, the latest first.")] = 20,
    as_json: AsJson = False,
) -> int:
    """List messages: channel, status, attempts, what they say, why they failed."""
    from app.alerting.schemas import MessageResource
    from app.cli.alerts.messages import MESSAGE_COLUMNS, message_row

    status = "failed" if failed else "waiting" if waiting else None
    found = ask(begin(), lambda wiring: wiring.alerting().delivery_administration().messages(status, limit=limit))
    if as_json:
        print_json([MessageResource.of(message) for message in found], letters=True)
        return OK
    if found:
        print_table(MESSAGE_COLUMNS, [message_row(message) for message in found], right={"id", "attempts", "events"})
    say(f"{len(found)} {'message' if len(found) == 1 else 'messages'}")
    return OK


def retry_command(
    notification_id: Annotated[
        int,
        typer.Argument(help="Number of the message; `alerts notifications` shows it.", min=1, max=LARGEST_NUMBER),
    ],
) -> int:
    """Try a message again now that failed or waits; it keeps its key."""
    from app.clock import SystemClock

    channel = ask(
        begin(),
        lambda wiring: wiring.alerting().delivery_administration().again(notification_id, SystemClock().now()),
    )
    say(f"message {notification_id} is tried again on {channel} by the running service")
    return OK


def enable_command(channel: ChannelName) -> int:
    """Use a channel again that was disabled because it refused everything."""
    from app.cli.alerts.messages import channel_book, channel_of

    settings = begin()
    channel_of(channel_book(settings), channel)
    enabled = ask(settings, lambda wiring: wiring.alerting().delivery_administration().enable(channel))
    say(f"{channel} is used again" if enabled else f"{channel} was not disabled")
    return OK
