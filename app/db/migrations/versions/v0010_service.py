"""Additions to gaps, jobs and backfills."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CREATE: tuple[str, ...] = (
    "alter table job_runs add column runner text not null default ''",
    "comment on column job_runs.runner is 'host and process id of who runs or ran it; empty before this version'",
)
DROP: tuple[str, ...] = ("alter table job_runs drop column runner",)


def upgrade() -> None:
    for statement in CREATE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DROP:
        op.execute(statement)
