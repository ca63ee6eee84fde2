"""The statements of the delivery."""

from __future__ import annotations

from app.db.retention import Mechanism, Retention

SEEN = """
    insert into channel_states as s (channel, seen_at)
    select channel, $2 from unnest($1::text[]) as channel
    on conflict (channel) do update set seen_at = excluded.seen_at
"""

# Whoever holds this row uses up the limit of the channel; nobody holds it for longer than one short statement.
LOCK_CHANNEL = """
    insert into channel_states as s (channel) values ($1)
    on conflict (channel) do update set channel = excluded.channel
    returning s.*
"""

# Whoever holds this chooses for one lane of the channel, what is critical or what is not: two replicas do not make two
# digests, and what is critical does not wait while a digest of thousands is made.
LOCK_LANE = "select pg_advisory_xact_lock(hashtextextended(format('delivery:%s:%s', $1::text, $2::boolean), 0))"

STATE = "select * from channel_states where channel = $1"

# What somebody else changes at this moment is left for the next look.
LOCK_CHOSEN = """
    select notification_id
    from notifications
    where
        notification_id = any ($1::bigint[])
        and status = 'waiting'
        and (claimed_until is null or claimed_until <= $2)
    order by notification_id
    for update skip locked
"""

CLAIM = """
    update notifications
    set
        frozen_at = coalesce(frozen_at, $2),
        claimed_until = $3,
        claimed_by = $4,
        attempts = attempts + 1,
        -- Whoever had it and came to an end with it, be it for another attempt, has given it back.
        lost = case when claimed_until is null then 0 else lost + 1 end
    where notification_id = $1
    returning
        notification_id, channel, recipients, created_at, frozen_at, attempts, lost, moved_from,
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

HELD = """
    select true from notifications
    where notification_id = $1 and claimed_by = $2 and status = 'waiting' and claimed_until is not null
    for update
"""

ADD_ATTEMPT = """
    with counted as (
        insert into delivery_totals as kept (channel, verdict, attempts) values ($2, $6, 1)
        on conflict (channel, verdict) do update set attempts = kept.attempts + 1
    )
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

RENEW = """
    update notifications set claimed_until = $3
    where notification_id = $1 and claimed_by = $2 and status = 'waiting' and claimed_until is not null
"""

CONTINUE = """
    update notifications
    set progress = $3::jsonb, claimed_until = $4, lost = 0
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
    set failures = 0, last_sent_at = $2, last_error = '', disabled_at = null, disabled_reason = '', try_at = null
    from before
    where s.channel = $1
    returning before.failures
"""

OUTAGE_OVER = """
    update notifications
    set not_before = $2
    where
        channel = $1
        and notification_id <> $3
        and status = 'waiting'
        and attempts > 0
        and claimed_until is null
        and not_before > $2
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
    insert into channel_states as s (channel, disabled_at, disabled_reason, try_at) values ($1, $2, $3, $4)
    on conflict (channel) do update
    set
        disabled_at = coalesce(s.disabled_at, excluded.disabled_at),
        disabled_reason = excluded.disabled_reason,
        try_at = excluded.try_at
"""

TRY = "update channel_states set try_at = $3 where channel = $1 and (try_at is null or try_at <= $2) returning true"

# What has reached people: the events of the message, each by its alert, kind and instant.
DELIVERED = """
    update alert_events as a
    set delivered = array_append(a.delivered, $2)
    from notification_events as e
    where
        e.notification_id = $1
        and a.alert_id = e.alert_id
        and (a.kind = e.kind or (e.kind = 'resolved' and e.content ->> 'late' = 'true' and a.kind = 'fired'))
        and a.at <= e.at
        and not a.delivered @> array[$2]
"""

THREAD = """
    select m.idempotency_key::text as key, m.progress ->> 'parts' as parts
    from notifications as m
    where
        m.channel = $2
        and m.status = 'sent'
        and m.notification_id <> $1
        and m.frozen_at < $3
        and m.notification_id in (
            select theirs.notification_id
            from notification_events as mine
            join notification_events as theirs using (alert_id)
            where mine.notification_id = $1
        )
    order by m.notification_id
    limit 20
"""

# The ends of what another channel is to say now go with it, unless this channel has said before that the alert fires.
ENDS_FOLLOW = """
    update notification_events as e
    set
        notification_id = split_part(w.group_key, ':', 2)::bigint,
        content = jsonb_set(e.content, '{late}', 'true')
    from notifications as w
    where
        e.notification_id = w.notification_id
        and w.channel = $2
        and w.status = 'waiting'
        and w.group_key like 'after:%'
        and split_part(w.group_key, ':', 2)::bigint = any ($1::bigint[])
        and not exists (
            select from notification_events as notified
            join notifications as m using (notification_id)
            where
                notified.alert_id = e.alert_id
                and notified.kind in ('fired', 'reminded', 'severity')
                and m.channel = w.channel
                and m.status = 'sent'
        )
    returning w.notification_id
"""

# Waiting messages of a channel, without those that only end what this channel has said: nobody else knows of it.
TO_HAND_OVER = """
    select n.notification_id
    from notifications as n
    where
        n.channel = $1
        and n.status = 'waiting'
        and (n.claimed_until is null or n.claimed_until <= $2)
        and (
            $3
            or n.content is not null
            or exists (
                select from notification_events as e where e.notification_id = n.notification_id and e.kind <> 'resolved'
            )
            or exists (
                select from notification_events as e
                where e.notification_id = n.notification_id and e.content ->> 'late' = 'true'
            )
        )
    order by n.notification_id
    for update of n skip locked
"""

# The other ends of a message that is handed over stay with the channel that said that the alerts fire.
KEEP_ENDS = """
    with mine as (
        select e.event_id, e.notification_id
        from notification_events as e
        where
            e.notification_id = any ($1::bigint[])
            and e.kind = 'resolved'
            and e.content ->> 'late' is distinct from 'true'
    ),
    kept as (
        insert into notifications (channel, group_key, recipients, severity, created_at, not_before)
        select channel, 'kept:' || gen_random_uuid(), '{}', max(severity), $2, $2
        from notifications
        where notification_id in (select notification_id from mine)
        group by channel
        returning notification_id
    )
    update notification_events as e
    set notification_id = kept.notification_id
    from mine, kept
    where e.event_id = mine.event_id
"""

NOTICED = """
    select exists (
        select from notifications as n
        join notification_events as e using (notification_id)
        where n.channel = $1 and e.rule = 'channel_disabled' and e.content -> 'labels' ->> 'channel' = $2 and e.at > $3
    )
"""

_PRUNE = """
    delete from notifications
    where notification_id in (
        select n.notification_id
        from notifications as n
        where
            n.ended_at < $1
            -- Who was notified of an alert that lasts is asked when it ends.
            and not exists (
                select from notification_events as e
                join alerts as a using (alert_id)
                where e.notification_id = n.notification_id and (a.phase <> 'resolved' or a.resolved_at >= $1)
            )
        order by n.ended_at
        limit $2
    )
"""

RETAINED = (
    Retention(
        "notifications",
        "ended_at",
        "notifications.history_days",
        Mechanism.DELIVERY,
        only="messages that ended, with their events and attempts, but for those of alerts that last",
        statement=_PRUNE,
        batch=5000,
    ),
)
