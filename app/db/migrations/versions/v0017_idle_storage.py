"""Coverage that takes storage which stands still for idle, as the analysis of gaps does."""

# ruff: noqa: S608  statements are made of constants

from __future__ import annotations

from alembic import op

from app.db.migrations.versions.v0005_views import KEY, VIEWS

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NAME = "v_coverage_daily"
STORAGE = "('B10', 'B25')"

# What the analysis knows of a series is kept as gaps: of storage nothing else says whether it lacks a value.
QUERY = f"""
    select
        {KEY},
        days.day::date as day,
        days.day at time zone 'UTC' as day_start,
        r.code as resolution,
        coalesce(c.stored, 0) as stored,
        counted.expected,
        coalesce(c.stored, 0) / nullif(counted.expected, 0)::double precision as coverage
    from v_series as s
    cross join lateral (
        select resolution, min(day) as first_day, max(day) as last_day
        from daily_counts
        where series_id = s.series_id
        group by resolution
    ) as extent
    join resolutions as r on r.id = extent.resolution and r.seconds is not null
    cross join lateral generate_series(extent.first_day::timestamp, extent.last_day, interval '1 day') as days (day)
    left join daily_counts as c
        on c.series_id = s.series_id and c.day = days.day::date and c.resolution = extent.resolution
    cross join lateral (
        select case when s.psr_type not in {STORAGE} then 86400 / r.seconds else coalesce(c.stored, 0) + (
            select coalesce(sum(extract(epoch from
                least(gap_end, (days.day + interval '1 day') at time zone 'UTC')
                - greatest(gap_start, days.day at time zone 'UTC')
            )), 0) / r.seconds
            from gaps
            where
                gaps.item = s.item
                and gaps.area = s.area_eic
                and gaps.series_id = s.series_id
                and gaps.resolution = extent.resolution
                and gap_start < (days.day + interval '1 day') at time zone 'UTC'
                and gap_end > days.day at time zone 'UTC'
        )::integer end as expected
    ) as counted
"""


def upgrade() -> None:
    op.execute(f"create or replace view {NAME} as {QUERY}")


def downgrade() -> None:
    op.execute(f"create or replace view {NAME} as {VIEWS[NAME][1]}")
