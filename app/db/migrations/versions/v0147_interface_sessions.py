"""Sessions of logins that processes share, sealed, and which process logs in."""

from __future__ import annotations

from alembic import op

revision = "0147"
down_revision = "0146"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        alter table interface_tokens
            alter column sealed drop not null,
            add column session    text,
            add column holder     text,
            add column held_until timestamptz,
            add column problem    text not null default '',
            add column removed_at timestamptz
    """)
    _comment(
        "table interface_tokens", "What logins of interfaces keep, encrypted with the key of the secrets of websites"
    )
    _comment("column interface_tokens.sealed", "the newest refresh token")
    _comment("column interface_tokens.session", "the access token or the cookies that all processes use")
    _comment("column interface_tokens.holder", "the process that logs in until held_until, or whose login failed")
    _comment("column interface_tokens.problem", "why it failed; nobody tries again before held_until")
    _comment("column interface_tokens.removed_at", "since when the file has no such login")


def _comment(on: str, said: str) -> None:
    op.execute(f"comment on {on} is '{said}'")


def downgrade() -> None:
    op.execute("delete from interface_tokens where sealed is null")
    op.execute("""
        alter table interface_tokens
            alter column sealed set not null,
            drop column session,
            drop column holder,
            drop column held_until,
            drop column problem,
            drop column removed_at
    """)
