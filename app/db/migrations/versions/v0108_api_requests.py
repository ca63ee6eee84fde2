"""Requests of the REST API that carry an Idempotency-Key, with what was answered."""

from __future__ import annotations

from alembic import op

revision = "0108"
down_revision = "0107"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table api_requests (
        key_id       bigint not null references api_keys,
        key          text not null,
        digest       bytea not null,
        at           timestamptz not null,
        status       smallint,
        content_type text not null default '',
        body         bytea not null default '',
        primary key (key_id, key)
    )
    """,
    "create index api_requests_at on api_requests (at)",
    "comment on table api_requests is 'Requests with an Idempotency-Key, so that each does its work once'",
    "comment on column api_requests.digest is 'of method, path, parameters and body: the same key with others is an error'",
    "comment on column api_requests.status is 'what was answered; null: it is under way, or its process ended'",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table api_requests")
