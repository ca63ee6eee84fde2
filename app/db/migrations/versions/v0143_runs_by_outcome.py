"""Runs of jobs by outcome: those that went wrong are few among many, and are looked for."""

from __future__ import annotations

from alembic import op

revision = "0143"
down_revision = "0142"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        create index job_runs_by_outcome on job_runs (outcome, scheduled_for desc, job)
        where outcome not in ('succeeded', 'nothing_due')
        """
    )


def downgrade() -> None:
    op.execute("drop index job_runs_by_outcome")
