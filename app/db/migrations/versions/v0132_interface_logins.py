"""Which login a service of interfaces has, so that one that fails is one alert."""

from __future__ import annotations

from alembic import op

revision = "0132"
down_revision = "0131"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table interface_services add column auth text not null default ''")
    op.execute("comment on column interface_services.auth is 'name of its login in the file of interfaces'")


def downgrade() -> None:
    op.execute("alter table interface_services drop column auth")
