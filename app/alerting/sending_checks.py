"""What is looked at once more when a message is about to be sent: who was notified, acknowledgements, silences."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from app.alerting.ends import END_EMPTY
from app.alerting.evaluation.repository import active_quiets
from app.alerting.state.silences import silenced_by

if TYPE_CHECKING:
    from app.db.engine import Connection

HELD_SECONDS = 30.0
"""After so long what a silence holds is looked at again."""

# Of a message of which some part has arrived nothing is taken away: its parts belong together.
_OPEN = """
    select notification_id from notifications
    where
        notification_id = any ($1::bigint[])
        and content is null
        and coalesce((progress ->> 'parts')::int, 0) = 0
        and coalesce(jsonb_array_length(progress -> 'delivered'), 0) = 0
"""

_DROP_UNHEARD_ENDS = """
    delete from notification_events as e
    using notifications as n
    where
        n.notification_id = any ($1::bigint[])
        and e.notification_id = n.notification_id
        and e.kind = 'resolved'
        and e.alert_id is not null
        and e.content ->> 'late' is distinct from 'true'
        and not exists (
            select from notification_events as told
            join notifications as m using (notification_id)
            where
                told.alert_id = e.alert_id
                and told.kind in ('fired', 'reminded', 'severity')
                and m.channel = n.channel
                and (m.status = 'sent' or m.notification_id = n.notification_id)
        )
"""

_DROP_ACKNOWLEDGED = """
    delete from notification_events as e
    using alerts as a
    where
        e.notification_id = any ($1::bigint[])
        and a.alert_id = e.alert_id
        and e.kind in ('fired', 'reminded', 'severity')
        and a.acknowledged_at >= e.at
"""

_FIRING = """
    select e.event_id, e.notification_id, a.labels::text as labels, a.severity, a.rule, s.about::text as about
    from notification_events as e
    join alerts as a using (alert_id)
    left join rule_states as s on s.rule = a.rule
    where e.notification_id = any ($1::bigint[]) and e.kind in ('fired', 'reminded', 'severity')
"""

_COUNTS = """
    select notification_id, count(*) as events from notification_events
    where notification_id = any ($1::bigint[])
    group by notification_id
"""

_HOLD = "update notifications set not_before = $2 where notification_id = any ($1::bigint[])"

_HOLD_APART = """
    with held as (
        insert into notifications (channel, group_key, recipients, severity, created_at, not_before)
        select channel, $3, recipients, severity, created_at, $4 from notifications where notification_id = $1
        returning notification_id
    )
    update notification_events as e
    set notification_id = held.notification_id
    from held
    where e.event_id = any ($2::bigint[])
"""


async def still_to_send(connection: Connection, chosen: Sequence[int], now: datetime) -> list[int]:
    """The messages of which something is left that may be sent now; what is silenced waits, the rest is dropped."""
    numbers = [row["notification_id"] for row in await connection.fetch(_OPEN, list(chosen))]
    if not numbers:
        return list(chosen)
    await connection.execute(_DROP_UNHEARD_ENDS, numbers)
    await connection.execute(_DROP_ACKNOWLEDGED, numbers)
    held = await _hold_silenced(connection, numbers, now)
    left = {row["notification_id"] for row in await connection.fetch(_COUNTS, numbers)}
    await connection.execute(END_EMPTY, numbers, now, "acknowledged or over before it was sent")
    return [number for number in chosen if number not in numbers or (number in left and number not in held)]


async def _hold_silenced(connection: Connection, numbers: Sequence[int], now: datetime) -> set[int]:
    """Let news of silenced alerts wait; gives the messages that consist of nothing else."""
    quiets = await active_quiets(connection, now)
    if not quiets:
        return set()
    silenced: dict[int, list[int]] = defaultdict(list)
    for row in await connection.fetch(_FIRING, numbers):
        of_rule = json.loads(row["about"] or "{}").get("labels", {})
        labels = {**of_rule, **json.loads(row["labels"]), "rule": row["rule"], "severity": row["severity"]}
        if silenced_by(quiets, labels) is not None:
            silenced[row["notification_id"]].append(row["event_id"])
    counts = {row["notification_id"]: row["events"] for row in await connection.fetch(_COUNTS, numbers)}
    whole = {number for number, events in silenced.items() if len(events) == counts[number]}
    again = now + timedelta(seconds=HELD_SECONDS)
    if whole:
        await connection.execute(_HOLD, list(whole), again)
    for number, events in silenced.items():
        if number not in whole:
            await connection.execute(_HOLD_APART, number, events, f"held:{uuid4()}", again)
    return whole
