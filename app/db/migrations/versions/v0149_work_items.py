"""Work that a job hands to workers beside windows, and how many tasks of each queue have ended."""

from __future__ import annotations

from alembic import op

revision = "0149"
down_revision = "0148"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        create table work_items (
            item_id       bigint generated always as identity primary key,
            batch_id      uuid not null,
            kind          text not null,
            position      integer not null,
            wanted        jsonb not null,
            result        jsonb,
            state         text not null default 'pending'
                check (state in ('pending', 'claimed', 'ended', 'failed', 'cancelled')),
            attempts      integer not null default 0,
            claimed_by    text,
            lease         uuid,
            lease_until   timestamptz,
            error_class   text not null default '',
            error_message text not null default '',
            created_at    timestamptz not null default clock_timestamp(),
            ended_at      timestamptz
        )
    """)
    op.execute("comment on table work_items is 'Portions of a scan and reports that a job handed to workers'")
    op.execute("create index work_items_by_age on work_items (created_at)")
    op.execute("""
        create table task_totals (
            queue       text primary key,
            done        bigint not null,
            failed      bigint not null,
            minute      timestamptz not null,
            in_minute   bigint not null,
            last_minute bigint not null default 0
        )
    """)
    op.execute("comment on table task_totals is 'How many shared tasks of each queue have ended, in all processes'")
    op.execute("comment on column task_totals.in_minute is 'those that ended in the minute of the latest'")


def downgrade() -> None:
    op.execute("drop table task_totals")
    op.execute("drop table work_items")
