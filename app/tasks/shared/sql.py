"""The statements on the shared queue beyond those of its library, and on the rows of workers.

What stands first runs over the library's connections, whose search path is its schema: its triggers name no schema.
Parameters are written as their drivers have them, `%(name)s` there and `$1` here.
"""

from __future__ import annotations

from datetime import timedelta

from app.db.migrate import VERSION_TABLE
from app.db.queue.schema import SCHEMA
from app.db.retention import Mechanism, Retention

SILENT_KEPT = timedelta(days=1)
"""So long one sees a worker that died."""
TASK = "run"
"""The only task the library knows: it runs the handler that is bound for a kind."""

# A task that waits already is not doubled; the library itself would refuse the whole batch for it.
SUBMIT = f"""
    insert into procrastinate_jobs (queue_name, task_name, priority, queueing_lock, args)
    select queue, '{TASK}', priority, kind || ':' || key, jsonb_build_object('kind', kind, 'key', key)
    from unnest(%(queues)s::text[], %(priorities)s::integer[], %(kinds)s::text[], %(keys)s::text[])
        as submitted (queue, priority, kind, key)
    on conflict (queueing_lock) where status = 'todo' do nothing
"""  # noqa: S608  constants

DROP_WAITING = """
    delete from procrastinate_jobs
    where status = 'todo' and args ->> 'kind' = %(kind)s and (%(key)s::text is null or args ->> 'key' = %(key)s)
    returning id
"""

ABORT_RUNNING = """
    update procrastinate_jobs
    set abort_requested = true
    where status = 'doing' and args ->> 'kind' = %(kind)s and (%(key)s::text is null or args ->> 'key' = %(key)s)
    returning id
"""

STILL_RUNNING = "select id from procrastinate_jobs where id = any(%(ids)s::bigint[]) and status = 'doing'"

# As its trigger says it of new tasks: whoever has room takes what was freed at once, not with its next look.
_NOTICE = "json_build_object('type', 'job_inserted', 'job_id', id)::text"

# Whoever worked on them is gone. What waits once more already, or is to wait twice after this, goes, and what took too
# many workers along is parked.
FREE_STALLED = f"""
    with stalled as materialized (
        select job.id, job.queueing_lock, job.attempts
        from procrastinate_jobs as job
        left join procrastinate_workers as worker on worker.id = job.worker_id
        where
            job.status = 'doing'
            and (
                job.worker_id is null
                or worker.last_heartbeat < clock_timestamp() - make_interval(secs => %(silent_after)s)
            )
        for update of job skip locked
    ),
    doubled as (
        delete from procrastinate_jobs as job
        using stalled
        where
            job.id = stalled.id
            and stalled.attempts + 1 < %(attempts)s
            and (
                exists (
                    select from procrastinate_jobs as twin
                    where twin.status = 'todo' and twin.queueing_lock = stalled.queueing_lock
                )
                or exists (
                    select from stalled as earlier
                    where
                        earlier.queueing_lock = stalled.queueing_lock
                        and earlier.id < stalled.id
                        and earlier.attempts + 1 < %(attempts)s
                )
            )
        returning job.id
    ),
    changed as (
        update procrastinate_jobs as job
        set
            status = (case when stalled.attempts + 1 < %(attempts)s then 'todo' else 'failed' end)
                ::procrastinate_job_status,
            attempts = stalled.attempts + 1,
            worker_id = null,
            abort_requested = false
        from stalled
        where job.id = stalled.id and stalled.id not in (select id from doubled)
        returning job.id, job.status, job.queue_name, job.args ->> 'kind' as kind, job.args ->> 'key' as key
    ),
    told as materialized (
        select pg_notify('procrastinate_queue_v1#' || queue_name, {_NOTICE}), pg_notify('procrastinate_any_queue_v1', {_NOTICE})
        from changed
        where status = 'todo'
    )
    select status::text as status, kind, key from changed cross join (select count(*) from told) as all_told
    union all
    select 'doubled', '', '' from doubled
"""  # noqa: S608  constants

BEAT_IN_QUEUE = """
    update procrastinate_workers
    set last_heartbeat = clock_timestamp()
    where id = any(%(ids)s::bigint[])
"""

_ALIVE = "heartbeat_at > clock_timestamp() - make_interval(secs => $1)"

SCHEMAS_HOLD = f"""
    select
        exists (select from {VERSION_TABLE} where version_num = $1)
        and exists (select from {SCHEMA}.installed where migration = $2)
"""  # noqa: S608  constants

