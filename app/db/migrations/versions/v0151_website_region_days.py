"""How long good checks of each region took in each day: a region that lies further away is not slower than it was."""

from __future__ import annotations

from alembic import op

revision = "0151"
down_revision = "0150"
branch_labels = None
depends_on = None

TABLE = """
    create table website_region_days (
        website_id bigint not null,
        region     text not null,
        start_at   timestamptz not null,
        good       integer not null,
        total_ms   double precision not null,
        primary key (website_id, region, start_at)
    )
"""
# What is there of the four weeks that the rule `website_slow` reads.
FILL = """
    insert into website_region_days (website_id, region, start_at, good, total_ms)
    select c.website_id, c.region, date_trunc('day', c.at, 'UTC'), count(*), sum(c.total_ms::float8)
    from websites as w
    join website_checks as c using (website_id)
    where
        w.regions <> '{}' and c.region <> '' and c.ok
        and c.at >= date_trunc('day', now(), 'UTC') - interval '28 days' and c.at < date_trunc('day', now(), 'UTC')
    group by 1, 2, 3
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("create index website_region_days_by_time on website_region_days (start_at)")
    op.execute(
        "comment on table website_region_days is 'Good checks of each region of websites that name regions, in each day of UTC'"
    )
    op.execute("comment on column website_region_days.total_ms is 'of all good checks'")
    op.execute(FILL)


def downgrade() -> None:
    op.execute("drop table website_region_days")
