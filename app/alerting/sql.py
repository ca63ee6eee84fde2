"""Statements of what people ask and do, and of what is wrong with the files of a process."""

from __future__ import annotations

from app.alerting.evaluation.serialization import ALERT_COLUMNS

# What is wrong with the files of a process.

KEEP_PROBLEMS = """
    insert into rule_problems (instance, source, file, line, field, message, since, seen_at)
    select $1, *, $7, $7 from unnest($2::text[], $3::text[], $4::integer[], $5::text[], $6::text[])
    on conflict (instance, source, file, line, field, message) do update set seen_at = excluded.seen_at
"""
CLEAR_PROBLEMS = "delete from rule_problems where (instance = $1 and seen_at is distinct from $2) or seen_at < $3"
STANDING_PROBLEMS = """
    select source, file, line, field, message, min(since) as since, array_agg(instance order by instance) as instances
    from rule_problems
    where seen_at > $1
    group by source, file, line, field, message
    order by source, file, line, field, message
"""

# What people ask of alerts and decide about them.

ALERTS = f"""
    select {ALERT_COLUMNS}, acknowledge_note
    from alerts
    where phase = any($1::text[]) and (phase <> 'resolved' or fired_at is not null)
    order by
        array_position(array['firing', 'pending', 'resolved'], phase),
        array_position(array['critical', 'warning', 'info'], severity),
        coalesce(fired_at, since) desc,
        alert_id desc
    limit $2
"""  # noqa: S608  constants

# The row of the rule first, as every writer of alerts does.
LOCK_RULE_OF_ALERT = """
    select rule from rule_states where rule = (select rule from alerts where alert_id = $1) for update
"""
ACKNOWLEDGE = f"""
    update alerts
    set acknowledged_at = $2, acknowledged_by = $3, acknowledge_note = $4, check_at = null
    where alert_id = $1 and phase <> 'resolved'
    returning {ALERT_COLUMNS}
"""  # noqa: S608  constants
ADD_ACKNOWLEDGED_EVENT = """
    insert into alert_events (alert_id, rule, at, kind, severity, value, notified, note)
    values ($1, $2, $3, 'acknowledged', $4, $5, false, $6)
"""

ADD_SILENCE = """
    insert into silences (matchers, starts_at, ends_at, author, comment, created_at)
    values ($1, $2, $3, $4, $5, $6)
    returning silence_id
"""
SILENCES = """
    select silence_id, matchers, starts_at, ends_at, author, comment
    from silences
    where ends_at > $1
    order by silence_id
"""
SILENCES_BEFORE = """
    select silence_id, matchers, starts_at, ends_at, author, comment
    from silences
    where ends_at > $1 and ($2::bigint is null or silence_id < $2)
    order by silence_id desc
    limit $3
"""
END_SILENCE = """
    update silences set ends_at = greatest(starts_at, $2) where silence_id = $1 and ends_at > $2 returning silence_id
"""
ADD_WINDOW = """
    insert into maintenance_windows (matchers, cron, zone, duration, author, comment, created_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    returning window_id
"""
END_WINDOW = (
    "update maintenance_windows set ended_at = $2 where window_id = $1 and ended_at is null returning window_id"
)

PAUSE_RULE = "update rule_states set paused_at = coalesce(paused_at, $2), paused_by = $3 where rule = $1 returning rule"
RESUME_RULE = "update rule_states set paused_at = null, paused_by = '' where rule = $1 returning rule"

EVENTS = """
    select event_id, at, kind, alert_id, alert_events.rule, labels::text as labels, alert_events.severity, alert_events.value,
        cardinality(delivered) > 0 as notified, note, delivered
    from alert_events
    join alerts using (alert_id)
    where
        at >= $1
        and at < $2
        and ($3::text is null or alert_events.rule = $3)
        and ($5::bigint is null or event_id < $5)
    order by event_id desc
    limit $4
"""

RULE_SUMMARIES = """
    with evaluated as (
        select
            rule,
            count(*) as evaluations,
            count(*) filter (where notified) as notified,
            count(*) filter (where verdict = 'error') as errors,
            percentile_cont(0.5) within group (order by seconds) as median_seconds
        from rule_executions
        where due_at >= $1 and due_at < $2 and ($3::text is null or rule = $3)
        group by rule
    ),
    fired as (
        select
            rule,
            count(*) as fired,
            avg(extract(epoch from acknowledged_at - fired_at))::double precision as seconds_to_acknowledge,
            avg(extract(epoch from resolved_at - fired_at))::double precision as seconds_to_resolve
        from alerts
        where fired_at >= $1 and fired_at < $2 and ($3::text is null or rule = $3)
        group by rule
    )
    select
        rule,
        coalesce(evaluations, 0) as evaluations,
        coalesce(fired, 0) as fired,
        coalesce(notified, 0) as notified,
        coalesce(errors, 0) as errors,
        median_seconds,
        seconds_to_acknowledge,
        seconds_to_resolve
    from evaluated
    full join fired using (rule)
    order by fired desc, rule
"""

RULE_NAMES = "select rule from rule_states"

RESOLVED_AT = "select resolved_at from alerts where alert_id = $1"

# What people ask of messages and channels.

MESSAGES = """
    select
        n.notification_id,
        n.channel,
        n.status,
        n.created_at,
        n.not_before,
        n.ended_at,
        n.attempts,
        n.subject,
        n.error,
        n.moved_from,
        n.merged_into,
        n.idempotency_key::text as key,
        (select count(*) from notification_events as e where e.notification_id = n.notification_id) as events
    from notifications as n
    where ($1::text is null or n.status = $1) and ($3::bigint is null or n.notification_id < $3)
    order by n.notification_id desc
    limit $2
"""

# A message that failed keeps its key: a receiver that has it after all knows the duplicate.
TRY_AGAIN = """
    update notifications
    set status = 'waiting', ended_at = null, not_before = $2, created_at = $2, attempts = 0, claimed_until = null
    where notification_id = $1 and (status = 'failed' or (status = 'waiting' and (claimed_until is null or claimed_until <= $2)))
    returning channel
"""

ENABLE_CHANNEL = """
    update channel_states
    set disabled_at = null, disabled_reason = '', failures = 0, blocked_until = null, last_error = '', try_at = null
    where channel = $1 and (disabled_at is not null or failures > 0 or blocked_until is not null)
"""

CHANNELS = """
    select
        coalesce(s.channel, w.channel) as channel,
        coalesce(s.failures, 0) as failures,
        s.disabled_at,
        coalesce(s.disabled_reason, '') as disabled_reason,
        s.blocked_until,
        s.last_sent_at,
        coalesce(s.last_error, '') as last_error,
        coalesce(w.waiting, 0) as waiting,
        coalesce(w.failed, 0) as failed
    from channel_states as s
    full join (
        select
            channel,
            count(*) filter (where status = 'waiting') as waiting,
            count(*) filter (where status = 'failed') as failed
        from notifications
        where status in ('waiting', 'failed')
        group by channel
    ) as w using (channel)
    order by 1
"""

STATUS_OF_MESSAGE = "select status from notifications where notification_id = $1"
