"""What all processes did: attempts at messages, messages that take along whoever sends them, what scans have written."""

from __future__ import annotations

from alembic import op

revision = "0154"
down_revision = "0153"
branch_labels = None
depends_on = None

STATEMENTS = (
    "alter table notifications add column lost integer not null default 0",
    "comment on column notifications.lost is 'so many in a row took it and said nothing more of it'",
    """
    create table delivery_totals (
        channel  text not null,
        verdict  text not null,
        attempts bigint not null,
        primary key (channel, verdict)
    )
    """,
    "comment on table delivery_totals is 'Attempts at messages by what came of them, in all processes'",
    "alter table quality_scans add column scores_written integer",
    "alter table quality_scans add column findings_written integer",
    "comment on column quality_scans.findings_written is 'so many did the last scan of the series change'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("alter table quality_scans drop column findings_written")
    op.execute("alter table quality_scans drop column scores_written")
    op.execute("drop table delivery_totals")
    op.execute("alter table notifications drop column lost")
