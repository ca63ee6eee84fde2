"""Alert rules and their evaluations, alerts, silences, and what people are notified of: outbox, attempts, channels."""

from __future__ import annotations

from alembic import op

from app.db.migrations.views import create_views, drop_views

revision = "0106"
down_revision = "0105"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table rule_states (
        rule         text primary key,
        schedule     text not null,
        about        jsonb not null default '{}',
        next_due     timestamptz not null,
        seen_at      timestamptz not null,
        lease        uuid,
        leased_until timestamptz,
        paused_at    timestamptz,
        paused_by    text not null default '',
        evaluated_at timestamptz,
        seconds      double precision,
        verdict      text check (verdict in ('firing', 'ok', 'no_data', 'error')),
        value        double precision,
        threshold    double precision,
        error        text not null default '',
        constraint lease_has_an_end check ((lease is null) = (leased_until is null))
    )
    """,
    "create index rule_states_due on rule_states (next_due) where paused_at is null",
    "comment on table rule_states is 'One row for each alert rule: when it is due, who evaluates it, what it found last'",
    "comment on column rule_states.about is 'what a message about its alerts needs once the rule itself has gone'",
    "comment on column rule_states.next_due is 'the slot that is evaluated next; slots missed meanwhile count as one'",
    "comment on column rule_states.seen_at is 'when a process last had the rule in its book; refreshed every minute'",
    "comment on column rule_states.lease is 'of the evaluation under way; a new one for each, and only its holder may write'",
    "comment on column rule_states.evaluated_at is 'when the last evaluation that was written began'",
    """
    create table alerts (
        alert_id         bigint generated always as identity primary key,
        rule             text not null,
        labels           jsonb not null,
        severity         text not null check (severity in ('info', 'warning', 'critical')),
        phase            text not null check (phase in ('pending', 'firing', 'resolved')),
        since            timestamptz not null,
        seen_at          timestamptz not null,
        gone_at          timestamptz,
        fired_at         timestamptz,
        resolved_at      timestamptz,
        value            double precision,
        threshold        double precision,
        annotations      jsonb not null default '{}',
        notified_at          timestamptz,
        notified_severity    text check (notified_severity in ('info', 'warning', 'critical')),
        resolved_notified_at timestamptz,
        firings          timestamptz[] not null default '{}',
        flapping         boolean not null default false,
        suppressed       text not null default '',
        check_at         timestamptz,
        acknowledged_at  timestamptz,
        acknowledged_by  text not null default '',
        acknowledge_note text not null default ''
    )
    """,
    # The digest, because an entry of an index is limited to a third of a page and labels are not.
    "create unique index alerts_open on alerts (rule, md5(labels::text)) where phase <> 'resolved'",
    "create index alerts_check on alerts (check_at) where check_at is not null",
    "create index alerts_suppressed on alerts (rule) where suppressed <> ''",
    """
    create index alerts_resolution_due on alerts (rule)
        where phase = 'resolved' and notified_at is not null and resolved_notified_at is null
    """,
    "create index alerts_rule on alerts (rule, resolved_at)",
    "create index alerts_since on alerts (since)",
    "comment on table alerts is 'One fault of one rule with one set of labels, from its first sight to its end'",
    "comment on column alerts.since is 'when the fault was first seen; the hold counts from here'",
    "comment on column alerts.gone_at is 'since when a firing alert has shown no fault; it is kept firing for a while'",
    "comment on column alerts.notified_at is 'when people were last notified that it fires; null: never, so nobody is notified of its end'",
    "comment on column alerts.resolved_notified_at is 'when people were notified of its end; null though notified_at is not: that is due'",
    "comment on column alerts.firings is 'when alerts of this rule and these labels fired within the window of flapping'",
    "comment on column alerts.suppressed is 'why nobody is notified at present; empty where nothing stops it'",
    "comment on column alerts.check_at is 'when a notification may be due though the rule is not: a reminder, or after a wait'",
    """
    create table alert_events (
        event_id bigint generated always as identity primary key,
        alert_id bigint not null references alerts on delete cascade,
        rule     text not null,
        at       timestamptz not null,
        kind     text not null,
        severity text not null,
        value    double precision,
        notified boolean not null,
        note     text not null default '',
        details  jsonb not null default '{}',
        delivered text[] not null default '{}'
    )
    """,
    "create index alert_events_alert on alert_events (alert_id, event_id)",
    "create index alert_events_at on alert_events (at)",
    "comment on table alert_events is 'Everything that happened to an alert'",
    "comment on column alert_events.notified is 'whether it was handed over for delivery, in the transaction that wrote it'",
    "comment on column alert_events.delivered is 'the channels that have taken a message which holds it'",
    """
    create table rule_executions (
        due_at     timestamptz not null,
        rule       text not null,
        trigger    text not null check (trigger in ('cron', 'manual', 'api')),
        started_at timestamptz not null,
        seconds    double precision not null,
        verdict    text not null check (verdict in ('firing', 'ok', 'no_data', 'error')),
        signals    integer not null,
        value      double precision,
        threshold  double precision,
        error      text not null default '',
        notified   boolean not null
    )
    """,
    "create index rule_executions_rule on rule_executions (rule, due_at)",
    "create index rule_executions_due on rule_executions using brin (due_at)",
    "comment on table rule_executions is 'One row for each evaluation of a rule'",
    "comment on column rule_executions.due_at is 'the slot; of an evaluation that a person asked for, when it was asked for'",
    "comment on column rule_executions.notified is 'whether it gave cause to notify people'",
    """
    create table silences (
        silence_id bigint generated always as identity primary key,
        matchers   text[] not null check (cardinality(matchers) > 0),
        starts_at  timestamptz not null,
        ends_at    timestamptz not null,
        author     text not null,
        comment    text not null default '',
        created_at timestamptz not null,
        constraint ends_after_start check (ends_at >= starts_at)
    )
    """,
    "create index silences_ends on silences (ends_at)",
    "comment on table silences is 'Nobody is notified of alerts that match between two instants'",
    "comment on column silences.matchers is 'name=value, !=, =~ or !~; all must match'",
    """
    create table maintenance_windows (
        window_id  bigint generated always as identity primary key,
        matchers   text[] not null check (cardinality(matchers) > 0),
        cron       text not null,
        zone       text not null,
        duration   interval not null check (duration > interval '0'),
        author     text not null,
        comment    text not null default '',
        created_at timestamptz not null,
        ended_at   timestamptz
    )
    """,
    "comment on table maintenance_windows is 'Silences that come again: each lasts for the duration from every slot of the cron expression'",
    """
    create table rule_problems (
        instance text not null,
        source   text not null,
        file     text not null,
        line     integer not null,
        field    text not null,
        message  text not null,
        since    timestamptz not null,
        seen_at  timestamptz not null,
        primary key (instance, source, file, line, field, message)
    )
    """,
    "comment on table rule_problems is 'What is wrong with the files that each process reads at present'",
    "comment on column rule_problems.source is 'which kind of file: rules, channels or plan'",
    "comment on column rule_problems.line is '0: the file as a whole'",
    "comment on column rule_problems.seen_at is 'refreshed every few seconds; rows of a process that has gone grow old'",
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
    "comment on table notification_events is 'What a message is about, as it was when it happened'",
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
        recent          timestamptz[] not null default '{}',
        seen_at         timestamptz,
        try_at          timestamptz
    )
    """,
    "comment on table channel_states is 'How each channel fares, and its rate limit, shared by all processes'",
    "comment on column channel_states.failures is 'failed attempts in a row'",
    "comment on column channel_states.blocked_until is 'nothing is sent before: its limit is used up, or it asked for patience'",
    "comment on column channel_states.recent is 'the messages of the last minute'",
    "comment on column channel_states.seen_at is 'when a replica last had the channel in its file'",
    "comment on column channel_states.try_at is 'when a disabled channel is tried again with one message'",
)
VIEWS = {
    "v_alerts": (
        "Alerts that fire or fired, and those that wait for their hold to pass",
        """
        select
            alert_id,
            rule,
            coalesce(labels ->> 'area', '') as area,
            coalesce(labels ->> 'item', '') as item,
            labels,
            severity,
            phase,
            since,
            fired_at,
            gone_at,
            resolved_at,
            value,
            threshold,
            coalesce(annotations ->> 'summary', '') as summary,
            notified_at as told_at,
            suppressed,
            flapping,
            acknowledged_at,
            acknowledged_by,
            acknowledge_note,
            extract(epoch from acknowledged_at - fired_at)::double precision as seconds_to_acknowledge,
            extract(epoch from resolved_at - fired_at)::double precision as seconds_to_resolve
        from alerts
        where phase <> 'resolved' or fired_at is not null
        """,
    ),
    "v_alert_events": (
        "Everything that happened to alerts",
        """
        select
            event_id,
            at,
            kind,
            alert_id,
            alert_events.rule,
            coalesce(labels ->> 'area', '') as area,
            coalesce(labels ->> 'item', '') as item,
            labels,
            alert_events.severity,
            alert_events.value,
            notified as told,
            note
        from alert_events
        join alerts using (alert_id)
        """,
    ),
    "v_rule_states": (
        "Alert rules: when each is due and what it found last",
        """
        select
            rule, schedule, next_due, paused_at, paused_by, evaluated_at, seconds, verdict, value, threshold, error
        from rule_states
        """,
    ),
    "v_rule_executions": (
        "Every evaluation of every alert rule",
        """
        select
            due_at,
            rule,
            trigger,
            started_at,
            extract(epoch from started_at - due_at)::double precision as lateness,
            seconds,
            verdict,
            signals,
            value,
            threshold,
            error,
            notified
        from rule_executions
        """,
    ),
}

DROP = (
    "drop table channel_states",
    "drop table notification_attempts",
    "drop table notification_events",
    "drop table notifications",
    "drop table rule_problems",
    "drop table maintenance_windows",
    "drop table silences",
    "drop table rule_executions",
    "drop table alert_events",
    "drop table alerts",
    "drop table rule_states",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    create_views(VIEWS)


def downgrade() -> None:
    drop_views(VIEWS)
    for statement in DROP:
        op.execute(statement)
