"""The statements of what people see of many websites at once: one for all websites, one for the bars of some."""

from __future__ import annotations

MONITORS = """
    with lasting as (
        select
            website_id,
            max(started_at) filter (where kind = 'down') as down_since,
            max(started_at) filter (where kind = 'unknown') as unknown_since,
            max(started_at) filter (where kind = 'paused') as paused_since,
            max(acknowledged_at) filter (where kind = 'down') as acknowledged_at,
            max(acknowledged_by) filter (where kind = 'down') as acknowledged_by,
            max(note) filter (where kind = 'down') as note
        from website_windows
        where ended_at is null
        group by website_id
    ), planned as materialized (
        select p.website_id, p.labels, p.name, t.ends_at
        from website_maintenance_times as t
        join website_maintenance as p using (plan_id)
        where t.starts_at <= $1 and t.ends_at > $1
    )
    select
        w.website_id, w.name, w.url, w.labels::text as labels_text, w.enabled, w.check_interval,
        w.failures as confirmations, w.managed_by, w.created_at,
        s.status, s.changed_at, s.checked_at, s.known_until, s.due_at, s.failures, s.break_until, s.unknown, s.reason,
        o.down_since, o.unknown_since, o.paused_since, o.acknowledged_at, coalesce(o.acknowledged_by, '') as acknowledged_by,
        coalesce(o.note, '') as note, coalesce(m.name, '') as maintenance, m.ends_at as maintenance_until
    from websites as w
    join website_states as s using (website_id)
    left join lasting as o using (website_id)
    left join lateral (
        select name, ends_at
        from planned as p
        where p.website_id = w.website_id or (p.website_id is null and w.labels @> p.labels)
        order by ends_at desc
        limit 1
    ) as m on true
    where w.deleted_at is null and ($2::bigint is null or w.website_id = $2)
"""

# Columns of arrays: thousands of rows would cost more than what they say.
LAST_CHECKS = """
    select
        i.website_id,
        array_agg(c.at order by c.at) as ats,
        array_agg(c.ok order by c.at) as oks,
        array_agg(c.reason order by c.at) as reasons,
        array_agg(c.total_ms order by c.at) as times
    from unnest($1::bigint[]) as i (website_id)
    cross join lateral (
        select at, ok, reason, total_ms
        from website_checks
        where website_id = i.website_id
        order by at desc
        limit $2
    ) as c
    group by i.website_id
"""

# Hours that are added up, and the results since then as they are.
_PERIODS = """
    with added as (
        select coalesce(max(start_at) + interval '1 hour', '-infinity') as until from website_hours
    ), parts as (
        select website_id, start_at, checks, good, ours, total_ms
        from {table}
        where website_id = any($1::bigint[]) and start_at >= $2
        union all
        select
            website_id, date_trunc('{length}', at, 'UTC'), count(*), count(*) filter (where ok),
            count(*) filter (where reason = 'ours'), coalesce(sum(total_ms::float8) filter (where ok), 0)
        from website_checks
        where website_id = any($1::bigint[]) and at >= greatest($2, (select until from added))
        group by 1, 2
    ), summed as (
        select
            website_id, start_at, sum(checks)::bigint as checks, sum(good)::bigint as good, sum(ours)::bigint as ours,
            sum(total_ms) as total_ms
        from parts
        group by website_id, start_at
    )
    select
        website_id,
        array_agg(start_at order by start_at) as ats,
        array_agg(checks order by start_at) as checks,
        array_agg(good order by start_at) as good,
        array_agg(ours order by start_at) as ours,
        array_agg(total_ms order by start_at) as times
    from summed
    group by website_id
"""
HOURS = _PERIODS.format(table="website_hours", length="hour")
DAYS = _PERIODS.format(table="website_days", length="day")

PHASES = """
    select
        date_bin($3::interval, at, $2::timestamptz) as start_at,
        count(*) as checks,
        count(*) filter (where not ok and reason <> 'ours') as failed,
        avg(dns_ms) filter (where ok) as dns_ms,
        avg(connect_ms) filter (where ok) as connect_ms,
        avg(tls_ms) filter (where ok) as tls_ms,
        avg(first_byte_ms) filter (where ok) as first_byte_ms,
        avg(total_ms) filter (where ok) as total_ms,
        max(total_ms) filter (where ok) as slowest_ms
    from website_checks
    where website_id = $1 and at >= $2 and at < $4
    group by start_at
    order by start_at
"""

# The median and the 95th percentile of each phase and of the whole.
PHASE_FIGURES = """
    select
        percentile_cont(array[0.5, 0.95]) within group (order by dns_ms) as dns,
        percentile_cont(array[0.5, 0.95]) within group (order by connect_ms) as connect,
        percentile_cont(array[0.5, 0.95]) within group (order by tls_ms) as tls,
        percentile_cont(array[0.5, 0.95]) within group (order by first_byte_ms) as first_byte,
        percentile_cont(array[0.5, 0.95]) within group (order by total_ms) as whole
    from website_checks
    where website_id = $1 and at >= $2 and at < $3 and ok
"""

LAST_CYCLES = """
    select
        i.service_id,
        array_agg(c.started_at order by c.started_at) as ats,
        array_agg(c.checked order by c.started_at) as checks,
        array_agg(c.checked - c.failed - c.ours order by c.started_at) as good,
        array_agg(c.ours order by c.started_at) as ours,
        array_agg(coalesce(c.p95_ms, 0) order by c.started_at) as times,
        array_agg(c.outcome order by c.started_at) as outcomes
    from unnest($1::bigint[]) as i (service_id)
    cross join lateral (
        select started_at, checked, failed, ours, p95_ms, outcome
        from interface_cycles
        where service_id = i.service_id and outcome <> 'running'
        order by started_at desc
        limit $2
    ) as c
    group by i.service_id
"""

# How many websites stand how, as `MonitorRow.state` says it, and how many services there are and fail.
COUNTS = """
    with planned as materialized (
        select p.website_id, p.labels
        from website_maintenance_times as t
        join website_maintenance as p using (plan_id)
        where t.starts_at <= $1 and t.ends_at > $1
    ), standing as (
        select
            case
                when not w.enabled then 'paused'
                when s.unknown and s.reason = 'ours' then 'ours'
                when s.unknown or s.known_until is null or s.known_until < $1 then 'unknown'
                when s.status <> 'down' then 'up'
                when exists (
                    select from planned as p
                    where p.website_id = w.website_id or (p.website_id is null and w.labels @> p.labels)
                ) then 'maintenance'
                else 'down'
            end as state
        from websites as w
        join website_states as s using (website_id)
        where w.deleted_at is null
    )
    select state, count(*) as number from standing group by state
    union all
    select
        case when s.auth_failing_since is not null or exists (
            select from interface_operations as o
            where o.service_id = s.service_id and o.removed_at is null and o.status = 'down'
        ) then 'services failing' else 'services' end,
        count(*)
    from interface_services as s
    where s.removed_at is null
    group by 1
"""
