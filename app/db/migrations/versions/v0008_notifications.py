"""What people are told: outbox, attempts, channels."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

CREATE: tuple[str, ...] = (
    """
    create table notifications (
        notification_id bigint generated always as identity primary key,
        channel         text not null,
        group_key       text not null,
        recipients      text[] not null default '{}',
        status          text not null default 'waiting'
            check (status in ('waiting', 'sent', 'failed', 'merged', 'dropped')),
        severity        smallint not null default 0,
        idempotency_key uuid not null unique default gen_random_uuid(),
        content         jsonb,
        created_at      timestamptz not null,
        not_before      timestamptz not null,
        frozen_at       timestamptz,
        claimed_until   timestamptz,
        claimed_by      text not null default '',
        attempts        integer not null default 0,
        progress        jsonb not null default '{}',
        ended_at        timestamptz,
        subject         text not null default '',
        error           text not null default '',
        merged_into     bigint references notifications on delete set null,
        moved_from      text
    )
    """,
    "comment on table notifications is 'The outbox: one row for each message that people are to get over a channel'",
    "comment on column notifications.group_key is 'messages of one group and channel keep their order'",
    "comment on column notifications.recipients is 'lists named by the route; empty: those of the channel'",
    "comment on column notifications.severity is 'rank of its most urgent event: 0 info, 1 warning, 2 critical'",
    "comment on column notifications.idempotency_key is 'the same in every attempt, so that a receiver knows a duplicate'",
    "comment on column notifications.content is 'subject, text and html of a message that is made of no events: a report'",
    "comment on column notifications.frozen_at is 'its first claim: no event joins or leaves it afterwards'",
    "comment on column notifications.progress is 'parts sent, recipients reached and recipients refused so far'",
    "comment on column notifications.merged_into is 'the digest that names its events'",
    "comment on column notifications.moved_from is 'the channel that could not deliver it'",
    # A group collects events in one waiting row; whoever claims it takes it out of this index, and a new one may begin.
    """
    create unique index notifications_collecting on notifications (channel, group_key)
    where status = 'waiting' and frozen_at is null
    """,
    "create index notifications_waiting on notifications (channel, not_before) where status = 'waiting'",
    "create index notifications_order on notifications (channel, group_key, notification_id) where status = 'waiting'",
    "create index notifications_groups on notifications (channel, group_key, notification_id)",
    "create index notifications_ended on notifications (ended_at)",
    """
    create table notification_events (
        event_id        bigint generated always as identity primary key,
        notification_id bigint not null references notifications on delete cascade,
        alert_id        bigint,
        kind            text not null,
        rule            text not null,
        severity        text not null,
        at              timestamptz not null,
        content         jsonb not null
    )
    """,
    "comment on table notification_events is 'What a message tells, as it was when it happened'",
    "comment on column notification_events.alert_id is 'the row of alerts; null: a notice of the delivery itself'",
    "create index notification_events_notification on notification_events (notification_id)",
    "create index notification_events_alert on notification_events (alert_id, notification_id)",
    """
    create table notification_attempts (
        attempt_id      bigint generated always as identity primary key,
        notification_id bigint not null references notifications on delete cascade,
        channel         text not null,
        part            text not null,
        attempted_at    timestamptz not null,
        seconds         double precision not null,
        verdict         text not null,
        status          integer,
        answer          text not null
    )
    """,
    "comment on table notification_attempts is 'Every attempt at a message: when, what was answered, how long it took'",
    "comment on column notification_attempts.answer is 'cut short and free of secrets'",
    "create index notification_attempts_notification on notification_attempts (notification_id)",
    "create index notification_attempts_channel on notification_attempts (channel, attempted_at)",
    """
    create table channel_states (
        channel         text primary key,
        failures        integer not null default 0,
        blocked_until   timestamptz,
        disabled_at     timestamptz,
        disabled_reason text not null default '',
        last_sent_at    timestamptz,
        last_failed_at  timestamptz,
        last_error      text not null default '',
        recent          timestamptz[] not null default '{}'
    )
    """,
    "comment on table channel_states is 'How each channel fares, and its rate limit, shared by all processes'",
    "comment on column channel_states.failures is 'failed attempts in a row'",
    "comment on column channel_states.blocked_until is 'nothing is sent before: its limit is used up, or it asked for patience'",
    "comment on column channel_states.recent is 'the messages of the last minute'",
)
DROP: tuple[str, ...] = (
    "drop table channel_states",
    "drop table notification_attempts",
    "drop table notification_events",
    "drop table notifications",
)


def upgrade() -> None:
    for statement in CREATE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DROP:
        op.execute(statement)
