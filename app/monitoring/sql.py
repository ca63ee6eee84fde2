"""Statements of the monitoring: rollups of runs by hour and UTC day, lateness, the state of the service."""

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

ROLLUP_LOCK = 0x726F6C6C  # "roll": of several replicas one adds up

ROLLUP_STATE = "select rolled_until, clock_timestamp() as now from collection_rollup_state"

# A process that was killed had reported its last second of runs to nobody; their record knows the same figures.
ADD_LOST_RUNS = """
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

TOUCHED_HOURS = """
    select distinct date_trunc('hour', started_at, 'UTC') as hour
    from collection_metrics
    where recorded_at > $1::timestamptz - $2::interval and started_at >= $3
    order by 1
"""

ROLL_UP_HOUR = f"""
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

ROLL_UP_DAY = f"""
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

ROLLED_UP = "update collection_rollup_state set rolled_until = $1 where rolled_until < $1"

# Whoever fills history asks for nothing new: what ends days before the run does not count as asked for.
NEWEST_VALUES = """
    select distinct on (s.item, s.area) s.item, s.area, o.delivery_start, o.resolution, run.finished_at as asked_at
    from series as s
    cross join lateral (
        select day::timestamp at time zone 'UTC' as day_start
        from daily_counts
        where series_id = s.series_id and stored > 0
        order by day desc
        limit 1
    ) as last
    cross join lateral (
        select delivery_start, resolution
        from observations
        where
            series_id = s.series_id
            and delivery_start >= last.day_start
            and delivery_start < last.day_start + interval '1 day'
            and value is not null
        order by delivery_start desc, resolution
        limit 1
    ) as o
    left join lateral (
        select finished_at
        from collection_runs
        where item = s.item and area = s.area and window_end > finished_at - interval '2 days'
        order by finished_at desc
        limit 1
    ) as run on true
    order by s.item, s.area, o.delivery_start desc, o.resolution
"""

KEEP_LATENESS = """
    insert into data_lateness as known (item, area, newest_start, resolution, due_at, asked_at, changed_at)
    select item, area, newest_start, resolution, due_at, asked_at, $7
    from unnest($1::text[], $2::text[], $3::timestamptz[], $4::smallint[], $5::timestamptz[], $6::timestamptz[])
        as found (item, area, newest_start, resolution, due_at, asked_at)
    on conflict (item, area) do update set
        newest_start = excluded.newest_start,
        resolution = excluded.resolution,
        due_at = excluded.due_at,
        asked_at = excluded.asked_at,
        changed_at = excluded.changed_at
    where (known.newest_start, known.resolution, known.due_at, known.asked_at)
        is distinct from (excluded.newest_start, excluded.resolution, excluded.due_at, excluded.asked_at)
"""

# Found by when runs were due, for which there is an index; a run that catches up begins later than those due after it.
LAST_JOB_RUN = """
    select max(started_at)
    from (
        select started_at
        from job_runs
        where scheduled_for > $1::timestamptz - interval '7 days'
        order by scheduled_for desc
        limit 500
    ) as latest
"""

STORED_JOBS = """
    select
        job.id,
        job.paused,
        job.unreadable <> '' as unreadable,
        not job.paused and job.next_run_time < extract(epoch from $1::timestamptz - $2::interval) as late,
        coalesce(last.outcome in ('failed', 'missed', 'interrupted'), false) as failing
    from scheduler_jobs as job
    left join lateral (
        select outcome
        from job_runs
        where job = job.id and outcome <> 'running'
        order by scheduled_for desc
        limit 1
    ) as last on true
    order by job.id
"""

# What open backfills are about to bring is added up for each item and area once: a backfill of years has many windows, and
# may be why there are many gaps.
GAPS_BY_REASON = """
    with coming as (
        select w.item, w.area, range_agg(tstzrange(w.window_start, w.window_end)) as times
        from backfill_windows as w
        join backfills as backfill using (backfill_id)
        where
            backfill.finished_at is null
            and backfill.cancelled_at is null
            and w.state in ('pending', 'claimed')
        group by w.item, w.area
    )
    select
        reason,
        count(*) as gaps,
        sum(missing)::bigint as missing,
        min(since) as oldest_since,
        -- What was just found is as a rule filled a moment later, and what a backfill is about to bring is no fault.
        count(*) filter (
            where
                greatest(since, found_at) < $1::timestamptz - interval '1 hour'
                and coalesce(not coming.times && tstzrange(gap_start, gap_end), true)
        ) as lasting
    from gaps
    left join coming using (item, area)
    group by reason
    order by reason
