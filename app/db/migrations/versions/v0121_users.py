"""Users who sign in to the pages with a password, and the sessions of their browsers."""

from __future__ import annotations

from alembic import op

revision = "0121"
down_revision = "0125"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table users (
        user_id         bigint generated always as identity primary key,
        name            text not null check (name <> ''),
        password_digest text not null default '',
        scope           text not null check (scope in ('read', 'operate', 'admin')),
        areas           text[] not null default '{}',
        items           text[] not null default '{}',
        created_at      timestamptz not null,
        created_by      text not null,
        password_at     timestamptz,
        disabled_at     timestamptz,
        removed_at      timestamptz,
        signed_in_at    timestamptz,
        signed_in_from  text not null default ''
    )
    """,
    # A name is free again once its user is removed.
    "create unique index users_name on users (lower(name)) where removed_at is null",
    "comment on table users is 'People who sign in to the pages'",
    "comment on column users.password_digest is 'argon2id with its parameters and salt; empty: only a proxy names the user'",
    "comment on column users.areas is 'EICs that the user may read; empty: all'",
    "comment on column users.items is 'data items that the user may read; empty: all'",
    "comment on column users.signed_in_at is 'the last sign-in with the password'",
    """
    create table browser_sessions (
        session_id  bigint generated always as identity primary key,
        digest      bytea not null unique check (octet_length(digest) = 32),
        user_id     bigint references users,
        key_id      bigint references api_keys,
        created_at  timestamptz not null,
        seen_at     timestamptz not null,
        valid_until timestamptz not null,
        ends_at     timestamptz not null,
        address     text not null default '',
        browser     text not null default '',
        check (num_nonnulls(user_id, key_id) = 1)
    )
    """,
    "create index browser_sessions_user on browser_sessions (user_id) where user_id is not null",
    "create index browser_sessions_valid on browser_sessions (valid_until)",
    "comment on table browser_sessions is 'Browsers that have signed in as a user or with a key'",
    "comment on column browser_sessions.digest is 'SHA-256 of the random id in the cookie'",
    "comment on column browser_sessions.valid_until is 'moves on while the browser is used, up to ends_at'",
    "comment on column browser_sessions.browser is 'how it called itself'",
    """
    create table user_requests (
        user_id      bigint not null references users,
        key          text not null,
        digest       bytea not null,
        at           timestamptz not null,
        status       smallint,
        content_type text not null default '',
        body         bytea not null default '',
        primary key (user_id, key)
    )
    """,
    "create index user_requests_at on user_requests (at)",
    "comment on table user_requests is 'Forms that a user sent, so that each does its work once'",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table user_requests, browser_sessions, users")
