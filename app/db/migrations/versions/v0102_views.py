"""The documented views `v_…` of series and their values, which dashboards and people read."""

# ruff: noqa: S608  statements are made of constants

from __future__ import annotations

from alembic import op

from app.db.migrations.views import KEY, create_views, drop_views, place

revision = "0102"
down_revision = "0101"
branch_labels = None
depends_on = None

LABEL, JOINS = place("series.area")


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
    create_views(VIEWS)


def downgrade() -> None:
    drop_views(VIEWS)
    for name in AGGREGATES:
        op.execute(f"drop materialized view if exists {name}")
