"""What is due, and what may be sent next."""

from __future__ import annotations

_DUE = """
    (n.not_before <= $1 or s.disabled_at is not null)
    and (n.claimed_until is null or n.claimed_until <= $1)
    and (s.blocked_until is null or s.blocked_until <= $1 or s.disabled_at is not null)
"""
# Also channels whose messages wait for an instant: as long as there are any, time alone makes something due.
WAITING_CHANNELS = f"""
    select
        n.channel,
        n.severity >= 2 as critical,
        s.disabled_reason,
        s.disabled_at is not null as disabled,
        s.disabled_at is not null and s.try_at <= $1 as trial,
        s.seen_at,
        min(min(n.created_at) filter (where {_DUE})) over (partition by n.channel) as since,
        bool_or({_DUE}) as due
    from notifications as n
    left join channel_states as s using (channel)
    where n.status = 'waiting'
    group by n.channel, n.severity >= 2, s.disabled_reason, s.disabled_at, s.try_at, s.seen_at
"""  # noqa: S608  constants

# A group keeps its order; but one message that a receiver chokes on must not hold up what comes after it for a day:
# after five attempts, better late in order than never. What is critical waits for nothing but this: an end never
# overtakes the message on the same channel that says that the alert fires. The rows are chosen in one pass, and a window
# finds the ends whose firing still waits: where thousands were new and the server had no statistics of them yet, it
# looked through all of them for each. Only what is sent is locked, by its key.
READY = """
    with waiting as materialized (
        select
            notification_id,
            channel,
            group_key,
            recipients,
            severity,
            frozen_at is not null or content is not null as whole,
            not_before,
            claimed_until,
            min(notification_id) filter (where attempts < 5) over (partition by group_key) as first_of_group
        from notifications
        where channel = $1 and status = 'waiting'
    ),
    before_its_firing as materialized (
        select e.notification_id
        from (
            select
                notification_id,
                min(notification_id) filter (where kind in ('fired', 'reminded', 'severity')) over same_alert as first,
                max(notification_id) filter (where kind in ('fired', 'reminded', 'severity')) over same_alert as last
            from notification_events
            where
                alert_id is not null
                and notification_id = any (
                    array(
                        select notification_id from waiting
                        where exists (select from waiting where group_key like 'after:%')
                    )
                )
            window same_alert as (partition by alert_id)
        ) as e
        where e.first <> e.notification_id or e.last <> e.notification_id
    )
    select notification_id, recipients, severity, whole
    from waiting
    where
        not_before <= $2
        and severity between $3 and $4
        and (claimed_until is null or claimed_until <= $2)
        and (severity >= 2 or first_of_group is null or notification_id <= first_of_group)
        and not (group_key like 'after:%' and notification_id in (select notification_id from before_its_firing))
    order by severity desc, notification_id
    limit 5000
"""
