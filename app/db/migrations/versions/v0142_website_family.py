"""Addresses of which kind a website is checked over."""

from __future__ import annotations

from alembic import op

revision = "0142"
down_revision = "0141"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        alter table websites
        add column address_family text not null default 'any' check (address_family in ('any', 'ipv4', 'ipv6'))
    """)
    op.execute("comment on column websites.address_family is 'addresses of which kind are connected to'")


def downgrade() -> None:
    op.execute("alter table websites drop column address_family")
