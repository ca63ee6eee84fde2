"""The SQL of windows that a job hands to workers. The server's clock is the only one that counts."""

from __future__ import annotations

from datetime import timedelta

from app.db.retention import Retention

ADD = """
    insert into shared_windows (batch_id, lane, position, item, area, window_start, window_end)
    select $1, $2, position, item, area, window_start, window_end
    from unnest($3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
        with ordinality as planned (item, area, window_start, window_end, position)
    order by position
    returning window_id
"""

CLAIM = """
    update shared_windows
    set
        state = 'claimed',
        attempts = attempts + 1,
        claimed_by = $2,
        lease = gen_random_uuid(),
        lease_until = clock_timestamp() + $3::interval
    where
        window_id = $1
        and attempts < $4
        and (state = 'pending' or state = 'claimed' and lease_until <= clock_timestamp())
    returning window_id, lane, item, area, window_start, window_end, lease
"""

EXTEND = """
    update shared_windows
    set lease_until = clock_timestamp() + $2::interval
    where lease = any($1::uuid[]) and state = 'claimed'
    returning lease
"""

END = """
    update shared_windows
    set state = $2, lease = null, lease_until = null, run_id = $3, error_class = $4, error_message = $5,
        ended_at = clock_timestamp()
    where lease = $1 and state = 'claimed'
"""

HAND_BACK = """
    update shared_windows
    set state = 'pending', attempts = attempts - 1, lease = null, lease_until = null
    where lease = $1 and state = 'claimed'
"""

ENDED = """
    select
        shared.window_id, shared.state, shared.claimed_by, shared.error_class as lost, shared.error_message as why,
        runs.run_id, runs.source, runs.started_at, runs.finished_at, runs.outcome,
        coalesce(runs.error_class, '') as error_class, coalesce(runs.error_message, '') as error_message,
        runs.received, runs.new, runs.revised, runs.unchanged, runs.vanished,
        runs.requests, runs.retries, runs.bytes, runs.api_seconds, runs.parse_seconds, runs.store_seconds
    from shared_windows as shared
    left join collection_runs as runs on runs.run_id = shared.run_id
    where shared.window_id = any($1::bigint[]) and shared.state in ('ended', 'failed')
    order by shared.position
"""

GIVE_UP = """
    update shared_windows
    set
        state = 'failed',
        lease = null,
        lease_until = null,
        error_class = 'WorkerLost',
        error_message = 'the process that worked on it ended ' || attempts || ' times before the window did',
        ended_at = clock_timestamp()
    where
        window_id = any($1::bigint[]) and state = 'claimed' and lease_until <= clock_timestamp() and attempts >= $2
"""

LIVE_HOLDERS = """
    select distinct claimed_by
    from shared_windows
    where window_id = any($1::bigint[]) and state = 'claimed' and lease_until > clock_timestamp()
"""

FREE = """
    update shared_windows
    set lease_until = clock_timestamp()
    where
        window_id = any($1::bigint[]) and claimed_by = any($2::text[])
        and state = 'claimed' and lease_until > clock_timestamp()
"""

CLAIMABLE = """
    select window_id
    from shared_windows
    where
        window_id = any($1::bigint[])
        and (state = 'pending' or state = 'claimed' and lease_until <= clock_timestamp())
    order by position
"""

CANCEL = """
    update shared_windows
    set state = 'cancelled', lease = null, lease_until = null, ended_at = clock_timestamp()
    where window_id = any($1::bigint[]) and state in ('pending', 'claimed')
"""

RETAINED = (Retention("shared_windows", "created_at", timedelta(days=1)),)
"""Their runs are kept with all others."""
