"""Measurements of the collection with their rollups and anomalies, of the service itself, how late the newest data are."""

# ruff: noqa: S608  statements are made of constants

from __future__ import annotations

from alembic import op

from app.db.migrations.views import create_views, drop_views, place

revision = "0104"
down_revision = "0103"
branch_labels = None
depends_on = None

RUN_COUNTS = ("received", "new", "revised", "unchanged", "vanished", "rejected", "requests", "retries", "bytes")
SERVICE_COLUMNS = {
    "leader": "boolean",
    "cpu_cores": "real",
    "resident_bytes": "bigint",
    "memory_available_bytes": "bigint",
    "memory_total_bytes": "bigint",
    "disk_free_bytes": "bigint",
    "disk_total_bytes": "bigint",
    "loop_lag_seconds": "real",
    "tasks": "integer",
    "open_descriptors": "integer",
    "max_descriptors": "integer",
    "pool_used": "integer",
    "pool_size": "integer",
    "probe_seconds": "real",
    "metrics_waiting": "integer",
    "metrics_dropped": "bigint",
}


def _rollup(name: str, bucket: str, kind: str) -> str:
    counts = "".join(f"{count:<17} bigint not null,\n" for count in RUN_COUNTS)
    return f"""
        create table {name} (
            {bucket}          {kind} not null,
            item              text not null,
            area              text not null,
            runs              integer not null,
            stored_runs       integer not null,
            empty_runs        integer not null,
            failed_runs       integer not null,
            {counts}
            run_seconds       double precision not null,
            run_max           double precision not null,
            response_seconds  double precision not null,
            response_max      double precision not null,
            parse_seconds     double precision not null,
            store_seconds     double precision not null,
            store_max         double precision not null,
            last_success_at   timestamptz,
            latencies         numeric not null,
            primary key ({bucket}, item, area)
        )
    """


TABLES = (
    """
    create table collection_metrics (
        run_id           bigint not null,
        source           text not null,
        item             text not null,
        area             text not null,
        started_at       timestamptz not null,
        finished_at      timestamptz not null,
        outcome          text not null check (outcome in ('stored', 'empty', 'failed')),
        error_class      text not null default '',
        error_message    text not null default '',
        received         integer not null,
        new              integer not null,
        revised          integer not null,
        unchanged        integer not null,
        vanished         integer not null,
        rejected         integer not null,
        requests         integer not null,
        retries          integer not null,
        bytes            bigint not null,
        response_seconds double precision not null,
        parse_seconds    double precision not null,
        store_seconds    double precision not null,
        recorded_at      timestamptz not null default clock_timestamp(),
        primary key (run_id, started_at)
    )
    """,
    "create index collection_metrics_started on collection_metrics (started_at)",
    "create index collection_metrics_recorded on collection_metrics (recorded_at)",
    "comment on table collection_metrics is 'What each run measured; erased when old, while collection_runs stays'",
    "comment on column collection_metrics.run_id is 'of collection_runs; no foreign key: measurements come and go alone'",
    "comment on column collection_metrics.area is 'an EIC, or OUT>IN for a border, as in collection_runs'",
    "comment on column collection_metrics.response_seconds is 'on the wire, over all requests of the run, without waiting for the budget'",
    "comment on column collection_metrics.recorded_at is 'when the row came here; the rollup looks at what is new'",
    _rollup("collection_hourly", "hour", "timestamptz"),
    "comment on table collection_hourly is 'Runs by the hour in which they started; computed anew whenever a run of the hour comes in'",
    "comment on column collection_hourly.latencies is 'a histogram of response times per request: runs in bucket b times 10^(12 b), where b ends at 2^(b/8) ms; histograms are added with sum() and read with latency_quantile()'",
    _rollup("collection_daily", "day", "date"),
    "comment on table collection_daily is 'The hours of each UTC day added up'",
    "create index collection_daily_item_area on collection_daily (item, area, day)",
    """
    create table collection_rollup_state (
        only_row     boolean primary key default true check (only_row),
        rolled_until timestamptz not null default '-infinity'
    )
    """,
    "insert into collection_rollup_state default values",
    "comment on column collection_rollup_state.rolled_until is 'measurements recorded before this are in the rollups'",
    """
    create table data_lateness (
        item         text not null,
        area         text not null,
        newest_start timestamptz not null,
        resolution   smallint not null references resolutions,
        due_at       timestamptz,
        asked_at     timestamptz,
        changed_at   timestamptz not null,
        primary key (item, area)
    )
    """,
    "comment on table data_lateness is 'The newest value of each item and area, and when the one after it has to be public; looked at each minute, written when something changed'",
    "comment on column data_lateness.due_at is 'the legal deadline of the unit after the newest; null where none is known'",
    "comment on column data_lateness.asked_at is 'the last run; a pair nobody asks for any more is not late'",
    f"""
    create table service_metrics (
        at       timestamptz not null,
        instance text not null,
        {", ".join(f"{name} {kind}" for name, kind in SERVICE_COLUMNS.items())},
        primary key (at, instance)
    )
    """,
    "comment on table service_metrics is 'The own resources of each replica every 15 s; a row is its sign of life'",
    "comment on column service_metrics.cpu_cores is 'processor time since the sample before, in cores'",
    "comment on column service_metrics.loop_lag_seconds is 'how late the event loop came back, the worst since the sample before'",
    "comment on column service_metrics.probe_seconds is 'a small query through the pool, waiting for a connection included'",
    "comment on column service_metrics.metrics_dropped is 'measurements that found no room since the process began'",
    """
    create table metric_anomalies (
        metric      text not null check (metric in ('latency', 'volume', 'failures')),
        item        text not null,
        area        text not null,
        hour        timestamptz not null,
        value       double precision not null,
        expected    double precision not null,
        score       double precision not null check (score >= 1),
        detected_at timestamptz not null,
        primary key (hour, metric, item, area)
    )
    """,
    "comment on table metric_anomalies is 'Hours in which the collection of an item and area went unusually; kept as long as rollups'",
    "comment on column metric_anomalies.area is 'an EIC, or OUT>IN for a border; empty for all areas of the item together'",
    "comment on column metric_anomalies.value is 'seconds a request (latency), new values of 24 or 6 hours (volume), share of failed runs (failures)'",
    "comment on column metric_anomalies.expected is 'the same by what the weeks before suggest'",
    "comment on column metric_anomalies.score is '1 is worth a look, more is more so'",
    "comment on column metric_anomalies.detected_at is 'when the hour was first found unusual'",
)

