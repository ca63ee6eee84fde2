"""Results of websites, added up by hour and by day."""

from __future__ import annotations

from alembic import op

revision = "0135"
down_revision = "0134"
branch_labels = None
depends_on = None

TABLE = """
    create table {name} (
        website_id  bigint not null,
        start_at    timestamptz not null,
        checks      integer not null,
        good        integer not null,
        ours        integer not null,
        total_ms    double precision not null,
        shortest_ms real,
        longest_ms  real,
        buckets     integer[] not null,
        counts      integer[] not null,
        primary key (website_id, start_at)
    )
"""
TABLES = {"website_hours": "hour", "website_days": "day of UTC"}


def upgrade() -> None:
    for name, length in TABLES.items():
        op.execute(TABLE.format(name=name))
        op.execute(f"comment on table {name} is 'The checks of each website in each {length}, added up'")
        op.execute(f"comment on column {name}.ours is 'failed because of this machine, and counted for nothing'")
        op.execute(f"comment on column {name}.total_ms is 'of good checks, as the following columns'")
        op.execute(
            f"comment on column {name}.buckets is 'latencies by size: number n is 0.1 ms times 1.1 to the n and above'"
        )
    op.execute("create index website_hours_by_time on website_hours (start_at)")
    op.execute("create index website_days_by_time on website_days (start_at)")


def downgrade() -> None:
    # A hypertable is dropped by itself.
    for name in TABLES:
        op.execute(f"drop table {name}")
