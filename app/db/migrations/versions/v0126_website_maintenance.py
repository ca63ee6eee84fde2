"""Planned maintenance of websites, and who has acknowledged a downtime."""

from __future__ import annotations

from alembic import op

revision = "0126"
down_revision = "0121"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table website_maintenance (
        plan_id       bigint generated always as identity primary key,
        name          text not null,
        website_id    bigint references websites on delete cascade,
        labels        jsonb not null default '{}',
        starts_at     timestamptz,
        cron          text not null default '',
        zone          text not null default 'UTC',
        duration      interval not null check (duration > interval '0'),
        days          text not null default 'all' check (days in ('all', 'business_days', 'holidays', 'weekend')),
        country       text not null default '',
        note          text not null default '',
        author        text not null default '',
        created_at    timestamptz not null,
        planned_until timestamptz not null,
        removed_at    timestamptz,
        check ((starts_at is null) = (cron <> ''))
    )
    """,
    "comment on table website_maintenance is 'Planned maintenance of one website, or of all that have the labels'",
    "comment on column website_maintenance.planned_until is 'times that begin before it stand in website_maintenance_times'",
    "comment on column website_maintenance.removed_at is 'since when nothing more is planned; what has been stays'",
    """
    create table website_maintenance_times (
        plan_id   bigint not null references website_maintenance on delete cascade,
        starts_at timestamptz not null,
        ends_at   timestamptz not null check (ends_at > starts_at),
        primary key (plan_id, starts_at)
    )
    """,
    "create index website_maintenance_times_by_end on website_maintenance_times (ends_at)",
    "comment on table website_maintenance_times is 'When maintenance was and, for the next weeks, will be'",
    "alter table website_windows add column acknowledged_at timestamptz",
    "alter table website_windows add column acknowledged_by text not null default ''",
    "comment on column website_windows.acknowledged_at is 'when somebody said that it is being looked after'",
)

_WEBSITES = """
    create or replace view v_websites as
    select
        w.website_id,
        w.name,
        w.url,
        w.labels->>'group' as group_name,
        w.labels,
        w.enabled,
        w.check_interval,
        case
            when not w.enabled then 'paused'
            when s.unknown or s.known_until is null or s.known_until < now() then 'unknown'
            else s.status
        end as status,
        s.status as confirmed_status,
        s.changed_at as status_since,
        s.checked_at,
        s.due_at,
        s.failures,
        s.break_until,
        s.reason,
        w.created_at,
        w.updated_at{more}
    from websites as w
    join website_states as s using (website_id)
    where w.deleted_at is null
"""
MAINTENANCE = """,
        (
            select max(t.ends_at)
            from website_maintenance_times as t
            join website_maintenance as p using (plan_id)
            where
                t.starts_at <= now() and t.ends_at > now()
                and (p.website_id = w.website_id or (p.website_id is null and w.labels @> p.labels))
        ) as maintenance_until"""


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    op.execute(_WEBSITES.format(more=MAINTENANCE))


def downgrade() -> None:
    op.execute("drop view v_websites")
    op.execute(_WEBSITES.format(more=""))
    op.execute("comment on view v_websites is 'One row for each website that is checked, with how it is'")
    op.execute("alter table website_windows drop column acknowledged_at, drop column acknowledged_by")
    for table in ("website_maintenance_times", "website_maintenance"):
        op.execute(f"drop table {table}")
