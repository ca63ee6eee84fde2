"""Rounds of failures of a backfill, and since when a window is claimed."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

CREATE = (
    "alter table backfills add column held_at timestamptz, add column failing_since timestamptz",
    "comment on column backfills.held_at is 'when the source was last found to be down; a failure of what was claimed before is of the same round'",
    "comment on column backfills.failing_since is 'the first window since the last answer that had none'",
    "comment on column backfills.failures_in_row is 'windows the source did not answer since the last it did, then one for each round'",
    "comment on column backfills.concurrency is 'windows under way at most at once, over all processes; how many there are follows what they take'",
    "alter table backfill_chunks add column claimed_at timestamptz",
    "comment on column backfill_chunks.claimed_at is 'the begin of the latest claim'",
)


def upgrade() -> None:
    for statement in CREATE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("alter table backfill_chunks drop column claimed_at")
    op.execute("alter table backfills drop column failing_since, drop column held_at")
