"""Which file owns a website."""

from __future__ import annotations

from alembic import op

revision = "0134"
down_revision = "0133"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table websites add column managed_by text not null default ''")
    op.execute("comment on column websites.managed_by is 'the file that owns it, which nobody else changes'")


def downgrade() -> None:
    op.execute("alter table websites drop column managed_by")
