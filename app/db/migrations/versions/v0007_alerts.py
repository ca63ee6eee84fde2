"""Alerts, their events, evaluations of rules, silences."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CREATE: tuple[str, ...] = (
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
        told_at          timestamptz,
        told_severity    text check (told_severity in ('info', 'warning', 'critical')),
        end_told_at      timestamptz,
        firings          timestamptz[] not null default '{}',
        flapping         boolean not null default false,
        suppressed       text not null default '',
        look_at          timestamptz,
        acknowledged_at  timestamptz,
        acknowledged_by  text not null default '',
        acknowledge_note text not null default ''
    )
    """,
    # The digest, because an entry of an index is limited to a third of a page and labels are not.
    "create unique index alerts_open on alerts (rule, md5(labels::text)) where phase <> 'resolved'",
    "create index alerts_look on alerts (look_at) where look_at is not null",
    "create index alerts_suppressed on alerts (rule) where suppressed <> ''",
    "create index alerts_owed on alerts (rule) where phase = 'resolved' and told_at is not null and end_told_at is null",
    "create index alerts_rule on alerts (rule, resolved_at)",
    "create index alerts_since on alerts (since)",
    "comment on table alerts is 'One fault of one rule with one set of labels, from its first sight to its end'",
    "comment on column alerts.since is 'when the fault was first seen; the hold counts from here'",
    "comment on column alerts.gone_at is 'since when a firing alert has shown no fault; it is kept firing for a while'",
    "comment on column alerts.told_at is 'when people were last told that it fires; null: never, so its end is not told either'",
    "comment on column alerts.end_told_at is 'when people were told of its end; null though told_at is not: they are owed it'",
    "comment on column alerts.firings is 'when alerts of this rule and these labels fired within the window of flapping'",
    "comment on column alerts.suppressed is 'why nobody is told at present; empty where nothing stops it'",
    "comment on column alerts.look_at is 'when something is to be told though the rule is not due: a reminder, or after a wait'",
    """
    create table alert_events (
        event_id bigint generated always as identity primary key,
        alert_id bigint not null references alerts on delete cascade,
        rule     text not null,
        at       timestamptz not null,
        kind     text not null,
        severity text not null,
        value    double precision,
        told     boolean not null,
        note     text not null default '',
        details  jsonb not null default '{}'
    )
    """,
    "create index alert_events_alert on alert_events (alert_id, event_id)",
    "create index alert_events_at on alert_events (at)",
    "comment on table alert_events is 'Everything that happened to an alert'",
    "comment on column alert_events.told is 'whether it was handed over for delivery, in the transaction that wrote it'",
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
    "comment on column rule_executions.notified is 'whether it gave people something to be told'",
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
    "comment on table silences is 'Alerts that match are not told of between two instants'",
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
    # What the shipped rules look for is rare: they must not read every row for it every few seconds.
    "create index collection_runs_failed on collection_runs (finished_at) where outcome = 'failed'",
    "create index backfill_chunks_ended on backfill_chunks (backfill_id, ended_at) where ended_at is not null",
    "comment on table rule_problems is 'What is wrong with the files that each process reads at present'",
    "comment on column rule_problems.source is 'which kind of file: rules, channels or plan'",
    "comment on column rule_problems.line is '0: the file as a whole'",
    "comment on column rule_problems.seen_at is 'refreshed every few seconds; rows of a process that has gone grow old'",
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
            told_at,
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
            told,
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
DROP: tuple[str, ...] = (
    "drop index backfill_chunks_ended",
    "drop index collection_runs_failed",
    "drop table rule_problems",
    "drop table maintenance_windows",
    "drop table silences",
    "drop table rule_executions",
    "drop table alert_events",
    "drop table alerts",
    "drop table rule_states",
)


def upgrade() -> None:
    for statement in CREATE:
        op.execute(statement)
    for name, (comment, query) in VIEWS.items():
        op.execute(f"create view {name} as {query}")
        op.execute(f"comment on view {name} is '{comment}'")


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"drop view {name}")
    for statement in DROP:
        op.execute(statement)
