"""Jobs of the scheduler, their runs, and who leads."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CREATE = (
    """
    create table scheduler_leader (
        only_row      boolean primary key default true check (only_row),
        epoch         bigint not null default 0,
        holder        text not null default '',
        backend_pid   integer,
        backend_start timestamptz,
        acquired_at   timestamptz,
        heartbeat_at  timestamptz not null default '-infinity'
    )
    """,
    "insert into scheduler_leader default values",
    "comment on table scheduler_leader is 'Which process plans; its epoch fences everything that an earlier leader still wants'",
    "comment on column scheduler_leader.backend_pid is 'the session that holds the lock; a standby ends it when the heartbeat is old'",
    """
    create table scheduler_jobs (
        id            varchar(191) primary key,
        next_run_time double precision,
        job_state     bytea not null,
        paused        boolean not null default false,
        unreadable    text not null default ''
    )
    """,
    "create index scheduler_jobs_next_run on scheduler_jobs (next_run_time)",
    "comment on column scheduler_jobs.next_run_time is 'seconds since 1970; kept while the job is paused'",
    "comment on column scheduler_jobs.unreadable is 'why job_state cannot be used; such a job is parked and never deleted'",
    """
    create table job_runs (
        job             text not null,
        scheduled_for   timestamptz not null,
        epoch           bigint,
        trigger         text not null check (trigger in ('cron', 'catch-up', 'manual', 'api')),
        kind            text not null,
        params          jsonb not null default '{}',
        attempt         integer not null default 0,
        outcome         text check (
            outcome in (
                'running', 'succeeded', 'nothing_due', 'partial', 'failed', 'skipped', 'missed', 'interrupted'
            )
        ),
        started_at      timestamptz,
        finished_at     timestamptz,
        lateness        double precision,
        summary         text not null default '',
        skipped         text[] not null default '{}',
        error           text not null default '',
        next_attempt_at timestamptz,
        primary key (job, scheduled_for)
    )
    """,
    "create index job_runs_waiting on job_runs (next_attempt_at) where next_attempt_at is not null",
    "create index job_runs_running on job_runs (epoch) where outcome = 'running'",
    "create index job_runs_scheduled_for on job_runs (scheduled_for)",
    "create index collection_runs_finished on collection_runs (finished_at)",
    "comment on table job_runs is 'A ticket for each run: no row, no run; one row for each job and slot whoever asks'",
    "comment on column job_runs.epoch is 'of the leader that runs it; null for a run outside the service'",
    "comment on column job_runs.lateness is 'seconds from scheduled_for to the start of the first attempt'",
    "comment on column job_runs.next_attempt_at is 'when the run is to be tried (again); null: it is under way or done'",
)


def upgrade() -> None:
    for statement in CREATE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop index collection_runs_finished")
    for table in ("job_runs", "scheduler_jobs", "scheduler_leader"):
        op.execute(f"drop table {table}")
