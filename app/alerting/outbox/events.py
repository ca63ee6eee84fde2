"""Events within their messages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.alerting.outbox import sql
from app.alerting.outbox.items import NotificationItem

if TYPE_CHECKING:
    from app.db.engine import Connection


async def add_events(connection: Connection, pairs: Sequence[tuple[int, NotificationItem]]) -> None:
    """Write events into their messages."""
    await connection.execute(
        sql.ADD_NOTIFICATION_EVENTS,
        [number for number, _ in pairs],
        [item.alert_id for _, item in pairs],
        [item.kind for _, item in pairs],
        [item.rule for _, item in pairs],
        [item.severity.value for _, item in pairs],
        [item.at for _, item in pairs],
        [json.dumps(item.as_json()) for _, item in pairs],
    )