# Beside the rows of workers, over our own connections: within a transaction that names the schema.
BEAT = """
    insert into workers (name, version, queues, region, concurrency, running, done, failed, per_minute)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (name) do update
    set
        heartbeat_at = clock_timestamp(),
        -- Who has no start yet begins, in the place of whoever had the name.
        started_at = case when $10::timestamptz is null then clock_timestamp() else workers.started_at end,
        drain_requested_at = case when $10::timestamptz is null then null else workers.drain_requested_at end,
        version = excluded.version,
        queues = excluded.queues,
        region = excluded.region,
        concurrency = excluded.concurrency,
        running = excluded.running,
        done = excluded.done,
        failed = excluded.failed,
        per_minute = excluded.per_minute
    where $10::timestamptz is null or workers.started_at = $10
    returning started_at, drain_requested_at is not null as draining
"""

LEAVE = "delete from workers where name = $1 and started_at = coalesce($2, started_at)"

DRAIN = "update workers set drain_requested_at = coalesce(drain_requested_at, clock_timestamp()) where name = $1 returning name"

ADD_UP = """
    insert into task_totals as kept (queue, done, failed, minute, in_minute)
    select queue, done, failed, date_trunc('minute', clock_timestamp()), done + failed
    from unnest($1::text[], $2::bigint[], $3::bigint[]) as ended (queue, done, failed)
    order by queue
    on conflict (queue) do update
    set
        done = kept.done + excluded.done,
        failed = kept.failed + excluded.failed,
        minute = excluded.minute,
        in_minute = excluded.in_minute + (case when kept.minute = excluded.minute then kept.in_minute else 0 end),
        last_minute = case kept.minute
            when excluded.minute then kept.last_minute
            when excluded.minute - interval '1 minute' then kept.in_minute
            else 0
        end
"""

# Where nobody shares work any more, its tasks wait for nobody and its workers are no news.
ANY_WORKER = f"select exists (select from workers where {_ALIVE})"  # noqa: S608  constants
FORGET_WORKERS = "delete from workers"
FORGET_TASKS = "delete from procrastinate_jobs"

SILENT = Retention(
    "workers",
    "heartbeat_at",
    SILENT_KEPT,
    Mechanism.WORKERS,
    only="workers that fell silent",
)
PARKED = Retention(
    "procrastinate_jobs",
    "(select max(at) from procrastinate_events where job_id = procrastinate_jobs.id)",
    "scheduler.history_days",
    only="parked tasks",
    condition="status in ('failed', 'cancelled', 'aborted', 'succeeded')",
)
RETAINED = (SILENT, PARKED)

WORKERS = """
    select
        name, version, queues, region, concurrency, started_at, heartbeat_at, running, done, failed, per_minute,
        drain_requested_at is not null as draining,
        extract(epoch from clock_timestamp() - heartbeat_at)::float8 as age
    from workers
    order by name
"""

# The first of a queue that waits is the one with the lowest number, and the library keeps when it came.
QUEUES = f"""
    with counted as (
        select
            queue_name as name,
            count(*) filter (where status = 'todo') as waiting,
            count(*) filter (where status = 'doing') as running,
            count(*) filter (where status = 'failed') as parked,
            min(id) filter (where status = 'todo' and coalesce(scheduled_at <= clock_timestamp(), true)) as first
        from procrastinate.procrastinate_jobs
        group by queue_name
    ),
    taken as (
        select queue as name, count(*) as workers
        from workers
        cross join lateral unnest(queues) as queue
        where {_ALIVE} and drain_requested_at is null
        group by queue
    )
    select
        coalesce(name, queue) as name,
        coalesce(waiting, 0) as waiting,
        coalesce(running, 0) as running,
        coalesce(parked, 0) as parked,
        coalesce(extract(epoch from clock_timestamp() - came.at), 0)::float8 as oldest_seconds,
        coalesce(workers, 0) as workers,
        coalesce(done, 0) as done,
        coalesce(failed, 0) as failed,
        case date_trunc('minute', clock_timestamp())
            when minute then last_minute
            when minute + interval '1 minute' then in_minute
            else 0
        end as per_minute
    from counted
    full join taken using (name)
    full join task_totals on task_totals.queue = name
    left join lateral (
        select min(at) as at from procrastinate.procrastinate_events where job_id = counted.first
    ) as came on true
    order by 1
"""  # noqa: S608  constants