# A histogram is one number, so that sum() adds histograms at the speed of the server's own arithmetic: twelve decimal
# digits hold the runs of a bucket. 10^12 leaves the remainder 1 by 10^12 - 1, so the remainder of the whole is the number
# of runs. The answer is the bucket's geometric middle: at most 4.4 % from any response time in it (decision 12).
QUANTILE = """
    create function latency_quantile(latencies numeric, quantile double precision)
    returns double precision
    language plpgsql immutable strict parallel safe
    as $$
    declare
        digits text := latencies::text;
        slots integer := (length(digits) + 11) / 12;
        bucket integer := (length(digits) - length(rtrim(digits, '0'))) / 12;
        wanted double precision := quantile * mod(latencies, 999999999999);
        upto double precision := 0;
    begin
        if latencies <= 0 then
            return null;
        end if;
        digits := lpad(digits, 12 * slots, '0');
        loop
            upto := upto + substr(digits, 12 * (slots - bucket) - 11, 12)::double precision;
            exit when upto >= wanted or bucket >= slots - 1;
            bucket := bucket + 1;
        end loop;
        return 0.001 * power(2.0::double precision, (bucket - 0.5) / 8);
    end
    $$
"""

RUN_LABEL, RUN_JOINS = place("collection_runs.area")
DAILY_LABEL, DAILY_JOINS = place("d.area")
LATE_LABEL, LATE_JOINS = place("l.area")
PAIR_LABEL, PAIR_JOINS = place("pairs.area")
ANOMALY_LABEL, ANOMALY_JOINS = place("anomaly.area")

