"""The SQL that changes backfills. The server's clock is the only one that counts."""

from __future__ import annotations

from app.db.leases.sql import CLAIMED, LeasedTable
from app.db.leases.sql import LOST as LOST_WORKER
from app.db.retention import Retention

WINDOWS = LeasedTable("backfill_windows", "window_id")

HOLD_AFTER = 3
"""So many windows without an answer in a row, and the source is taken to be down: the backfill waits."""
ROUNDS_AT_MOST = "interval '1 day'"
"""A source that is down uses up no attempts of a window for so long."""

# While the source is down one window at a time finds out whether it is back.
_ALLOWED = f"case when failures_in_row >= {HOLD_AFTER} then 1 else concurrency end"

OPEN = "cancelled_at is null and finished_at is null"
WORKABLE = f"{OPEN} and paused_at is null and coalesce(held_until <= clock_timestamp(), true)"
CLAIMABLE = """(
    state = 'pending' and not_before <= clock_timestamp()
    or state = 'claimed' and lease_until <= clock_timestamp()
)"""

ADD = """
    insert into backfills (description, reprocess, newest_first, concurrency)
    values ($1, $2, $3, $4)
    returning backfill_id
"""

ADD_WINDOWS = """
    insert into backfill_windows (backfill_id, position, item, area, window_start, window_end)
    select $1, position, item, area, window_start, window_end
    from unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
        with ordinality as planned (item, area, window_start, window_end, position)
"""

COMPLETE = """
    update backfills
    set finished_at = clock_timestamp(), paused_at = null, pause_reason = '', held_until = null
    where
        backfill_id = $1
        and cancelled_at is null
        and finished_at is null
        and not exists (
            select from backfill_windows where backfill_id = $1 and state in ('pending', 'claimed')
        )
"""

# Whether there is something to claim, for who has ended a window: at the end of a backfill there is not.
LEFT = f"""
    select exists (
        select from backfill_windows
        where backfill_id = $1 and state in ('pending', 'claimed') and {CLAIMABLE}
    )
"""  # noqa: S608  constants

ANY_OPEN = f"select exists (select from backfills where {OPEN})"  # noqa: S608  constants

OPENINGS = f"""
    select backfill_id, least(claimable.windows, {_ALLOWED} - underway.windows)::integer as windows
    from backfills
    cross join lateral (
        select count(*) as windows
        from backfill_windows as w
        where w.backfill_id = backfills.backfill_id and state = 'claimed' and lease_until > clock_timestamp()
    ) as underway
    cross join lateral (
        select count(*) as windows
        from (
            select
            from backfill_windows as w
            where w.backfill_id = backfills.backfill_id and {CLAIMABLE}
            limit concurrency
        ) as first_ones
    ) as claimable
    where {WORKABLE} and ($1::bigint is null or backfill_id = $1)
        and least(claimable.windows, {_ALLOWED} - underway.windows) > 0
    order by backfill_id
"""  # noqa: S608  constants

LOCK_OPEN = f"select backfill_id from backfills where backfill_id = $1 and {WORKABLE} for update"  # noqa: S608
LOCK = "select from backfills where backfill_id = $1 for update"
LOCK_MANY = "select from backfills where backfill_id = any($1::bigint[]) order by backfill_id for update"

# A window that failed waits behind those that were never tried.
CLAIM = f"""
    update backfill_windows as w
    set {CLAIMED.format(worker="$2", lasts="$3")},
        claimed_at = clock_timestamp()
    from (
        select window_id
        from backfill_windows
        where
            backfill_id = $1
            and state in ('pending', 'claimed')
            and {CLAIMABLE}
            -- What took too many workers along is for nobody, also before somebody gives it up.
            and (state = 'pending' or attempts < $4)
            and (
                select count(*)
                from backfill_windows as underway
                where underway.backfill_id = $1 and state = 'claimed' and lease_until > clock_timestamp()
            ) < (select {_ALLOWED} from backfills where backfill_id = $1)
        order by attempts, position
        limit 1
        for update skip locked
    ) as next
    where w.window_id = next.window_id
    returning w.window_id, backfill_id, item, area, window_start, window_end, lease, attempts
"""  # noqa: S608  constants

END = """
    update backfill_windows
    set
        state = $3,
        lease = null,
        lease_until = null,
        run_id = $4,
        requests = requests + $5,
        error_class = $6,
        error_message = $7,
        ended_at = clock_timestamp()
    where window_id = $1 and lease = $2 and state = 'claimed'
    returning true
"""

ANSWERED = """
    update backfills
    set failures_in_row = 0, held_until = null, held_at = null, failing_since = null, last_error = ''
    where backfill_id = $1 and (failures_in_row > 0 or held_until is not null)
"""

