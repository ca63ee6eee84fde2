"""What is looked at once more when a message is about to be sent: who was notified, acknowledgements, silences."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from app.alerting.outbox import sql
from app.alerting.state.repository import active_quiets
from app.alerting.state.silences import silenced_by

if TYPE_CHECKING:
    from app.db.engine import Connection

HELD_SECONDS = 30.0
"""After so long what a silence holds is looked at again."""


async def still_to_send(connection: Connection, chosen: Sequence[int], now: datetime) -> list[int]:
    """The messages of which something is left that may be sent now; what is silenced waits, the rest is dropped."""
    numbers = [row["notification_id"] for row in await connection.fetch(sql.UNFROZEN, list(chosen))]
    if not numbers:
        return list(chosen)
    await connection.execute(sql.DROP_UNANNOUNCED_ENDS, numbers)
    await connection.execute(sql.DROP_ACKNOWLEDGED, numbers)
    held = await _hold_silenced(connection, numbers, now)
    left = {row["notification_id"] for row in await connection.fetch(sql.EVENT_COUNTS, numbers)}
    await connection.execute(sql.END_EMPTY, numbers, now, "acknowledged or over before it was sent")
    return [number for number in chosen if number not in numbers or (number in left and number not in held)]


async def _hold_silenced(connection: Connection, numbers: Sequence[int], now: datetime) -> set[int]:
    """Let news of silenced alerts wait; gives the messages that consist of nothing else."""
    quiets = await active_quiets(connection, now)
    if not quiets:
        return set()
    silenced: dict[int, list[int]] = defaultdict(list)
    for row in await connection.fetch(sql.FIRING_EVENTS, numbers):
        of_rule = json.loads(row["about"] or "{}").get("labels", {})
        labels = {**of_rule, **json.loads(row["labels"]), "rule": row["rule"], "severity": row["severity"]}
        if silenced_by(quiets, labels) is not None:
            silenced[row["notification_id"]].append(row["event_id"])
    counts = {row["notification_id"]: row["events"] for row in await connection.fetch(sql.EVENT_COUNTS, numbers)}
    whole = {number for number, events in silenced.items() if len(events) == counts[number]}
    again = now + timedelta(seconds=HELD_SECONDS)
    if whole:
        await connection.execute(sql.HOLD, list(whole), again)
    for number, events in silenced.items():
        if number not in whole:
            await connection.execute(sql.HOLD_APART, number, events, f"held:{uuid4()}", again)
    return whole
