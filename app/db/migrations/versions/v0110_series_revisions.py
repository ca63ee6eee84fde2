"""How often each series was written to, so that an unchanged answer is known without its values."""

from __future__ import annotations

from alembic import op

revision = "0110"
down_revision = "0109"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table series_revisions (
        series_id  integer primary key,
        revision   bigint not null,
        changed_at timestamptz not null
    )
    """,
    "comment on table series_revisions is 'How often each series was written to since this is counted, and when last'",
    "comment on column series_revisions.changed_at is 'of the server, whenever the values count as learned'",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table series_revisions")
