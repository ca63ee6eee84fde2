"""Backfills and their windows, and the lanes of the budget for work that may wait."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CREATE = (
    """
    create table backfills (
        backfill_id      bigint generated always as identity primary key,
        created_at       timestamptz not null default now(),
        description      text not null,
        reprocess        text not null check (reprocess in ('missing', 'missing+failed', 'all')),
        newest_first     boolean not null,
        concurrency      smallint not null check (concurrency > 0),
        paused_at        timestamptz,
        pause_reason     text not null default '',
        held_until       timestamptz,
        failures_in_row  integer not null default 0,
        last_error       text not null default '',
        slowed_at        timestamptz,
        slowed_by        text not null default '',
        cancelled_at     timestamptz,
        finished_at      timestamptz,
        constraint backfills_one_end check (cancelled_at is null or finished_at is null),
        constraint backfills_end_unpaused check (paused_at is null or (cancelled_at is null and finished_at is null))
    )
    """,
    "create index backfills_open on backfills (backfill_id) where cancelled_at is null and finished_at is null",
    "comment on table backfills is 'Ranges of history to collect; finished when every planned window has ended'",
    "comment on column backfills.concurrency is 'windows under way at once, over all processes'",
    "comment on column backfills.held_until is 'the source does not answer: no window is claimed before'",
    "comment on column backfills.failures_in_row is 'windows the source did not answer since the last it did'",
    "comment on column backfills.slowed_by is 'why a process did less than it might at slowed_at'",
    """
    create table backfill_chunks (
        chunk_id      bigint generated always as identity primary key,
        backfill_id   bigint not null references backfills on delete cascade,
        position      integer not null,
        item          text not null,
        area          text not null,
        window_start  timestamptz not null,
        window_end    timestamptz not null check (window_end > window_start),
        state         text not null default 'pending'
            check (state in ('pending', 'claimed', 'stored', 'empty', 'failed', 'cancelled')),
        attempts      integer not null default 0,
        not_before    timestamptz not null default '-infinity',
        claimed_by    text not null default '',
        lease         uuid,
        lease_until   timestamptz,
        run_id        bigint references collection_runs on delete set null,
        requests      integer not null default 0,
        error_class   text not null default '',
        error_message text not null default '',
        ended_at      timestamptz,
        constraint backfill_chunks_window unique (backfill_id, item, area, window_start),
        constraint backfill_chunks_lease check ((state = 'claimed') = (lease is not null and lease_until is not null)),
        constraint backfill_chunks_end check (
            (state in ('stored', 'empty', 'failed', 'cancelled')) = (ended_at is not null)
        )
    )
    """,
    """
    create index backfill_chunks_open on backfill_chunks (backfill_id, attempts, position)
        where state in ('pending', 'claimed')
    """,
    "create index backfill_chunks_run on backfill_chunks (run_id)",
    "comment on table backfill_chunks is 'One window each; the rows are the truth, a queue only says that there is work'",
    "comment on column backfill_chunks.attempts is 'how often it was claimed and not handed back'",
    "comment on column backfill_chunks.lease is 'of the claim that may end the window; each claim has its own'",
    "comment on column backfill_chunks.lease_until is 'after this moment anybody may claim the window'",
    """
    alter table token_budgets
        add column gap_due timestamptz,
        add column gap_waits_until timestamptz,
        add column backfill_due timestamptz
    """,
    "comment on column token_budgets.gap_due is 'when the lane of gaps has a right to its next slot, whoever else waits'",
    "comment on column token_budgets.gap_waits_until is 'until then backfill leaves free slots to the lane of gaps'",
    "comment on column token_budgets.backfill_due is 'like gap_due, for backfill: its guaranteed share'",
)

DROP = (
    "alter table token_budgets drop column backfill_due, drop column gap_waits_until, drop column gap_due",
    "drop table backfill_chunks",
    "drop table backfills",
)


def upgrade() -> None:
    for statement in CREATE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DROP:
        op.execute(statement)
