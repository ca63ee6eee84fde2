"""Pictures that the owner released under an address that cannot be guessed."""

from __future__ import annotations

from alembic import op

revision = "0133"
down_revision = "0132"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table released_views (
        view_id    bigint generated always as identity primary key,
        digest     bytea not null unique check (octet_length(digest) = 32),
        hint       text not null,
        name       text not null check (name <> ''),
        kind       text not null check (kind in ('chart', 'value', 'freshness', 'status')),
        series_id  integer references series,
        item       text not null default '',
        area       text not null default '',
        days       smallint not null default 7,
        created_at timestamptz not null,
        created_by text not null,
        revoked_at timestamptz
    )
    """,
    "create unique index released_views_name on released_views (name) where revoked_at is null",
    "comment on table released_views is 'Charts and badges that anybody may see who has their address'",
    "comment on column released_views.digest is 'SHA-256 of the secret part of the address'",
    "comment on column released_views.hint is 'how the secret part begins'",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table released_views")