RETRY_LATER = """
    update backfill_windows
    set
        state = 'pending',
        lease = null,
        lease_until = null,
        not_before = clock_timestamp() + $3::interval,
        error_class = $4,
        error_message = $5,
        run_id = coalesce($6, run_id),
        requests = requests + $7
    where window_id = $1 and lease = $2 and state = 'claimed'
    returning true
"""

# One round is what was claimed before the source was known to be down, however many windows fail of it.
UNANSWERED = """
    update backfills
    set
        failures_in_row = failures_in_row + (claimed_at >= coalesce(held_at, '-infinity'))::integer,
        failing_since = coalesce(failing_since, clock_timestamp()),
        last_error = $2
    from backfill_windows as w
    where backfills.backfill_id = $1 and w.window_id = $3
    returning failures_in_row, claimed_at >= coalesce(held_at, '-infinity') as counted
"""

HOLD = """
    update backfills
    set held_until = clock_timestamp() + $2::interval, held_at = clock_timestamp()
    where backfill_id = $1
"""

# The source was down, which says nothing of the window.
REFUND = f"""
    update backfill_windows as w
    set attempts = w.attempts - 1
    from backfills
    where
        w.window_id = $1
        and w.attempts > 0
        and backfills.backfill_id = w.backfill_id
        and failing_since > clock_timestamp() - {ROUNDS_AT_MOST}
"""  # noqa: S608  constants

# Somebody else was answered since: what waits for the source goes on at once.
RELEASE = f"""
    with released as (
        update backfills
        set held_until = null, held_at = null, failing_since = null, failures_in_row = 0
        where
            {OPEN}
            and held_at is not null
            and exists (
                select
                from collection_runs
                where
                    finished_at > held_at
                    and started_at > held_at
                    and (outcome <> 'failed' or error_class <> all($1::text[]))
            )
        returning backfill_id
    )
    update backfill_windows as w
    set not_before = '-infinity'
    from released
    where w.backfill_id = released.backfill_id and state = 'pending' and error_class = any($1::text[])
    returning w.backfill_id
"""  # noqa: S608  constants

LOST = """
    select window_id, backfill_id
    from backfill_windows
    where state = 'claimed' and lease_until <= clock_timestamp() and attempts >= $1
"""

GIVE_UP = f"""
    update backfill_windows
    set {LOST_WORKER.format(what="window")}
    where window_id = any($1::bigint[]) and state = 'claimed' and lease_until <= clock_timestamp()
    returning window_id
"""  # noqa: S608  constants

PAUSE = f"""
    update backfills
    set paused_at = coalesce(paused_at, clock_timestamp()), pause_reason = $2
    where backfill_id = $1 and {OPEN}
    returning backfill_id
"""  # noqa: S608  constants

RESUME = f"""
    update backfills
    set
        paused_at = null, pause_reason = '', held_until = null, held_at = null, failing_since = null,
        failures_in_row = 0
    where backfill_id = $1 and {OPEN}
    returning backfill_id
"""  # noqa: S608  constants

CANCEL = f"""
    update backfills
    set cancelled_at = clock_timestamp(), paused_at = null, pause_reason = '', held_until = null
    where backfill_id = $1 and {OPEN}
    returning backfill_id
"""  # noqa: S608  constants

FORGET_ASKED = "delete from asked_ranges where backfill_id = $1"

CANCEL_WINDOWS = """
    update backfill_windows
    set state = 'cancelled', lease = null, lease_until = null, ended_at = clock_timestamp()
    where backfill_id = $1 and state in ('pending', 'claimed')
    returning window_id
"""

RETRY_FAILED = """
    update backfill_windows
    set
        state = 'pending',
        attempts = 0,
        not_before = '-infinity',
        error_class = '',
        error_message = '',
        ended_at = null
    where backfill_id = $1 and state = 'failed'
    returning window_id
"""

REOPEN = """
    update backfills
    set
        finished_at = null, held_until = null, held_at = null, failing_since = null, failures_in_row = 0,
        last_error = ''
    where backfill_id = $1
"""

_PRUNE = """
    delete from backfills
    where coalesce(cancelled_at, finished_at) < clock_timestamp() - $1::interval
"""

RETAINED = (
    Retention(
        "backfills",
        "coalesce(cancelled_at, finished_at)",
        "backfill.history_days",
        only="backfills that are over, with their windows",
        statement=_PRUNE,
    ),
)

SLOWED = f"""
    update backfills
    set slowed_at = clock_timestamp(), slowed_by = $1
    where {WORKABLE} and ($2::bigint is null or backfill_id = $2)
"""  # noqa: S608  constants
