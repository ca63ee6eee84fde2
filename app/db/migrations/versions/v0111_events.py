"""Events of runs, jobs, backfills, alerts, findings and changes, written by the transaction of what they tell."""

from __future__ import annotations

from alembic import op

revision = "0111"
down_revision = "0110"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table events (
        system_id bigint not null default (pg_control_system()).system_identifier,
        xid       bigint not null default pg_current_xact_id()::text::bigint,
        event_id  bigint generated always as identity,
        at        timestamptz not null default clock_timestamp(),
        topic     text not null,
        kind      text not null,
        item      text,
        area      text,
        data      jsonb not null,
        primary key (system_id, xid, event_id)
    )
    """,
    "create index events_at on events (at)",
    "comment on table events is 'What happened, for readers of GET /events; each is written by the transaction of what it tells'",
    "comment on column events.system_id is 'of the server: transactions of another one are numbered otherwise'",
    "comment on column events.xid is 'the transaction, an xid8; 0: the beginning, which tells nothing'",
    "comment on column events.item is 'what values it is about, like area (EIC); null: it is about no item and area alone'",
)
_BODY = "returns trigger language plpgsql set timezone = 'UTC' as"
"""Instants in JSON are written in the zone of the session."""

# One function and trigger for each topic; the condition of a trigger keeps what is no news from the function.
FUNCTIONS = {
    "tell_of_events": """
        perform pg_notify('gridkeeper_events', '');
        return null;
    """,
    "tell_run": """
        insert into events (topic, kind, data)
        values (
            'runs',
            coalesce(new.outcome, 'queued'),
            jsonb_build_object(
                'job', new.job, 'scheduled_for', new.scheduled_for, 'trigger', new.trigger, 'attempt', new.attempt,
                'started_at', new.started_at, 'finished_at', new.finished_at, 'summary', new.summary,
                'error', new.error, 'next_attempt_at', new.next_attempt_at, 'runner', new.runner
            )
        );
        return null;
    """,
    "tell_job": """
        insert into events (topic, kind, data)
        values (
            'jobs',
            case
                when tg_op = 'INSERT' then 'added'
                when tg_op = 'DELETE' then 'removed'
                when new.paused and not old.paused then 'paused'
                when old.paused and not new.paused then 'resumed'
                else 'changed'
            end,
            jsonb_build_object('job', coalesce(new.id, old.id), 'paused', coalesce(new.paused, old.paused))
        );
        return null;
    """,
    "tell_backfill": """
        insert into events (topic, kind, data)
        values (
            'backfills',
            case
                when tg_op = 'INSERT' then 'queued'
                when new.cancelled_at is not null then 'cancelled'
                when new.finished_at is not null then 'completed'
                when new.paused_at is not null then 'paused'
                when new.held_until is not null then 'held'
                else 'running'
            end,
            jsonb_build_object(
                'backfill_id', new.backfill_id, 'description', new.description, 'pause_reason', new.pause_reason,
                'held_until', new.held_until, 'last_error', new.last_error
            )
        );
        return null;
    """,
    "tell_alert": """
        insert into events (topic, kind, data)
        select
            'alerts',
            new.kind,
            jsonb_build_object(
                'alert_id', new.alert_id, 'rule', new.rule, 'labels', alerts.labels, 'severity', new.severity,
                'phase', alerts.phase, 'value', new.value, 'note', new.note
            )
        from alerts
        where alerts.alert_id = new.alert_id;
        return null;
    """,
    "tell_finding": """
        insert into events (topic, kind, item, area, data)
        select
            'findings',
            case when tg_op = 'DELETE' then 'removed' else finding.state end,
            series.item,
            series.area,
            jsonb_build_object(
                'finding_id', finding.finding_id, 'series', finding.series_id, 'dimension', finding.dimension,
                'rule', finding.rule, 'severity', finding.severity, 'interval_start', finding.interval_start,
                'interval_end', finding.interval_end, 'affected', finding.affected
            )
        from (select (coalesce(new, old)).*) as finding
        left join series using (series_id);
        return null;
    """,
    "tell_changes": """
        insert into events (topic, kind, item, area, data)
        select
            'changes',
            'stored',
            item,
            area,
            jsonb_build_object(
                'series', jsonb_agg(series_id order by series_id), 'first_start', new.first_start,
                'last_start', new.last_start, 'new', new.new_rows, 'replaced', new.replaced_rows,
                'recorded_at', new.recorded_at
            )
        from series
        where series_id = any(new.series_ids)
        group by item, area;
        return null;
    """,
}
_BACKFILL = "row({0}.cancelled_at, {0}.finished_at, {0}.paused_at, {0}.held_until is null)"
TRIGGERS = (
    "create trigger tell_of_events after insert on events for each statement execute function tell_of_events()",
    "create trigger tell_new_run after insert on job_runs for each row execute function tell_run()",
    """
    create trigger tell_run after update on job_runs
    for each row when (old.outcome is distinct from new.outcome or old.attempt <> new.attempt) execute function tell_run()
    """,
    "create trigger tell_new_job after insert or delete on scheduler_jobs for each row execute function tell_job()",
    """
    create trigger tell_job after update on scheduler_jobs
    for each row when (old.paused <> new.paused or old.job_state <> new.job_state) execute function tell_job()
    """,
    "create trigger tell_new_backfill after insert on backfills for each row execute function tell_backfill()",
    f"""
    create trigger tell_backfill after update on backfills
    for each row when ({_BACKFILL.format("old")} is distinct from {_BACKFILL.format("new")})
    execute function tell_backfill()
    """,
    "create trigger tell_alert after insert on alert_events for each row execute function tell_alert()",
    "create trigger tell_new_finding after insert or delete on quality_findings for each row execute function tell_finding()",
    """
    create trigger tell_finding after update on quality_findings
    for each row when (old.state <> new.state) execute function tell_finding()
    """,
    """
    create trigger tell_changes after insert on change_batches
    for each row when (new.xid > 0) execute function tell_changes()
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for name, body in FUNCTIONS.items():
        op.execute(f"create function {name}() {_BODY} $$ begin {body} end $$")
    for statement in TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table events")
    for name in FUNCTIONS:
        op.execute(f"drop function {name}() cascade")
