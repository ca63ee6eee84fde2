"""Gaps with their reasons, and the history of the market time unit of each series."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CREATE = (
    """
    create table mtu_history (
        series_id  integer not null,
        valid_from timestamptz not null,
        resolution smallint not null references resolutions,
        decided_at timestamptz not null,
        primary key (series_id, valid_from)
    )
    """,
    "comment on table mtu_history is 'Which resolution is the current one of a series, from when on, as the stored values tell'",
    """
    create table gaps (
        gap_id     bigint generated always as identity primary key,
        item       text not null,
        area       text not null,
        series_id  integer,
        gap_start  timestamptz not null,
        gap_end    timestamptz not null check (gap_end > gap_start),
        resolution smallint not null references resolutions,
        missing    integer not null check (missing > 0),
        reason     text not null check (reason in ('late', 'missing_at_source', 'ours')),
        since      timestamptz not null,
        found_at   timestamptz not null,
        constraint gaps_place unique nulls not distinct (item, area, series_id, gap_start)
    )
    """,
    "comment on table gaps is 'What the last analysis of each interval found; values that are not due yet are no rows'",
    "comment on column gaps.series_id is 'of series; null: the whole item of the area, of which no series is known there'",
    "comment on column gaps.missing is 'number of market time units of the resolution'",
    "comment on column gaps.since is 'when the first of the missing values was due'",
    "create index collection_runs_window on collection_runs (item, area, window_end)",
)

DROP = ("drop index collection_runs_window", "drop table gaps", "drop table mtu_history")


def upgrade() -> None:
    for statement in CREATE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DROP:
        op.execute(statement)
