"""Shards of probes, which processes hold for a while, so that several of them share the checks."""

from __future__ import annotations

from alembic import op

revision = "0125"
down_revision = "0112"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table probe_shards (
        work       text not null,
        shard      smallint not null check (shard between 0 and 63),
        holder     text,
        held_until timestamptz,
        primary key (work, shard),
        check ((holder is null) = (held_until is null))
    ) with (fillfactor = 50)
    """,
    """
    create table probe_holders (
        work       text not null,
        holder     text not null,
        seen_until timestamptz not null,
        primary key (work, holder)
    ) with (fillfactor = 50)
    """,
    "comment on table probe_shards is 'Parts of the work of probes, and which process holds each for how long'",
    "comment on column probe_shards.work is 'what is shared out: websites'",
    "comment on column probe_shards.shard is 'the number of a probe modulo 64'",
    "comment on table probe_holders is 'The processes that take part in the work of probes'",
    "comment on column probe_holders.seen_until is 'how long it counts as present, without a further word of it'",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    for table in ("probe_shards", "probe_holders"):
        op.execute(f"drop table {table}")
