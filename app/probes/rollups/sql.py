"""The statements that add results of websites up by hour and by day of UTC."""

from __future__ import annotations

from datetime import timedelta

from app.db.retention import Retention

HOURS = Retention("website_hours", "start_at", "probes.hourly_days")
DAYS = Retention("website_days", "start_at", "probes.daily_days")
REGION_DAYS = Retention("website_region_days", "start_at", timedelta(days=60))
RETAINED = (HOURS, DAYS, REGION_DAYS)
AGAIN = timedelta(hours=3)
"""So much of what was added up is added up again: results may have waited for the database."""

_COLUMNS = "website_id, start_at, checks, good, ours, total_ms, shortest_ms, longest_ms, buckets, counts"
_NEW = """
    on conflict (website_id, start_at) do update
    set checks = excluded.checks, good = excluded.good, ours = excluded.ours, total_ms = excluded.total_ms,
        shortest_ms = excluded.shortest_ms, longest_ms = excluded.longest_ms, buckets = excluded.buckets,
        counts = excluded.counts
"""

KNOWN_UNTIL = "select max(start_at) from website_hours"
FIRST = "select min(at) from website_checks"

ADD_HOURS = f"""
    with measured as (
        select
            website_id, date_trunc('hour', at, 'UTC') as start_at, ok, reason, total_ms,
            case when ok then
                least(180, floor(ln(greatest(total_ms, 0.1)::float8 / 0.1::float8) / ln(1.1::float8)))::int
            end as bucket
        from website_checks
        where at >= $1 and at < $2
    ), counted as (
        select
            website_id, start_at, bucket, count(*) as number,
            count(*) filter (where ok) as good,
            count(*) filter (where reason = 'ours') as ours,
            sum(total_ms::float8) filter (where ok) as total,
            min(total_ms) filter (where ok) as shortest,
            max(total_ms) filter (where ok) as longest
        from measured
        group by website_id, start_at, bucket
    )
    insert into website_hours ({_COLUMNS})
    select
        website_id, start_at, sum(number), sum(good), sum(ours), coalesce(sum(total), 0), min(shortest), max(longest),
        coalesce(array_agg(bucket order by bucket) filter (where bucket is not null), '{{}}'),
        coalesce(array_agg(number order by bucket) filter (where bucket is not null), '{{}}')
    from counted
    group by website_id, start_at
    {_NEW}
"""  # noqa: S608  names of columns

ADD_DAYS = f"""
    with hours as (
        select *, date_trunc('day', start_at, 'UTC') as day
        from website_hours
        where start_at >= date_trunc('day', $1::timestamptz, 'UTC') and start_at < $2
    ), counted as (
        select website_id, day, bucket, sum(number) as number
        from hours, unnest(buckets, counts) as one (bucket, number)
        group by website_id, day, bucket
    ), sizes as (
        select
            website_id, day, array_agg(bucket order by bucket) as buckets, array_agg(number order by bucket) as counts
        from counted
        group by website_id, day
    ), sums as (
        select
            website_id, day, sum(checks) as checks, sum(good) as good, sum(ours) as ours, sum(total_ms) as total,
            min(shortest_ms) as shortest, max(longest_ms) as longest
        from hours
        group by website_id, day
    )
    insert into website_days ({_COLUMNS})
    select
        website_id, day, checks, good, ours, total, shortest, longest, coalesce(buckets, '{{}}'), coalesce(counts, '{{}}')
    from sums
    left join sizes using (website_id, day)
    {_NEW}
"""  # noqa: S608  names of columns

# Of websites that name regions, a day at a time: what one region takes says nothing of another.
ADD_REGION_DAY = """
    insert into website_region_days (website_id, region, start_at, good, total_ms)
    select c.website_id, c.region, $1, count(*), sum(c.total_ms::float8)
    from websites as w
    join website_checks as c using (website_id)
    where w.regions <> '{}' and c.region <> '' and c.ok and c.at >= $1 and c.at < $2
    group by c.website_id, c.region
    on conflict (website_id, region, start_at) do update set good = excluded.good, total_ms = excluded.total_ms
"""

# Days that lie within the range, and the hours at its ends that do not make a day.
LATENCIES = """
    with whole as (
        select
            case when $2::timestamptz = date_trunc('day', $2::timestamptz, 'UTC') then $2::timestamptz
                else date_trunc('day', $2::timestamptz, 'UTC') + interval '24 hours' end as first,
            date_trunc('day', $3::timestamptz, 'UTC') as last
    ), parts as (
        select website_id, buckets, counts
        from website_days, whole
        where start_at >= first and start_at < last and ($1::bigint[] is null or website_id = any($1))
        union all
        select website_id, buckets, counts
        from website_hours, whole
        where
            start_at >= $2 and start_at < $3
            and (start_at < least(first, $3) or start_at >= greatest(last, first))
            and ($1::bigint[] is null or website_id = any($1))
    )
    select website_id, bucket, sum(number)::bigint as number
    from parts, unnest(buckets, counts) as one (bucket, number)
    group by website_id, bucket
"""

_SHOWN = "start_at, checks, good, ours, total_ms, shortest_ms, longest_ms, buckets, counts"
HOURS_OF = f"""
    select {_SHOWN} from website_hours
    where website_id = $1 and start_at >= $2 and start_at < $3 order by start_at
"""  # noqa: S608  names of columns
DAYS_OF = HOURS_OF.replace("website_hours", "website_days")

FORGET_HOURS = "delete from website_hours where website_id = $1"
FORGET_DAYS = "delete from website_days where website_id = $1"
FORGET_REGION_DAYS = "delete from website_region_days where website_id = $1"
