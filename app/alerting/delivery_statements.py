"""The statements of the delivery."""

from __future__ import annotations

DUE_CHANNELS = """
    select distinct n.channel, s.disabled_at, s.disabled_reason
    from notifications as n
    left join channel_states as s using (channel)
    where
        n.status = 'waiting'
        and (n.not_before <= $1 or s.disabled_at is not null)
        and (n.claimed_until is null or n.claimed_until <= $1)
        and (s.blocked_until is null or s.blocked_until <= $1 or s.disabled_at is not null)
"""

# Whoever holds this row decides for the channel: two replicas neither exceed its limit nor make two digests.
LOCK_CHANNEL = """
    insert into channel_states as s (channel) values ($1)
    on conflict (channel) do update set channel = excluded.channel
    returning s.*
"""

# A group keeps its order, and so does an alert whose news went into a digest; but one message that a receiver chokes on
# must not hold up what comes after it for a day: after five attempts, better late in order than never told.
READY = """
    select
        n.notification_id,
        n.recipients,
        n.severity,
        n.frozen_at is not null or n.content is not null as whole
    from notifications as n
    where
        n.channel = $1
        and n.status = 'waiting'
        and n.not_before <= $2
        and n.severity >= $3
        and (n.claimed_until is null or n.claimed_until <= $2)
        and not exists (
            select from notifications as earlier
            where
                earlier.channel = n.channel
                and earlier.group_key = n.group_key
                and earlier.status = 'waiting'
                and earlier.attempts < 5
                and earlier.notification_id < n.notification_id
        )
        and not exists (
            select from notifications as digest
            where
                digest.channel = n.channel
                and digest.group_key = 'digest'
                and digest.status = 'waiting'
                and digest.attempts < 5
                and digest.notification_id < n.notification_id
                and exists (
                    select from notification_events as mine
                    join notification_events as its on its.alert_id = mine.alert_id
                    where
                        mine.notification_id = n.notification_id and its.notification_id = digest.notification_id
                )
        )
    order by n.severity desc, n.notification_id
    limit 5000
    for update of n skip locked
"""

CLAIM = """
    update notifications
    set frozen_at = coalesce(frozen_at, $2), claimed_until = $3, claimed_by = $4, attempts = attempts + 1
    where notification_id = $1
    returning
        notification_id, channel, recipients, created_at, frozen_at, attempts, moved_from,
        idempotency_key::text as key, content::text as content, progress::text as progress
"""

EVENTS = "select content::text as content from notification_events where notification_id = $1 order by event_id"

DIGEST = """
    insert into notifications (channel, group_key, recipients, severity, created_at, not_before, frozen_at)
    select channel, 'digest', recipients, max(severity), min(created_at), $2, $2
    from notifications
    where notification_id = any ($1::bigint[])
    group by channel, recipients
    returning notification_id
"""

MERGE_EVENTS = "update notification_events set notification_id = $1 where notification_id = any ($2::bigint[])"

MERGED = """
    update notifications
    set status = 'merged', merged_into = $1, frozen_at = $3, ended_at = $3
    where notification_id = any ($2::bigint[])
"""

CHANNELS_SET_BACK = "update channel_states set blocked_until = $1 where blocked_until > $1"

# What was sent counts too: a group's next message keeps its distance from it. `least` takes null for nothing, which
# would freeze and claim what is neither.
MESSAGES_SET_BACK = """
    update notifications
    set
        created_at = least(created_at, $1),
        frozen_at = case when frozen_at > $1 then $1 else frozen_at end,
        not_before = least(not_before, $1),
        claimed_until = case when claimed_until > $1 + $2::interval then $1 + $2::interval else claimed_until end
    where frozen_at > $1 or (status = 'waiting' and greatest(created_at, not_before, claimed_until) > $1)
"""

RESERVE = "update channel_states set recent = $2 where channel = $1"

ADD_ATTEMPT = """
    insert into notification_attempts
        (notification_id, channel, part, attempted_at, seconds, verdict, status, answer)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
"""

END = """
    update notifications
    set status = $3, ended_at = $4, error = $5, progress = $6::jsonb, subject = $7, claimed_until = null
    where notification_id = $1 and claimed_by = $2 and status = 'waiting'
"""

RETRY = """
    update notifications
    set
        not_before = $3,
        progress = $4::jsonb,
        subject = case when $5 = '' then subject else $5 end,
        error = $6,
        claimed_until = null
    where notification_id = $1 and claimed_by = $2 and status = 'waiting'
"""

RELEASE = """
    update notifications
    set claimed_until = null
    where notification_id = $1 and claimed_by = $2 and status = 'waiting'
"""

# What was frozen stays frozen, and its key stays; it begins anew where it has come to.
MOVE = """
    update notifications
    set
        moved_from = channel,
        channel = $2,
        recipients = '{}',
        group_key = 'moved:' || notification_id,
        not_before = $3,
        created_at = $3,
        progress = '{}',
        attempts = 0,
        claimed_until = null,
        error = $4
    where notification_id = any ($1::bigint[]) and status = 'waiting'
"""

SUCCEEDED = """
    with before as (select failures from channel_states where channel = $1 for update)
    update channel_states as s
    set failures = 0, last_sent_at = $2, last_error = ''
    from before
    where s.channel = $1
    returning before.failures
"""

OUTAGE_OVER = """
    update notifications
    set not_before = $2
    where channel = $1 and status = 'waiting' and attempts > 0 and claimed_until is null and not_before > $2
"""

TROUBLED = """
    update channel_states
    set
        failures = failures + 1,
        last_failed_at = $2,
        last_error = $3,
        blocked_until = greatest(blocked_until, $4)
    where channel = $1
"""

DISABLE = """
    insert into channel_states as s (channel, disabled_at, disabled_reason) values ($1, $2, $3)
    on conflict (channel) do update
    set disabled_at = coalesce(s.disabled_at, excluded.disabled_at), disabled_reason = excluded.disabled_reason
"""

NOTICED = """
    select exists (
        select from notifications as n
        join notification_events as e using (notification_id)
        where n.channel = $1 and e.rule = 'channel_disabled' and e.content -> 'labels' ->> 'channel' = $2 and e.at > $3
    )
"""

PRUNE = """
    delete from notifications
    where notification_id in (
        select notification_id from notifications where ended_at < $1 order by ended_at limit $2
    )
"""
