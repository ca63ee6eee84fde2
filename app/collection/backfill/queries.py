"""What is read of backfills: what they ask for, how they go on, what failed."""

from __future__ import annotations

from app.collection.backfill.sql import CLAIMABLE, OPEN, WORKABLE

QUEUED = f"""
    select item, area, window_start, window_end
    from backfill_windows
    join backfills using (backfill_id)
    join unnest($1::text[], $2::text[]) as wanted (item, area) using (item, area)
    where {OPEN} and state in ('pending', 'claimed')
"""  # noqa: S608  constants

# The failed runs, each unless a later question for its whole window brought values that could all be read. With each
# the later questions that came back empty: one of them proves nothing, and none that was asked in an incident.
LAST_FAILED = """
    select runs.item, runs.area, runs.window_start, runs.window_end,
        array_remove(array_agg(later.started_at order by later.started_at), null) as empty_at
    from (
        select distinct on (item, area, window_start, window_end)
            item, area, window_start, window_end, started_at, run_id
        from collection_runs
        join unnest($1::text[], $2::text[]) as wanted (item, area) using (item, area)
        where outcome = 'failed' or rejected > 0
        order by item, area, window_start, window_end, started_at desc, run_id desc
    ) as runs
    left join collection_runs as later
        on
            later.item = runs.item
            and later.area = runs.area
            and later.window_start <= runs.window_start
            and later.window_end >= runs.window_end
            and (later.started_at, later.run_id) > (runs.started_at, runs.run_id)
            and later.outcome <> 'failed'
            and later.rejected = 0
            and not (
                later.outcome = 'empty'
                and exists (
                    select from empty_incidents
                    where later.finished_at >= began_at and coalesce(later.finished_at <= ended_at, true)
                )
            )
    group by runs.item, runs.area, runs.window_start, runs.window_end
    having coalesce(bool_and(later.outcome = 'empty'), true)
    order by 1, 2, 3, 4
"""

MOST_OPEN = 200
"""Of those that are not over, however many are listed: each is counted anew."""

# Between two windows a worker holds none for a moment.
PROGRESS = f"""
    select
        backfills.*,
        case
            when cancelled_at is not null then 'cancelled'
            when finished_at is not null then 'completed'
            when paused_at is not null then 'paused'
            when held_until > clock_timestamp() then 'held'
            else 'running'
        end as state,
        {WORKABLE} and claimable and holders = '{{}}'
            and coalesce(last_ended < clock_timestamp() - interval '10 seconds', true) as waiting,
        case
            when paused_at is not null then pause_reason
            when held_until > clock_timestamp() then
                'several windows failed one after the other; next try at '
                || to_char(held_until at time zone 'UTC', 'HH24:MI:SS') || ' UTC: ' || last_error
            when finished_at is null and slowed_at > clock_timestamp() - interval '1 minute' then
                'slowed down: ' || slowed_by
            else ''
        end as reason,
        counts.*,
        recent.*,
        live.*
    from backfills
    cross join lateral (
        select
            -- A window whose worker is gone waits like any other.
            count(*) filter (where state = 'pending' or state = 'claimed' and lease_until <= clock_timestamp()) as pending,
            count(*) filter (where state = 'claimed' and lease_until > clock_timestamp()) as claimed,
            count(*) filter (where state = 'stored') as stored,
            count(*) filter (where state = 'empty') as empty,
            count(*) filter (where state = 'failed') as failed,
            count(*) filter (where state = 'cancelled') as cancelled,
            coalesce(sum(requests), 0)::bigint as requests,
            max(ended_at) as last_ended,
            coalesce(bool_or(state in ('pending', 'claimed') and {CLAIMABLE}), false) as claimable
        from backfill_windows as w
        where w.backfill_id = backfills.backfill_id
    ) as counts
    -- What the last windows took: how many ended within how long, and how long each was worked on.
    cross join lateral (
        select
            count(*) as recent_windows,
            coalesce(extract(epoch from max(latest.ended_at) - min(latest.ended_at)), 0)::float8 as recent_seconds,
            avg(api_seconds + parse_seconds + store_seconds) as window_seconds
        from (
            select ended_at, run_id
            from backfill_windows as w
            where
                w.backfill_id = backfills.backfill_id
                and state in ('stored', 'empty', 'failed')
                and ended_at > clock_timestamp() - interval '3 minutes'
            order by ended_at desc
            limit 200
        ) as latest
        left join collection_runs using (run_id)
    ) as recent
    cross join lateral (
        select
            coalesce(array_agg(claimed_by order by claimed_by), '{{}}') as holders,
            coalesce(array_agg(windows order by claimed_by), '{{}}') as holders_windows,
            coalesce(array_agg(until order by claimed_by), '{{}}') as holders_until
        from (
            select claimed_by, count(*) as windows, max(lease_until) as until
            from backfill_windows as w
            where
                w.backfill_id = backfills.backfill_id
                and state = 'claimed'
                and lease_until > clock_timestamp()
            group by claimed_by
        ) as holder
    ) as live
    where
        backfill_id = $1
        or $1::bigint is null
        and (
            backfill_id in (
                select backfill_id from backfills
                where finished_at is null and cancelled_at is null
                order by backfill_id desc
                limit {MOST_OPEN}
            )
            or backfill_id in (select backfill_id from backfills order by backfill_id desc limit $2)
        )
    order by backfill_id desc
"""  # noqa: S608  constants

STATES = """
    select
        backfill_id,
        case
            when cancelled_at is not null then 'cancelled'
            when finished_at is not null then 'completed'
            when paused_at is not null then 'paused'
            when held_until > clock_timestamp() then 'held'
            else 'running'
        end as state,
        case
            when paused_at is not null then pause_reason
            when held_until > clock_timestamp() then last_error
            else ''
        end as reason
    from backfills
    where backfill_id = any($1::bigint[])
"""

# What windows of these items and areas took lately: requests each, and seconds of work each.
MEASURED = """
    select avg(requests)::float8 as requests, avg(api_seconds + parse_seconds + store_seconds) as seconds
    from (
        select requests, api_seconds, parse_seconds, store_seconds
        from collection_runs
        where outcome <> 'failed' and requests > 0 and item = any($1::text[]) and area = any($2::text[])
        order by finished_at desc
        limit 200
    ) as latest
"""

FAILURES = """
    select item, area, window_start as start, window_end as "end", attempts, error_class, error_message, run_id
    from backfill_windows
    where backfill_id = $1 and (state = 'failed' or state = 'pending' and error_class <> '')
    order by position
    limit $2
"""

WINDOWS = """
    select position, item, area, window_start as start, window_end as "end", state, attempts, requests,
        case when state = 'claimed' then claimed_by else '' end as claimed_by,
        ended_at, error_class, error_message, run_id
    from backfill_windows
    where backfill_id = $1 and ($2::text is null or state = $2) and position > $3
    order by position
    limit $4
"""
