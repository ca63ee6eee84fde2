"""Websites show a certificate of their own to servers that ask for one, and may be reached through a proxy."""

from __future__ import annotations

from alembic import op

revision = "0148"
down_revision = "0147"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        alter table websites
        add column client_certificate text not null default '',
        add column client_key text not null default '',
        add column proxy text not null default ''
    """)
    op.execute("comment on column websites.client_certificate is 'PEM that a server is shown, encrypted; empty: none'")
    op.execute(
        "comment on column websites.client_key is 'PEM of its key, encrypted; empty: it stands with the certificate'"
    )
    op.execute("comment on column websites.proxy is 'address of the proxy with its login, encrypted; empty: none'")


def downgrade() -> None:
    op.execute("alter table websites drop column client_certificate, drop column client_key, drop column proxy")
