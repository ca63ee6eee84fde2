"""Ranges that people asked for, and times in which the source wrongly said that it has nothing."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

CREATE: tuple[str, ...] = (
    """
    create table asked_ranges (
        range_id    bigint generated always as identity primary key,
        item        text not null,
        area        text not null,
        range_start timestamptz not null,
        range_end   timestamptz not null check (range_end > range_start),
        asked_at    timestamptz not null default now(),
        backfill_id bigint,
        constraint asked_ranges_once unique nulls not distinct (item, area, range_start, range_end, backfill_id)
    )
    """,
    "comment on table asked_ranges is 'What people asked for: whatever is missing there stays asked for, also outside the plan'",
    "comment on column asked_ranges.backfill_id is 'of backfills, which may have been deleted since; null: of gridkeeper collect'",
    """
    create table empty_incidents (
        incident_id bigint generated always as identity primary key,
        began_at    timestamptz not null,
        ended_at    timestamptz check (ended_at >= began_at),
        windows     integer not null check (windows > 0),
        summary     text not null
    )
    """,
    "create unique index empty_incidents_open on empty_incidents ((true)) where ended_at is null",
    "comment on table empty_incidents is 'Times in which many windows came back empty although values are expected: these answers prove nothing'",
    "comment on column empty_incidents.ended_at is 'when windows had data again; null: it lasts'",
)
DROP: tuple[str, ...] = ("drop table empty_incidents", "drop table asked_ranges")


def upgrade() -> None:
    for statement in CREATE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DROP:
        op.execute(statement)