VIEWS = {
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
    "v_collection_daily": (
        "The collection of each UTC day by item and area: outcomes, values, cost, response times",
        f"""
        select
            d.day,
            d.day::timestamp at time zone 'UTC' as day_start,
            d.item,
            {DAILY_LABEL} as area,
            d.area as area_eic,
            d.runs, d.stored_runs, d.empty_runs, d.failed_runs,
            (d.runs - d.failed_runs)::double precision / d.runs as success_rate,
            {", ".join(f"d.{count}" for count in RUN_COUNTS)},
            d.run_seconds / d.runs as mean_seconds,
            d.response_seconds / nullif(d.requests, 0) as mean_response_seconds,
            latency_quantile(d.latencies, 0.5) as p50_response_seconds,
            latency_quantile(d.latencies, 0.95) as p95_response_seconds,
            latency_quantile(d.latencies, 0.99) as p99_response_seconds,
            d.response_max as max_response_seconds,
            d.parse_seconds, d.store_seconds, d.store_max as max_store_seconds
        from collection_daily as d
        {DAILY_JOINS}
        """,
    ),
    "v_data_lateness": (
        "The newest value of each item and area that is asked for, and how long the next one has been due",
        f"""
        select
            l.item,
            {LATE_LABEL} as area,
            l.area as area_eic,
            l.newest_start,
            r.code as resolution,
            l.due_at,
            greatest(extract(epoch from now() - l.due_at), 0)::double precision as late_seconds,
            l.asked_at,
            l.changed_at
        from data_lateness as l
        join resolutions as r on r.id = l.resolution
        {LATE_JOINS}
        where l.asked_at > now() - interval '1 day'
        """,
    ),
    "v_collection_health": (
        "Every item and area that ran in the last 30 days: how its runs went of late, and how old its newest value is",
        f"""
        with recent as (
            select item, area, sum(runs)::bigint as runs, sum(failed_runs)::bigint as failed_runs,
                max(last_success_at) as last_success_at, max(response_max) as response_max,
                latency_quantile(sum(latencies), 0.95) as p95
            from collection_hourly
            where hour > now() - interval '24 hours'
            group by item, area
        ),
        pairs as (
            select item, area, sum(runs)::bigint as runs, sum(failed_runs)::bigint as failed_runs,
                max(last_success_at) as last_success_at
            from collection_daily
            where day > (now() at time zone 'UTC')::date - 30
            group by item, area
        )
        select
            pairs.item,
            {PAIR_LABEL} as area,
            pairs.area as area_eic,
            coalesce(recent.runs, 0) as runs_24h,
            coalesce(recent.failed_runs, 0) as failed_24h,
            (recent.runs - recent.failed_runs)::double precision / recent.runs as success_rate_24h,
            recent.p95 as p95_response_seconds_24h,
            recent.response_max as max_response_seconds_24h,
            pairs.runs as runs_30d,
            pairs.failed_runs as failed_30d,
            (pairs.runs - pairs.failed_runs)::double precision / pairs.runs as success_rate_30d,
            pairs.last_success_at,
            late.newest_start,
            late.due_at,
            late.late_seconds
        from pairs
        left join recent on recent.item = pairs.item and recent.area = pairs.area
        left join v_data_lateness as late on late.item = pairs.item and late.area_eic = pairs.area
        {PAIR_JOINS}
        """,
    ),
    "v_service_metrics": (
        "The own resources of each replica every 15 s, one row for each name",
        f"""
        select at, instance, name, value
        from service_metrics
        cross join lateral (
            values {
            ", ".join(
                f"('{name}', {name}{'::integer' if kind == 'boolean' else ''}::double precision)"
                for name, kind in SERVICE_COLUMNS.items()
            )
        }
        ) as measured (name, value)
        where value is not null
        """,
    ),
    "v_metric_anomalies": (
        "Hours in which the collection of an item and area went unusually",
        f"""
        select
            anomaly.hour,
            anomaly.metric,
            anomaly.item,
            {ANOMALY_LABEL} as area,
            anomaly.area as area_eic,
            anomaly.value,
            anomaly.expected,
            anomaly.score,
            anomaly.detected_at
        from metric_anomalies as anomaly
        {ANOMALY_JOINS}
        """,
    ),
}

DROP = (
    "drop function latency_quantile(numeric, double precision)",
    "drop table metric_anomalies",
    "drop table service_metrics",
    "drop table data_lateness",
    "drop table collection_rollup_state",
    "drop table collection_daily",
    "drop table collection_hourly",
    "drop table collection_metrics",
)


def upgrade() -> None:
    for statement in (*TABLES, QUANTILE):
        op.execute(statement)
    create_views(VIEWS)


def downgrade() -> None:
    drop_views(VIEWS)
    for statement in DROP:
        op.execute(statement)
