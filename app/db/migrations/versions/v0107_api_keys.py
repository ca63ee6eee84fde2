"""Keys of the REST API, and the record of what was changed over it."""

from __future__ import annotations

from alembic import op

revision = "0107"
down_revision = "0106"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table api_keys (
        key_id         bigint generated always as identity primary key,
        name           text not null check (name <> ''),
        digest         bytea not null unique check (octet_length(digest) = 32),
        hint           text not null,
        scope          text not null check (scope in ('read', 'operate', 'admin')),
        areas          text[] not null default '{}',
        items          text[] not null default '{}',
        created_at     timestamptz not null,
        created_by     text not null,
        expires_at     timestamptz,
        revoked_at     timestamptz,
        last_used_at   timestamptz,
        last_used_from text not null default '',
        requests       bigint not null default 0
    )
    """,
    # A name is free again once its key is revoked.
    "create unique index api_keys_name on api_keys (name) where revoked_at is null",
    "comment on table api_keys is 'Keys of the REST API; of each only a digest is stored'",
    "comment on column api_keys.digest is 'SHA-256 of the key, which is 256 random bits'",
    "comment on column api_keys.hint is 'how the key begins'",
    "comment on column api_keys.areas is 'EICs that it may read; empty: all'",
    "comment on column api_keys.items is 'data items that it may read; empty: all'",
    "comment on column api_keys.requests is 'counted in memory, written every few seconds'",
    """
    create table api_audit (
        audit_id   bigint generated always as identity primary key,
        at         timestamptz not null,
        actor      text not null,
        key_id     bigint references api_keys,
        action     text not null,
        target     text not null default '',
        address    text not null default '',
        request_id text not null default '',
        status     smallint,
        details    jsonb not null default '{}'
    )
    """,
    "create index api_audit_at on api_audit (at)",
    "create index api_audit_actor on api_audit (actor, audit_id)",
    "comment on table api_audit is 'Every change that was made over the REST API, and every change of its keys'",
    "comment on column api_audit.actor is 'name of the key; of a command, user and host'",
    "comment on column api_audit.status is 'what was answered; null: a command, or nobody knows because the process ended'",
    "comment on column api_audit.address is 'where the request came from; empty: a command on this machine'",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table api_audit, api_keys")
