"""Statements of the outbox: events within their messages, ends, and what is looked at before a message is sent."""

from __future__ import annotations

# Events within their messages.

ADD_NOTIFICATION_EVENTS = """
    insert into notification_events (notification_id, alert_id, kind, rule, severity, at, content)
    select *
    from unnest(
        $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[]::jsonb[]
    )
"""

# Where the end of an alert goes.

# The rows are locked, so that a claim that comes at the same moment takes them as they were before, or after.
LOCK_WAITING = """
    select n.notification_id
    from notifications as n
    where
        n.status = 'waiting'
        and exists (
            select from notification_events as e
            where e.notification_id = n.notification_id and e.alert_id = any ($1::bigint[])
        )
    order by n.notification_id
    for update of n
"""

NOTIFIED = """
    select distinct
        n.notification_id, n.channel, n.group_key, n.recipients, n.status, n.frozen_at is not null as frozen, e.alert_id
    from notification_events as e
    join notifications as n using (notification_id)
    where
        e.alert_id = any ($1::bigint[])
        and e.kind in ('fired', 'reminded', 'severity')
        and n.status in ('waiting', 'sent')
    order by n.notification_id
"""

DROP_FIRING_EVENTS = """
    delete from notification_events as e
    using unnest($1::bigint[], $2::bigint[]) as gone (notification_id, alert_id)
    where
        e.notification_id = gone.notification_id
        and e.alert_id = gone.alert_id
        and e.kind in ('fired', 'reminded', 'severity')
"""

HURRY = """
    update notifications as n
    set not_before = least(n.not_before, $2), severity = greatest(n.severity, $3)
    where n.notification_id = any ($1::bigint[]) and n.status = 'waiting'
"""

END_EMPTY = """
    update notifications as n
    set status = 'dropped', frozen_at = $2, ended_at = $2, subject = $3, claimed_until = null
    where
        n.notification_id = any ($1::bigint[])
        and n.status = 'waiting'
        and n.content is null
        and not exists (select from notification_events as e where e.notification_id = n.notification_id)
"""

# What is looked at once more before a message is sent.

# Of a message of which some part has arrived nothing is taken away: its parts belong together.
UNFROZEN = """
    select notification_id from notifications
    where
        notification_id = any ($1::bigint[])
        and content is null
        and coalesce((progress ->> 'parts')::int, 0) = 0
        and coalesce(jsonb_array_length(progress -> 'delivered'), 0) = 0
"""

DROP_UNANNOUNCED_ENDS = """
    delete from notification_events as e
    using notifications as n
    where
        n.notification_id = any ($1::bigint[])
        and e.notification_id = n.notification_id
        and e.kind = 'resolved'
        and e.alert_id is not null
        and e.content ->> 'late' is distinct from 'true'
        and not exists (
            select from notification_events as notified
            join notifications as m using (notification_id)
            where
                notified.alert_id = e.alert_id
                and notified.kind in ('fired', 'reminded', 'severity')
                and m.channel = n.channel
                and (m.status = 'sent' or m.notification_id = n.notification_id)
        )
"""

DROP_ACKNOWLEDGED = """
    delete from notification_events as e
    using alerts as a
    where
        e.notification_id = any ($1::bigint[])
        and a.alert_id = e.alert_id
        and e.kind in ('fired', 'reminded', 'severity')
        and a.acknowledged_at >= e.at
"""

FIRING_EVENTS = """
    select e.event_id, e.notification_id, a.labels::text as labels, a.severity, a.rule, s.about::text as about
    from notification_events as e
    join alerts as a using (alert_id)
    left join rule_states as s on s.rule = a.rule
    where e.notification_id = any ($1::bigint[]) and e.kind in ('fired', 'reminded', 'severity')
"""

EVENT_COUNTS = """
    select notification_id, count(*) as events from notification_events
    where notification_id = any ($1::bigint[])
    group by notification_id
"""

HOLD = "update notifications set not_before = $2 where notification_id = any ($1::bigint[])"

HOLD_APART = """
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
