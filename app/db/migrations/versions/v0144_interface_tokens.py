"""Refresh tokens of logins, sealed: a service that exchanges them takes the old one no more."""

from __future__ import annotations

from alembic import op

revision = "0144"
down_revision = "0143"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        create table interface_tokens (
            login   text primary key,
            sealed  text not null,
            kept_at timestamptz not null
        )
    """)
    op.execute("comment on table interface_tokens is 'The newest refresh token of each login, encrypted'")
    op.execute("comment on column interface_tokens.sealed is 'with the key of the secrets of websites'")


def downgrade() -> None:
    op.execute("drop table interface_tokens")
