"""A region that nobody knows of any more is unknown since then, and not since it was up or down."""

from __future__ import annotations

from alembic import op

revision = "0150"
down_revision = "0149"
branch_labels = None
depends_on = None

UNKNOWN = "s.unknown or s.known_until is null or s.known_until < now()"
VIEW = """
    create or replace view v_website_regions as
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
            when {unknown} then 'unknown'
            else s.status
        end as status,
        {since} as status_since,
        s.checked_at,
        s.due_at,
        s.failures,
        s.break_until,
        s.reason,
        coalesce(nullif(w.quorum, 0), cardinality(w.regions) / 2 + 1) as quorum
    from websites as w
    join website_region_states as s using (website_id)
    where w.deleted_at is null
"""
SINCE = f"case when w.enabled and ({UNKNOWN}) then coalesce(s.known_until, s.changed_at) else s.changed_at end"

EVENT = """
    create or replace function tell_website_state() returns trigger language plpgsql set timezone = 'UTC' as $$ begin
        insert into events (topic, kind, data)
        select
            'websites',
            case when new.unknown then 'unknown' else new.status end,
            jsonb_build_object(
                'website_id', w.website_id, 'website', w.name, 'group', coalesce(w.labels->>'group', ''),
                'since', {since}, 'reason', new.reason
            )
        from websites as w
        where w.website_id = new.website_id and w.enabled and w.deleted_at is null;
        return null;
    end $$
"""


def upgrade() -> None:
    op.execute(
        EVENT.format(
            since="case when new.unknown then coalesce(new.known_until, new.changed_at) else new.changed_at end"
        )
    )
    op.execute(VIEW.format(unknown=UNKNOWN, since=SINCE))


def downgrade() -> None:
    op.execute(EVENT.format(since="new.changed_at"))
    op.execute(VIEW.format(unknown=UNKNOWN, since="s.changed_at"))
