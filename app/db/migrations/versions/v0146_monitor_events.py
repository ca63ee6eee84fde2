"""Events of websites and of services whose interfaces are probed."""

# ruff: noqa: S608  names of columns stand in the program

from __future__ import annotations

from alembic import op

revision = "0146"
down_revision = "0145"
branch_labels = None
depends_on = None

_RETURNS = "returns trigger language plpgsql set timezone = 'UTC' as"
_WEBSITE = "'website_id', w.website_id, 'website', w.name, 'group', coalesce(w.labels->>'group', '')"
_SERVICE = "'service_id', s.service_id, 'service', s.name, 'group', s.group_name"

FUNCTIONS = {
    "tell_website": f"""
        insert into events (topic, kind, data)
        select
            'websites',
            case
                when tg_op = 'INSERT' then 'added'
                when new.deleted_at is not null then 'removed'
                when old.enabled and not new.enabled then 'paused'
                when new.enabled and not old.enabled then 'resumed'
                else 'edited'
            end,
            jsonb_build_object({_WEBSITE})
        from (select (new).*) as w;
        return null;
    """,
    "tell_website_state": f"""
        insert into events (topic, kind, data)
        select
            'websites',
            case when new.unknown then 'unknown' else new.status end,
            jsonb_build_object({_WEBSITE}, 'since', new.changed_at, 'reason', new.reason)
        from websites as w
        where w.website_id = new.website_id and w.enabled and w.deleted_at is null;
        return null;
    """,
    "tell_website_window": f"""
        insert into events (topic, kind, data)
        select
            'websites',
            case
                when tg_op = 'INSERT' and new.ended_at is null then 'window_opened'
                when tg_op = 'INSERT' or old.ended_at is distinct from new.ended_at then 'window_closed'
                else 'window_noted'
            end,
            jsonb_build_object(
                {_WEBSITE}, 'window_id', new.window_id, 'window', new.kind, 'started_at', new.started_at,
                'ended_at', new.ended_at, 'reason', new.reason, 'note', new.note,
                'acknowledged_by', new.acknowledged_by
            )
        from websites as w
        where w.website_id = new.website_id and w.deleted_at is null;
        return null;
    """,
    "tell_website_maintenance": """
        insert into events (topic, kind, data)
        select
            'websites',
            case when new.removed_at is null then 'maintenance_planned' else 'maintenance_ended' end,
            jsonb_build_object(
                'website_id', w.website_id, 'website', coalesce(w.name, ''), 'group', coalesce(w.labels->>'group', ''),
                'plan_id', new.plan_id, 'plan', new.name, 'started_at', new.starts_at
            )
        from (select new.website_id) as planned
        left join websites as w using (website_id);
        return null;
    """,
    "tell_service": f"""
        insert into events (topic, kind, data)
        select
            'services',
            case
                when tg_op = 'INSERT' then 'added'
                when new.removed_at is not null and old.removed_at is null then 'removed'
                when new.removed_at is null and old.removed_at is not null then 'added'
                when (new.auth_failing_since is null) <> (old.auth_failing_since is null)
                    then case when new.auth_failing_since is null then 'auth_recovered' else 'auth_failing' end
                when new.scan_failing_since is null then 'documents_recovered'
                else 'documents_failing'
            end,
            jsonb_build_object({_SERVICE}, 'problem', coalesce(nullif(new.auth_problem, ''), new.scan_problem))
        from (select (new).*) as s;
        return null;
    """,
    # One for each service and write, however many operations fail at once.
    "tell_operations": f"""
        insert into events (topic, kind, data)
        select
            'services',
            case
                when n.failing = 0 then 'recovered'
                when n.failing + changed.up = changed.down then 'failing'
                else 'changed'
            end,
            jsonb_build_object(
                {_SERVICE}, 'failing', n.failing, 'operations_down', changed.down, 'operations_up', changed.up
            )
        from (
            select
                after.service_id,
                count(*) filter (where after.status = 'down') as down,
                count(*) filter (where before.status = 'down') as up
            from after
            join before using (operation_id)
            where (after.status = 'down') <> (before.status = 'down') and after.removed_at is null
            group by after.service_id
        ) as changed
        join interface_services as s using (service_id)
        cross join lateral (
            select count(*) as failing
            from interface_operations as o
            where o.service_id = changed.service_id and o.removed_at is null and o.status = 'down'
        ) as n;
        return null;
    """,
    "tell_cycle": f"""
        insert into events (topic, kind, data)
        select
            'services',
            'cycle_' || new.outcome,
            jsonb_build_object(
                {_SERVICE}, 'started_at', new.started_at, 'finished_at', new.finished_at, 'checked', new.checked,
                'failed', new.failed, 'p95_ms', new.p95_ms
            )
        from interface_services as s
        where s.service_id = new.service_id;
        return null;
    """,
}
_EDITED = """
    old.updated_at is distinct from new.updated_at or old.deleted_at is distinct from new.deleted_at
    or old.enabled <> new.enabled
"""
TRIGGERS = (
    "create trigger tell_new_website after insert on websites for each row execute function tell_website()",
    f"""
    create trigger tell_website after update on websites
    for each row when ({_EDITED}) execute function tell_website()
    """,
    """
    create trigger tell_website_state after update on website_states
    for each row when (old.status <> new.status or old.unknown <> new.unknown) execute function tell_website_state()
    """,
    """
    create trigger tell_new_website_window after insert on website_windows
    for each row execute function tell_website_window()
    """,
    """
    create trigger tell_website_window after update on website_windows
    for each row when (old.* is distinct from new.*) execute function tell_website_window()
    """,
    """
    create trigger tell_new_website_maintenance after insert on website_maintenance
    for each row execute function tell_website_maintenance()
    """,
    """
    create trigger tell_website_maintenance after update on website_maintenance
    for each row when (old.removed_at is null and new.removed_at is not null) execute function tell_website_maintenance()
    """,
    "create trigger tell_new_service after insert on interface_services for each row execute function tell_service()",
    """
    create trigger tell_service after update on interface_services
    for each row when (
        (old.removed_at is null) <> (new.removed_at is null)
        or (old.auth_failing_since is null) <> (new.auth_failing_since is null)
        or (old.scan_failing_since is null) <> (new.scan_failing_since is null)
    )
    execute function tell_service()
    """,
    """
    create trigger tell_operations after update on interface_operations
    referencing old table as before new table as after
    for each statement execute function tell_operations()
    """,
    """
    create trigger tell_new_cycle after insert on interface_cycles
    for each row when (new.outcome <> 'running') execute function tell_cycle()
    """,
    """
    create trigger tell_cycle after update on interface_cycles
    for each row when (old.outcome <> new.outcome) execute function tell_cycle()
    """,
)


def upgrade() -> None:
    for name, body in FUNCTIONS.items():
        op.execute(f"create function {name}() {_RETURNS} $$ begin {body} end $$")
    for statement in TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    for name in FUNCTIONS:
        op.execute(f"drop function {name}() cascade")
