"""Areas and types of production as tables, and the documented views `v_…` that dashboards and people read."""

# ruff: noqa: S608  statements are made of constants

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table areas (
        eic         text primary key,
        code        text not null unique,
        name        text not null,
        kinds       text[] not null,
        zone        text not null,
        market_days boolean not null,
        since       date,
        until       date
    )
    """,
    "comment on table areas is 'The areas this program knows; every `gridkeeper migrate` writes them anew'",
    "comment on column areas.market_days is 'whether the days of the zone begin with those of Europe/Brussels'",
    """
    create table psr_types (
        code text primary key,
        name text not null
    )
    """,
    """
    insert into psr_types (code, name) values
        ('B01', 'Biomass'),
        ('B02', 'Fossil brown coal'),
        ('B03', 'Fossil coal-derived gas'),
        ('B04', 'Fossil gas'),
        ('B05', 'Fossil hard coal'),
        ('B06', 'Fossil oil'),
        ('B07', 'Fossil oil shale'),
        ('B08', 'Fossil peat'),
        ('B09', 'Geothermal'),
        ('B10', 'Hydro pumped storage'),
        ('B11', 'Hydro run-of-river'),
        ('B12', 'Hydro reservoir'),
        ('B13', 'Marine'),
        ('B14', 'Nuclear'),
        ('B15', 'Other renewable'),
        ('B16', 'Solar'),
        ('B17', 'Waste'),
        ('B18', 'Wind offshore'),
        ('B19', 'Wind onshore'),
        ('B20', 'Other'),
        ('B25', 'Energy storage')
    """,
    "comment on table psr_types is 'Types of production by the code of the platform'",
    "create index observation_revisions_superseded on observation_revisions (superseded_at)",
)


def place(column: str) -> tuple[str, str]:
    """The short form of an EIC or of `OUT>IN`, and the joins it needs."""
    label = f"""
        case when strpos({column}, '>') > 0
            then coalesce(out_place.code, split_part({column}, '>', 1)) || '>' else ''
        end || coalesce(place.code, split_part({column}, '>', -1))
    """
    joins = f"""
        left join areas as place on place.eic = split_part({column}, '>', -1)
        left join areas as out_place on strpos({column}, '>') > 0 and out_place.eic = split_part({column}, '>', 1)
    """
    return label, joins


LABEL, JOINS = place("series.area")
RUN_LABEL, RUN_JOINS = place("collection_runs.area")
GAP_LABEL, GAP_JOINS = place("gaps.area")


def lateral(column: str) -> str:
    """The rows of one series after the other.

    Grouped once more, and that for the planner's sake: it hands the series and the bounds of time down into each group,
    but would read the hours of all series to join them afterwards.
    """
    return f"""
        select
            {column},
            resolution,
            sum(stored)::bigint as stored,
            sum(total) as total,
            min(minimum) as minimum,
            max(maximum) as maximum
        from observations_by_{column}
        where series_id = s.series_id
        group by {column}, resolution
    """


KEY = """
    s.series_id, s.source, s.item, s.area, s.area_eic, s.in_area, s.out_area, s.direction, s.psr_type, s.business_type,
    s.contract, s.sequence, s.flow_direction, s.category, s.unit_eic, s.unit, s.currency
