"""The log of what the store wrote, by which a reader follows it in the order of its transactions."""

from __future__ import annotations

from alembic import op

revision = "0109"
down_revision = "0108"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table change_batches (
        system_id     bigint not null default (pg_control_system()).system_identifier,
        xid           bigint not null default pg_current_xact_id()::text::bigint,
        recorded_at   timestamptz not null,
        series_ids    integer[] not null,
        first_start   timestamptz not null,
        last_start    timestamptz not null,
        new_rows      integer not null,
        replaced_rows integer not null,
        at            timestamptz not null default now(),
        primary key (system_id, xid)
    )
    """,
    "create index change_batches_recorded_at on change_batches (recorded_at)",
    "create index change_batches_at on change_batches (at)",
    "comment on table change_batches is 'One row for each transaction that changed values: where they are, never what they are'",
    "comment on column change_batches.system_id is 'of the server: transactions of another one are numbered otherwise'",
    "comment on column change_batches.xid is 'the transaction, an xid8; 0: the beginning of the log, which names no values'",
    "comment on column change_batches.recorded_at is 'of every value of the batch; no two batches that overlap share it'",
    "comment on column change_batches.series_ids is 'ascending'",
    "comment on column change_batches.replaced_rows is 'values that were revised or vanished'",
    """
    create function tell_of_changes() returns trigger language plpgsql as $$
    begin
        perform pg_notify('gridkeeper_changes', '');
        return null;
    end $$
    """,
    """
    create trigger tell_of_changes after insert on change_batches
    for each statement execute function tell_of_changes()
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table change_batches")
    op.execute("drop function tell_of_changes()")
