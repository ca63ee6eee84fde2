"""The shared queue, who works on it, and the windows of a run that are handed to it."""

from __future__ import annotations

from alembic import op

from app.db.queue.schema import SCHEMA, install_queue

revision = "0141"
down_revision = "0140"
branch_labels = None
depends_on = None


def upgrade() -> None:
    install_queue(op.get_bind())
    op.execute("""
        create table workers (
            name               text primary key,
            version            text not null,
            queues             text[] not null,
            region             text not null default '',
            concurrency        integer not null,
            started_at         timestamptz not null default clock_timestamp(),
            heartbeat_at       timestamptz not null default clock_timestamp(),
            running            integer not null default 0,
            done               bigint not null default 0,
            failed             bigint not null default 0,
            per_minute         double precision not null default 0,
            drain_requested_at timestamptz
        )
    """)
    op.execute(
        "comment on table workers is 'Processes that run shared tasks; one that ends in order takes its row along'"
    )
    op.execute("comment on column workers.per_minute is 'tasks that ended within the last minute'")
    op.execute("""
        create table shared_windows (
            window_id    bigint generated always as identity primary key,
            batch_id     uuid not null,
            position     integer not null,
            lane         text not null check (lane in ('live', 'gap')),
            item         text not null,
            area         text not null,
            window_start timestamptz not null,
            window_end   timestamptz not null,
            state        text not null default 'pending'
                check (state in ('pending', 'claimed', 'ended', 'failed', 'cancelled')),
            attempts     integer not null default 0,
            claimed_by   text,
            lease        uuid,
            lease_until  timestamptz,
            run_id       bigint,
            error_class  text not null default '',
            error_message text not null default '',
            created_at   timestamptz not null default clock_timestamp(),
            ended_at     timestamptz
        )
    """)
    op.execute("comment on table shared_windows is 'Windows of live collection and gaps that a job handed to workers'")
    op.execute("create index shared_windows_by_batch on shared_windows (batch_id, position)")
    op.execute("create index shared_windows_by_age on shared_windows (created_at)")


def downgrade() -> None:
    op.execute("drop table shared_windows")
    op.execute("drop table workers")
    op.execute(f"drop schema {SCHEMA} cascade")
