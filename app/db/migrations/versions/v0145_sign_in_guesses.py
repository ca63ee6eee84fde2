"""Wrong passwords and keys, counted for all processes."""

from __future__ import annotations

from alembic import op

revision = "0145"
down_revision = "0144"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        create table sign_in_guesses (
            guesser bytea primary key,
            free_at timestamptz not null
        )
    """)
    op.execute("comment on table sign_in_guesses is 'How much of its limit of wrong passwords or keys whom has used'")
    op.execute(
        "comment on column sign_in_guesses.guesser is 'digest of an address or of a name, and of what is guessed'"
    )
    op.execute(
        "comment on column sign_in_guesses.free_at is 'when nothing counts any more; over a minute ahead: waits'"
    )


def downgrade() -> None:
    op.execute("drop table sign_in_guesses")
