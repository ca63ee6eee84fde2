"""What delivery speaks of: claims of messages, their progress, attempts, and channels with something to send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.alerting.delivery.channels.base import ChannelResponse
from app.alerting.delivery.messages import Message


@dataclass(frozen=True, slots=True)
class DeliveryProgress:
    """What has arrived already: whole parts, and recipients of the part under way."""

    parts: int = 0
    delivered: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def done(self) -> frozenset[str]:
        return frozenset(self.delivered) | frozenset(self.refused)

    def as_json(self) -> str:
        return json.dumps({"parts": self.parts, "delivered": self.delivered, "refused": dict(self.refused)})


@dataclass(frozen=True, slots=True)
class DeliveryClaim:
    """A message that this worker may send until its lease ends."""

    notification_id: int
    channel: str
    recipients: tuple[str, ...]
    created_at: datetime
    attempts: int
    message: Message
    progress: DeliveryProgress
    moved: bool = False
    """Another channel could not deliver it."""
    lost: int = 0
    """So many in a row took it before and said nothing more of it."""


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One attempt as it is kept."""

    part: str
    at: datetime
    seconds: float
    verdict: str
    status: int | None
    answer: str


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What a receiver answered, the attempt as it is kept, and what has arrived with it."""

    response: ChannelResponse
    attempt: DeliveryAttempt
    progress: DeliveryProgress


@dataclass(frozen=True, slots=True)
class DueChannel:
    """A channel with due messages of one kind; `disabled` says why it takes none."""

    name: str
    critical: bool
    disabled: str | None
    since: datetime
    """When the oldest of them was made."""
    seen_at: datetime | None = None
    """When a replica last had the channel in its file."""
