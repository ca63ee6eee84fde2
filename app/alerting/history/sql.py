"""What is read of alerts, of what their rules read, and of the messages about them."""

from __future__ import annotations

from app.alerting.evaluation.serialization import ALERT_COLUMNS

ALERT = f"select {ALERT_COLUMNS}, acknowledge_note from alerts where alert_id = $1"  # noqa: S608  constants

PAST = f"""
    select {ALERT_COLUMNS}, acknowledge_note
    from alerts
    where
        phase = 'resolved'
        and fired_at is not null
        and ($1 = '' or rule = $1)
        and ($2::text is null or severity = $2)
        and (
            $3 = ''
            or exists (
                select from jsonb_each_text(labels) as label
                where label.value = $3 or label.key || '=' || label.value = $3
            )
        )
        and ($4::timestamptz is null or fired_at < $4)
        and ($5::bigint is null or alert_id < $5)
    order by alert_id desc
    limit $6
"""  # noqa: S608  constants

EVENTS = """
    select event_id, at, kind, alert_id, alert_events.rule, labels::text as labels, alert_events.severity, alert_events.value,
        cardinality(delivered) > 0 as notified, note, delivered
    from alert_events
    join alerts using (alert_id)
    where alert_id = $1
    order by event_id desc
    limit $2
"""

# The worst verdict of a stretch is the last of these.
READ_VALUES = """
    select
        date_bin($4, due_at, $2) as at,
        min(value) as low,
        max(value) as high,
        max(threshold) as threshold,
        (array['ok', 'no_data', 'firing', 'error'])[
            max(array_position(array['ok', 'no_data', 'firing', 'error'], verdict))
        ] as verdict,
        count(*) as evaluations
    from rule_executions
    where rule = $1 and due_at >= $2 and due_at < $3
    group by 1
    order by 1
"""

MESSAGES = """
    select n.notification_id, n.channel, n.status, n.subject, n.created_at, n.ended_at, n.error, n.moved_from, n.merged_into,
        array_agg(e.kind order by e.event_id) as kinds
    from notification_events as e
    join notifications as n using (notification_id)
    where e.alert_id = $1
    group by n.notification_id
    order by n.notification_id desc
    limit $2
"""

ATTEMPTS = """
    select notification_id, attempted_at as at, channel, part, verdict, status, answer, seconds
    from notification_attempts
    where notification_id = any($1::bigint[])
    order by attempt_id
"""

RULE_STATES = """
    select rule, next_due, evaluated_at, seconds, verdict, value, threshold, error, paused_at, paused_by
    from rule_states
"""
