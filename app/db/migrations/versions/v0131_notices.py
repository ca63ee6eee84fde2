"""Notices name the topic of an event, and tell of messages: who waits for one thing is not woken for all others."""

from __future__ import annotations

from alembic import op

revision = "0131"
down_revision = "0130"
branch_labels = None
depends_on = None

_TELL = """
    create or replace function tell_of_events() returns trigger language plpgsql as $$
        begin
            {body}
            return null;
        end
    $$
"""
TOPICS = (
    _TELL.format(body="perform pg_notify('gridkeeper_events', topic) from (select distinct topic from added) as told;"),
    "drop trigger tell_of_events on events",
    """
    create trigger tell_of_events after insert on events
    referencing new table as added
    for each statement execute function tell_of_events()
    """,
)
WITHOUT_TOPICS = (
    _TELL.format(body="perform pg_notify('gridkeeper_events', '');"),
    "drop trigger tell_of_events on events",
    "create trigger tell_of_events after insert on events for each statement execute function tell_of_events()",
)
OUTBOX = (
    """
    create function tell_of_messages() returns trigger language plpgsql as $$
        begin
            perform pg_notify('gridkeeper_outbox', '');
            return null;
        end
    $$
    """,
    """
    create trigger tell_of_new_messages after insert on notifications
    for each statement execute function tell_of_messages()
    """,
    """
    create trigger tell_of_messages after update on notifications
    for each row when (new.status = 'waiting' and old.status <> 'waiting') execute function tell_of_messages()
    """,
)


def upgrade() -> None:
    for statement in (*TOPICS, *OUTBOX):
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop function tell_of_messages() cascade")
    for statement in WITHOUT_TOPICS:
        op.execute(statement)
