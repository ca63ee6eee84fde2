"""Which questions have been answered, so that the answer to an earlier one takes nothing back."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

CREATE = (
    "create sequence questions",
    "comment on sequence questions is 'The order in which the sources were asked, over all processes'",
    # Unlogged: each answer adds a row, also where nothing changed, which would cost more log than all the rest of it.
    """
    create unlogged table answer_spans (
        question    bigint not null,
        lock        integer not null,
        series_ids  integer[] not null,
        resolution  smallint,
        span_start  timestamptz not null,
        span_end    timestamptz not null check (span_end > span_start),
        answered_at timestamptz not null default clock_timestamp()
    )
    """,
    "create index answer_spans_order on answer_spans (lock, question)",
    "create index answer_spans_age on answer_spans (answered_at)",
    "comment on table answer_spans is 'What each answer of the last day spoke of; an answer to an earlier question changes nothing there'",
    "comment on column answer_spans.lock is 'digest of source, item and area, as of the advisory lock of the store'",
    "comment on column answer_spans.resolution is 'null: all units wholly within the span, else those of this one that start there'",
    """
    create unlogged table answer_floor (
        only_row boolean primary key default true check (only_row),
        question bigint not null
    )
    """,
    "insert into answer_floor (question) values (0)",
    "comment on table answer_floor is 'Answers to questions up to this one are refused: what later ones said is forgotten'",
)


def upgrade() -> None:
    for statement in CREATE:
        op.execute(statement)


def downgrade() -> None:
    op.execute("drop table answer_floor, answer_spans")
    op.execute("drop sequence questions")
