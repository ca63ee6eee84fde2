"""The SQL of windows that a job hands to workers, beyond that of their leases."""

from __future__ import annotations

from datetime import timedelta

from app.db.leases.sql import LeasedTable
from app.db.retention import Retention

WINDOWS = LeasedTable("shared_windows", "window_id")

ADD = """
    insert into shared_windows (batch_id, lane, position, item, area, window_start, window_end)
    select $1, $2, position, item, area, window_start, window_end
    from unnest($3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
        with ordinality as planned (item, area, window_start, window_end, position)
    order by position
    returning window_id
"""

END = """
    update shared_windows
    set state = 'ended', lease = null, lease_until = null, run_id = $2, ended_at = clock_timestamp()
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

RETAINED = (Retention("shared_windows", "created_at", timedelta(days=1)),)
"""Their runs are kept with all others."""
