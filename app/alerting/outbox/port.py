"""What the evaluation hands to the delivery: events, inside the transaction that writes the state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from app.alerting.models import AlertEvent

if TYPE_CHECKING:
    from app.db.engine import Connection


class Outbox(Protocol):
    """Keeps events for delivery."""

    async def enqueue(self, connection: Connection, events: Sequence[AlertEvent], now: datetime) -> None:
        """Write what is to be notified, in the caller's transaction; every event's alert has its `alert_id`."""
        ...