"""

# Where no analysis has ended yet, only what was collected has been looked over. Each pair leads to the next through the
# index: there are a thousand pairs and a million runs.
LAST_ANALYSIS = """
    with recursive pairs as (
        (select item, area from collection_runs order by item, area limit 1)
        union all
        select following.item, following.area
        from pairs
        cross join lateral (
            select item, area
            from collection_runs
            where (item, area) > (pairs.item, pairs.area)
            order by item, area
            limit 1
        ) as following
    )
    select
        (
            select max(finished_at)
            from (
                select finished_at
                from job_runs
                where job = 'gap_analysis' and outcome in ('succeeded', 'nothing_due', 'partial')
                order by scheduled_for desc
                limit 20
            ) as latest
        ) as analysed_at,
        (select to_timestamp(next_run_time) from scheduler_jobs where id = 'gap_analysis' and not paused) as next_at,
        (select count(*) from pairs) as collected
"""

OPEN_BACKFILLS = """
    select
        backfill.backfill_id,
        backfill.description,
        backfill.paused_at is not null as paused,
        count(*) as windows,
        count(*) filter (where w.state in ('stored', 'empty', 'failed', 'cancelled')) as done
    from backfills as backfill
    join backfill_windows as w using (backfill_id)
    where backfill.finished_at is null and backfill.cancelled_at is null
    group by backfill.backfill_id
    order by backfill.backfill_id
"""

REQUEST_BUDGET = """
    select
        (
            select coalesce(sum(requests), 0)::bigint
            from collection_metrics
            where started_at > $1::timestamptz - interval '10 minutes' and finished_at > $1::timestamptz - interval '1 minute'
        ) as requests,
        (select blocked_until from token_budgets where token_id = $2 and blocked_until > $1) as blocked_until
"""

FIRING_ALERTS = """
    select alert_id, rule, labels::text as labels, severity, coalesce(fired_at, since) as since, acknowledged_at, suppressed
    from alerts
    where phase = 'firing'
    order by array_position(array['critical', 'warning', 'info'], severity), since
    limit 200
"""

# Of a channel that takes nothing also what it has not yet handed over.
DISABLED_CHANNELS = """
    select
        s.channel,
        s.disabled_at as since,
        s.disabled_reason as reason,
        count(n.channel) filter (where n.status = 'waiting') as waiting,
        count(n.channel) filter (where n.status = 'failed') as failed,
        min(n.created_at) filter (where n.status = 'waiting') as oldest
    from channel_states as s
    left join notifications as n on n.channel = s.channel and n.status in ('waiting', 'failed')
    where s.disabled_at is not null
    group by s.channel
    order by s.channel
"""

SCHEMA = "select version_num, (select origin from database_origin) as origin from gridkeeper_version"

HOLDINGS = """
    select
        item,
        count(distinct area) as areas,
        count(*) as series,
        sum(stored)::bigint as stored,
        min(first_day) as first_day
    from series
    left join (
        select series_id, sum(stored) as stored, min(day) as first_day from daily_counts group by series_id
    ) as counted using (series_id)
    group by item
    order by item
"""

NEWEST_BY_AREA = """
    select distinct on (item, area_eic) item, area, area_eic, delivery_start, resolution
    from v_latest
    order by item, area_eic, delivery_start desc, resolution
"""

# The table is indexed by item and area; its newest rows are found by their number.
LAST_RUNS = """
    select distinct on (item) item, area, finished_at, outcome, error_class, error_message
    from v_collection_runs
    where run_id > (select max(run_id) - 20000 from collection_runs)
    order by item, run_id desc
"""
