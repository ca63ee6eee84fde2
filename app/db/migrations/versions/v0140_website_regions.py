"""Websites that several regions check: which ones, how many have to agree, and what each of them knows."""

from __future__ import annotations

from alembic import op

from app.db.migrations.views import create_views, drop_views

revision = "0140"
down_revision = "0137"
branch_labels = None
depends_on = None

TABLES = (
    "alter table websites add column regions text[] not null default '{}'",
    """
    alter table websites
    add column quorum smallint not null default 0 check (quorum between 0 and cardinality(regions))
    """,
    "comment on column websites.regions is 'each of them checks it; none: any process does'",
    "comment on column websites.quorum is 'how many regions have to say that it is down; 0: more than half'",
    """
    create table website_region_states (
        website_id         bigint not null references websites on delete cascade,
        region             text not null,
        version            bigint not null,
        status             text not null check (status in ('unknown', 'up', 'down')),
        changed_at         timestamptz not null,
        latest_at          timestamptz not null,
        checked_at         timestamptz,
        known_until        timestamptz,
        due_at             timestamptz not null,
        failures           integer not null default 0,
        first_failed_at    timestamptz,
        successes          integer not null default 0,
        first_succeeded_at timestamptz,
        breaks             integer not null default 0,
        break_until        timestamptz,
        unknown            boolean not null,
        reason             text not null default '',
        primary key (website_id, region)
    ) with (fillfactor = 70)
    """,
    "comment on table website_region_states is 'What the checks of each region have shown so far of a website that names regions'",
    "comment on column website_region_states.version is 'counts changes, so that a result is kept only by who knew the state before it'",
    "comment on column website_region_states.known_until is 'until when the region has a vote, without a further check'",
    "comment on column website_region_states.unknown is 'whether the region has no vote, because it saw nothing itself'",
)

VIEWS = {
    "v_website_regions": (
        "One row for each website that names regions and each of its regions, with how that region sees it",
        """
        select
            w.website_id,
            w.name,
            w.url,
            w.labels->>'group' as group_name,
            w.labels,
            w.enabled,
            s.region,
            case
                when not w.enabled then 'paused'
                when s.unknown or s.known_until is null or s.known_until < now() then 'unknown'
                else s.status
            end as status,
            s.changed_at as status_since,
            s.checked_at,
            s.due_at,
            s.failures,
            s.break_until,
            s.reason,
            coalesce(nullif(w.quorum, 0), cardinality(w.regions) / 2 + 1) as quorum
        from websites as w
        join website_region_states as s using (website_id)
        where w.deleted_at is null
        """,
    ),
}


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    create_views(VIEWS)


def downgrade() -> None:
    drop_views(VIEWS)
    op.execute("drop table website_region_states")
    op.execute("alter table websites drop column quorum, drop column regions")
