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
        [told.alert_id for _, told in pairs],
        [told.kind for _, told in pairs],
        [told.rule for _, told in pairs],
        [told.severity.value for _, told in pairs],
        [told.at for _, told in pairs],
        [json.dumps(told.as_json()) for _, told in pairs],
    )
