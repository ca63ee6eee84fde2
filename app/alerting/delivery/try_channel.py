"""A test message straight to a channel, past outbox and limit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from app.alerting.delivery.attempts import attempt
from app.alerting.delivery.channels.base import Channel, DeliveryStatus, HttpSender
from app.alerting.delivery.messages import Message, Sender, compose
from app.alerting.outbox.items import Content
from app.clock import Clock
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class TriedPart:
    """What came of a part of the test message; `text` is the receiver's answer, or who was refused."""

    part: str
    verdict: DeliveryStatus
    text: str


async def try_channel(channel: Channel, settings: Settings, outlet: HttpSender, clock: Clock) -> list[TriedPart]:
    """What came of each part."""
    message = _test_message(channel.common.name, clock.now(), settings)
    answers = []
    for part in channel.parts(message, ()):
        answer, _ = await attempt(channel, part, frozenset(), outlet, clock)
        refused = "; ".join(f"{address}: {why}" for address, why in answer.refused.items())
        verdict = DeliveryStatus.REFUSED if refused and answer.verdict is DeliveryStatus.SENT else answer.verdict
        answers.append(TriedPart(part.name, verdict, answer.text))
    return answers


def _test_message(channel: str, now: datetime, settings: Settings) -> Message:
    text = f"This is a test of the channel {channel}.\nAlerts of this Gridkeeper will arrive here."
    return compose(str(uuid4()), now, (), Content("Gridkeeper: test message", text), Sender.of(settings))