"""

# What v_hourly and v_daily read; where the server has continuous aggregates, `app.db.timescale` replaces these two.
BASES = {
    "observations_by_hour": (
        "Values by hour of UTC; the base of v_hourly",
        """
        select
            series_id,
            resolution,
            date_trunc('hour', delivery_start, 'UTC') as hour,
            count(value) as stored,
            sum(value) as total,
            min(value) as minimum,
            max(value) as maximum
        from observations
        where resolution <= 8
        group by 1, 2, 3
        """,
    ),
    "observations_by_day": (
        "Values by local day of the area; the base of v_daily",
        """
        select
            series_id,
            resolution,
            (delivery_start at time zone zone)::date as day,
            count(value) as stored,
            sum(value) as total,
            min(value) as minimum,
            max(value) as maximum
        from observations
        join series_zones using (series_id)
        where resolution <= 8
        group by 1, 2, 3
        """,
    ),
}

VIEWS = {
    "series_zones": (
        "The time zone in which each series counts its days",
        """
        select
            series_id,
            coalesce(areas.zone, 'Europe/Brussels') as zone,
            coalesce(areas.market_days, true) as market_days
        from series
        left join areas on areas.eic = split_part(series.area, '>', -1)
        """,
    ),
    **BASES,
    "v_areas": (
        "The areas this program knows",
        "select code, eic, name, kinds, zone, since, until from areas",
    ),
    "v_series": (
        "Every series: its key, with the area by its short code, and the zone of its days",
        f"""
        select
            series_id,
            source,
            item,
            {LABEL} as area,
            series.area as area_eic,
            in_area, out_area, direction, psr_type,
            coalesce(psr_types.name, psr_type) as psr_name,
            business_type, contract, sequence, flow_direction, category, unit_eic, unit, currency,
            coalesce(place.zone, 'Europe/Brussels') as zone,
            first_seen
        from series
        left join psr_types on psr_types.code = psr_type
        {JOINS}
        """,
    ),
    "v_observations": (
        "The current value of each market time unit, without those the source withdrew",
        f"""
        select {KEY}, o.delivery_start, r.code as resolution, o.value, o.filled, o.recorded_at
        from observations as o
        join v_series as s using (series_id)
        join resolutions as r on r.id = o.resolution
        where o.value is not null
        """,
    ),
    "v_latest": (
        "The value with the latest delivery of each series; of a forecast it lies in the future",
        f"""
        select {KEY}, o.delivery_start, r.code as resolution, o.value, o.filled, o.recorded_at
        from v_series as s
        cross join lateral (
            select day::timestamp at time zone 'UTC' as day_start
            from daily_counts
            where series_id = s.series_id and stored > 0
            order by day desc
            limit 1
        ) as last
        cross join lateral (
            select *
            from observations
            where
                series_id = s.series_id
                and delivery_start >= last.day_start
                and delivery_start < last.day_start + interval '1 day'
                and value is not null
            order by delivery_start desc, resolution
            limit 1
        ) as o
        join resolutions as r on r.id = o.resolution
        """,
    ),
    "v_revisions": (
        "Every correction: the value before, the value after, and when we learned of each",
        f"""
        select
            {KEY},
            h.delivery_start,
            r.code as resolution,
            h.value as value_before,
            case when later.series_id is null then o.value else later.value end as value_after,
            h.recorded_at,
            h.superseded_at
        from observation_revisions as h
        join v_series as s using (series_id)
        join resolutions as r on r.id = h.resolution
        left join observation_revisions as later
            on later.series_id = h.series_id
            and later.delivery_start = h.delivery_start
            and later.resolution = h.resolution
            and later.recorded_at = h.superseded_at
        left join observations as o
            on o.series_id = h.series_id
            and o.delivery_start = h.delivery_start
            and o.resolution = h.resolution
        """,
    ),
    "v_hourly": (
        "Mean, least and greatest value of each hour, of market time units up to an hour",
        f"""
        select
            {KEY},
            h.hour,
            r.code as resolution,
            h.stored,
            h.total / nullif(h.stored, 0) as mean,
            h.minimum,
            h.maximum
        from v_series as s
        cross join lateral ({lateral("hour")}) as h
        join resolutions as r on r.id = h.resolution
        where r.seconds is not null and h.stored > 0
        """,
    ),
    "v_daily": (
        "Mean, least and greatest value of each delivery day, which is the local day of the area",
        f"""
        select
            {KEY},
            d.day,
            d.day::timestamp at time zone s.zone as day_start,
            r.code as resolution,
            d.stored,
            case when r.seconds is null then 1 else (
                extract(epoch from (d.day + 1)::timestamp at time zone s.zone - d.day::timestamp at time zone s.zone)
                / r.seconds
            )::integer end as expected,
            d.total / nullif(d.stored, 0) as mean,
            d.minimum,
            d.maximum
        from v_series as s
        cross join lateral ({lateral("day")}) as d
        join resolutions as r on r.id = d.resolution
        where d.stored > 0
        """,
    ),
    "v_coverage_daily": (
        "How many values are stored on each UTC day from the first to the last day of a series, and how many there are",
        f"""
        select
            {KEY},
            days.day::date as day,
            days.day at time zone 'UTC' as day_start,
            r.code as resolution,
            coalesce(c.stored, 0) as stored,
            86400 / r.seconds as expected,
            coalesce(c.stored, 0) * r.seconds / 86400.0::double precision as coverage
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
        """,
    ),
    "v_gaps": (
        "Values that are missing although they were due, with the reason",
        f"""
        select
            item,
            {GAP_LABEL} as area,
            gaps.area as area_eic,
            series_id,
            gap_start,
            gap_end,
            r.code as resolution,
            missing,
            reason,
            gaps.since as due_since,
            found_at
        from gaps
        join resolutions as r on r.id = gaps.resolution
        {GAP_JOINS}
        """,
    ),
    "v_collection_runs": (
        "One row for each window that was asked for, whatever came of it",
        f"""
        select
            run_id,
            source,
            item,
            {RUN_LABEL} as area,
            collection_runs.area as area_eic,
            window_start,
            window_end,
            started_at,
            finished_at,
            extract(epoch from finished_at - started_at)::double precision as seconds,
            outcome,
            error_class,
            error_message,
            received, new, revised, unchanged, vanished, rejected, requests, retries, bytes,
            api_seconds, parse_seconds, store_seconds
        from collection_runs
        {RUN_JOINS}
        """,
    ),
    "v_collection_hourly": (
        "The collection of each hour by item and area: outcomes, values, cost",
        """
        select
            date_trunc('hour', finished_at, 'UTC') as hour,
            source,
            item,
            area,
            count(*) as runs,
            count(*) filter (where outcome = 'stored') as stored_runs,
            count(*) filter (where outcome = 'empty') as empty_runs,
            count(*) filter (where outcome = 'failed') as failed_runs,
            (count(*) filter (where outcome <> 'failed'))::double precision / count(*) as success_rate,
            sum(received) as received,
            sum(new) as new,
            sum(revised) as revised,
            sum(vanished) as vanished,
            sum(rejected) as rejected,
            sum(requests) as requests,
            sum(retries) as retries,
            sum(bytes)::bigint as bytes,
            avg(seconds) as mean_seconds,
            percentile_cont(0.95) within group (order by seconds) as p95_seconds
        from v_collection_runs
        group by 1, 2, 3, 4
        """,
    ),
    "v_prices": (
        "Day-ahead prices",
        """
        select
            series_id, area, delivery_start, resolution, value as price, currency, unit, contract, sequence, recorded_at
        from v_observations
        where item = 'price_day_ahead'
        """,
    ),
    "v_load": (
        "Total load, actual and forecast",
        """
        select series_id, area, item, business_type, delivery_start, resolution, value as load_mw, recorded_at
        from v_observations
        where item in ('load_actual', 'load_forecast_day_ahead', 'load_forecast_week_ahead')
        """,
    ),
    "v_generation": (
        "Actual generation per type; consumption of storage is negative",
        """
        select
            o.series_id,
            o.area,
            o.psr_type,
            coalesce(t.name, o.psr_type) as psr_name,
            o.direction,
            o.delivery_start,
            o.resolution,
            case when o.direction = 'consumption' then -o.value else o.value end as generation_mw,
            o.recorded_at
        from v_observations as o
        left join psr_types as t on t.code = o.psr_type
        where o.item = 'generation_actual'
        """,
    ),
    "v_flows": (
        "Physical flows and scheduled exchanges over a border, from one area to the other",
        """
        select
            series_id,
            item,
            area as border,
            split_part(area, '>', 1) as from_area,
            split_part(area, '>', 2) as to_area,
            contract,
            delivery_start,
            resolution,
            value as flow_mw,
            recorded_at
        from v_observations
        where item in ('flow_physical', 'exchange_scheduled')
        """,
    ),
}

# Of the server's extension; they are not there on a plain one.
AGGREGATES = ("observations_hourly", "observations_daily")


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for name, (comment, query) in VIEWS.items():
        op.execute(f"create view {name} as {query}")
        op.execute(f"comment on view {name} is '{comment}'")


def downgrade() -> None:
    for name in reversed(VIEWS):
        op.execute(f"drop view {name}")
    for name in AGGREGATES:
        op.execute(f"drop materialized view if exists {name}")
    op.execute("drop index observation_revisions_superseded")
    op.execute("drop table psr_types")
    op.execute("drop table areas")
