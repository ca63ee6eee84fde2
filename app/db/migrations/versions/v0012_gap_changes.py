"""How gaps came and went."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CREATE: tuple[str, ...] = (
    """
    create table gap_changes (
        change_id    bigint generated always as identity primary key,
        at           timestamptz not null,
        item         text not null,
        area         text not null,
        series_id    integer,
        change_start timestamptz not null,
        change_end   timestamptz not null check (change_end > change_start),
        resolution   smallint not null references resolutions,
        missing      integer not null check (missing > 0),
        was          text,
        reason       text,
        since        timestamptz not null,
        whole        boolean not null,
        constraint gap_changes_change check (was is distinct from reason)
    )
    """,
    "create index gap_changes_at on gap_changes (at)",
    "comment on table gap_changes is 'How gaps came and went, written with the gaps: what was no gap before or is none now, and what has another reason'",
    "comment on column gap_changes.was is 'its reason until then; null: it was no gap'",
    "comment on column gap_changes.reason is 'its reason since then; null: it is no gap any more'",
    "comment on column gap_changes.since is 'when the first missing value of its gap was due'",
    "comment on column gap_changes.whole is 'whether it is a whole gap; false: a gap that is older grew or shrank'",
)
DROP: tuple[str, ...] = ("drop table gap_changes",)


def upgrade() -> None:
    for statement in CREATE:
        op.execute(statement)


def downgrade() -> None:
    for statement in DROP:
        op.execute(statement)
