"""What checks saw at the other end: certificates by their fingerprint, connections where they changed, single attempts."""

from __future__ import annotations

from alembic import op

revision = "0152"
down_revision = "0151"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table certificates (
        fingerprint   bytea primary key check (octet_length(fingerprint) = 32),
        subject       text not null,
        name          text not null,
        names         text[] not null,
        issuer        text not null,
        begins_at     timestamptz not null,
        ends_at       timestamptz not null,
        first_seen_at timestamptz not null
    )
    """,
    "comment on table certificates is 'Certificates that servers have shown'",
    "comment on column certificates.fingerprint is 'SHA-256 of the certificate'",
    "comment on column certificates.names is 'for which it is: subject alternative names'",
    """
    create table website_connections (
        website_id    bigint not null,
        region        text not null,
        at            timestamptz not null,
        fingerprint   bytea,
        problem       text not null,
        chain_ends_at timestamptz,
        tls_version   text not null,
        http_version  text not null,
        addresses     text[] not null,
        primary key (website_id, region, at)
    )
    """,
    "create index website_connections_by_certificate on website_connections (fingerprint)",
    "create index website_connections_by_time on website_connections (at)",
    "comment on table website_connections is 'What a website is reached by, a row whenever that changed'",
    "comment on column website_connections.problem is 'why its certificate is not trusted; empty where it is'",
    "comment on column website_connections.addresses is 'answers of DNS; others only where none of them was there before'",
    "alter table website_checks add column details jsonb",
    "comment on column website_checks.details is 'each attempt of several, redirects, proxy, and the addresses of one that failed'",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("alter table website_checks drop column details")
    op.execute("drop table website_connections")
    op.execute("drop table certificates")
