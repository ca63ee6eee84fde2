"""Adds up what runs measured: by the hour of their start, and hours by UTC day."""

# ruff: noqa: S608  statements are made of constants

from __future__ import annotations

from app.monitoring.histogram import BUCKET_SQL, DIGITS

COUNTS = ("received", "new", "revised", "unchanged", "vanished", "rejected", "requests", "retries", "bytes")
SUMS = ("run_seconds", "response_seconds", "parse_seconds", "store_seconds")
MOST = ("run_max", "response_max", "store_max")
FIGURES = (
    "runs", "stored_runs", "empty_runs", "failed_runs", *COUNTS, *SUMS, *MOST, "last_success_at", "latencies",
)  # fmt: skip

_REPLACE = ",\n        ".join(f"{name} = excluded.{name}" for name in FIGURES)

LOCK = 0x726F6C6C  # "roll": of several replicas one adds up

STATE = "select rolled_until, clock_timestamp() as now from collection_rollup_state"

# A process that was killed had told its last second of runs to nobody; their record knows the same figures.
MAKE_GOOD = """
    insert into collection_metrics (
        run_id, source, item, area, started_at, finished_at, outcome, error_class, error_message,
        received, new, revised, unchanged, vanished, rejected, requests, retries, bytes,
        response_seconds, parse_seconds, store_seconds
    )
    select
        run_id, source, item, area, started_at, finished_at, outcome, coalesce(error_class, ''),
        left(coalesce(error_message, ''), 500),
        received, new, revised, unchanged, vanished, rejected, requests, retries, bytes,
        api_seconds, parse_seconds, store_seconds
    from collection_runs as run
    where
        finished_at > greatest($1::timestamptz - $2::interval, $3::timestamptz)
        and started_at >= $3::timestamptz
        and not exists (
            select from collection_metrics as known where known.run_id = run.run_id and known.started_at = run.started_at
        )
    on conflict do nothing
"""

TOUCHED = """
    select distinct date_trunc('hour', started_at, 'UTC') as hour
    from collection_metrics
    where recorded_at > $1::timestamptz - $2::interval and started_at >= $3
    order by 1
"""

HOURLY = f"""
    with runs as (
        select
            *,
            extract(epoch from finished_at - started_at)::float8 as run_seconds,
            case when requests > 0 then response_seconds / requests end as response,
            date_trunc('hour', started_at, 'UTC') as hour
        from collection_metrics
        where started_at >= $1::timestamptz and started_at < $1::timestamptz + interval '1 hour'
    ),
    histograms as (
        select item, area, sum(runs * ('1' || repeat('0', {DIGITS} * bucket))::numeric) as latencies
        from (
            select item, area, {BUCKET_SQL.format("response")} as bucket, count(*) as runs
            from runs
            where response is not null
            group by 1, 2, 3
        ) as held
        group by item, area
    )
    insert into collection_hourly (hour, item, area, {", ".join(FIGURES)})
    select
        hour,
        item,
        area,
        count(*),
        count(*) filter (where outcome = 'stored'),
        count(*) filter (where outcome = 'empty'),
        count(*) filter (where outcome = 'failed'),
        {", ".join(f"sum({name})" for name in COUNTS)},
        sum(greatest(run_seconds, 0)), sum(response_seconds), sum(parse_seconds), sum(store_seconds),
        max(greatest(run_seconds, 0)), coalesce(max(response), 0), max(store_seconds),
        max(finished_at) filter (where outcome <> 'failed'),
        coalesce(min(latencies), 0)
    from runs
    left join histograms using (item, area)
    group by hour, item, area
    on conflict (hour, item, area) do update set
        {_REPLACE}
"""

DAILY = f"""
    insert into collection_daily (day, item, area, {", ".join(FIGURES)})
    select
        $1::date,
        item,
        area,
        sum(runs), sum(stored_runs), sum(empty_runs), sum(failed_runs),
        {", ".join(f"sum({name})" for name in (*COUNTS, *SUMS))},
        {", ".join(f"max({name})" for name in (*MOST, "last_success_at"))},
        sum(latencies)
    from collection_hourly
    where
        hour >= $1::date::timestamp at time zone 'UTC'
        and hour < ($1::date + 1)::timestamp at time zone 'UTC'
    group by item, area
    on conflict (day, item, area) do update set
        {_REPLACE}
"""

DONE = "update collection_rollup_state set rolled_until = $1 where rolled_until < $1"
