"""What really reached people, which channels the running replicas know, and when a disabled one is tried again."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

UPGRADE: tuple[str, ...] = (
    "alter table alert_events add column delivered text[] not null default '{}'",
    "comment on column alert_events.delivered is 'the channels that have taken a message which tells it'",
    "alter table channel_states add column seen_at timestamptz, add column try_at timestamptz",
    "comment on column channel_states.seen_at is 'when a replica last had the channel in its file'",
    "comment on column channel_states.try_at is 'when a disabled channel is tried again with one message'",
)
DOWNGRADE: tuple[str, ...] = (
    "alter table channel_states drop column seen_at, drop column try_at",
    "alter table alert_events drop column delivered",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
