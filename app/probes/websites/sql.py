"""The statements of websites, of their states, results and windows."""

from __future__ import annotations

from datetime import timedelta

from app.db.retention import Retention
from app.probes.evidence.sql import JOIN_SEEN, SEEN

CHECKS = Retention("website_checks", "at", "probes.checks_days")
DELETED = Retention(
    "websites",
    "deleted_at",
    timedelta(0),
    only="websites that were deleted, once their results have gone",
    condition="not exists (select from website_checks as c where c.website_id = websites.website_id)",
)
RETAINED = (CHECKS, DELETED)

_DRAFT = """
    url, name, enabled, check_interval, method, headers, body, timeout_seconds, follow_redirects, conditions, failures,
    successes, labels, note, regions, quorum, address_family, client_certificate, client_key, proxy
"""
DRAFT_COLUMNS = tuple(name.strip() for name in _DRAFT.split(","))
STATE = """
    version, status, changed_at, latest_at, checked_at, known_until, due_at, failures, first_failed_at, successes,
    first_succeeded_at, breaks, break_until, unknown, reason
"""
# Both have columns `failures` and `successes`: what people chose, and what was counted.
_COLUMNS = f"""
    select
        w.website_id, w.created_at, w.updated_at, w.managed_by,
        {", ".join(f"w.{name}" for name in DRAFT_COLUMNS)},
        w.headers::text as headers_text, w.labels::text as labels_text,
        {", ".join(f"s.{name.strip()} as state_{name.strip()}" for name in STATE.split(","))}
"""
_WEBSITES = f"""
    {_COLUMNS}
    from websites as w
    join website_states as s using (website_id)
    where w.deleted_at is null
"""
# As one region knows them; others name it not, or no region at all.
_OF_REGION = f"""
    {_COLUMNS}
    from websites as w
    join website_region_states as s on s.website_id = w.website_id and s.region = $1
    where w.deleted_at is null and $1 = any(w.regions)
"""

PAGE = f"{_WEBSITES} and w.website_id > $1 order by w.website_id limit $2"
OF_SHARDS = f"{_WEBSITES} and w.regions = '{{}}' and w.website_id % $2 = any($1::bigint[]) order by w.website_id"
OF_SHARDS_OF_REGION = f"{_OF_REGION} and w.website_id % $3 = any($2::bigint[]) order by w.website_id"
READ_OF_REGION = f"{_OF_REGION} and w.website_id = any($2::bigint[])"
ALL = f"{_WEBSITES} order by w.website_id"
READ = f"{_WEBSITES} and w.website_id = any($1::bigint[])"
# Not `for update`: who keeps results holds the state and names the website in a window, so that each would wait for the other.
LOCKED = f"{_WEBSITES} and w.website_id = $1 for no key update"
NAMED = f"{_WEBSITES} and w.name = $1 order by w.website_id"
OF_URL = "select website_id, name from websites where url_key = $1 and deleted_at is null"

ADD = f"""
    insert into websites ({_DRAFT}, url_key, created_at, updated_at, managed_by)
    values ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10, $11, $12, $13::text::jsonb, $14, $15, $16, $17, $18, $19, $20,
        $21, $22, $22, $23)
    on conflict (url_key) where deleted_at is null do nothing
    returning website_id
"""  # noqa: S608  names of columns

CHANGE = f"""
    update websites
    set ({_DRAFT}, url_key, updated_at, managed_by) = (
        $1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10, $11, $12, $13::text::jsonb, $14, $15, $16, $17, $18, $19, $20,
        $21, $22, coalesce($24, managed_by)
    )
    where website_id = $23
"""  # noqa: S608  names of columns

ADD_STATE = f"""
    insert into website_states (website_id, {STATE})
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""  # noqa: S608  names of columns

WRITE_STATE = f"""
    update website_states
    set ({STATE}) = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
    where website_id = $1
"""  # noqa: S608  names of columns

# Only whoever knew the state before it writes the next one: a result of before an edit, or of a leader that has fallen,
# changes nothing.
ADVANCE_STATES = f"""
    update website_states as s
    set ({STATE}) = (
        n.version, n.status, n.changed_at, n.latest_at, n.checked_at, n.known_until, n.due_at, n.failures,
        n.first_failed_at, n.successes, n.first_succeeded_at, n.breaks, n.break_until, n.unknown, n.reason
    )
    from unnest(
        $1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
        $7::timestamptz[], $8::timestamptz[], $9::int[], $10::timestamptz[], $11::int[], $12::timestamptz[], $13::int[],
        $14::timestamptz[], $15::bool[], $16::text[]
    ) as n (website_id, {STATE})
    where s.website_id = n.website_id and s.version = n.version - 1
    returning s.website_id
"""  # noqa: S608  names of columns

CHECK_COLUMNS = """
    at, ok, reason, region, status, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms, bytes, attempts, address,
    http_version, final_url, certificate_ends_at, message, excerpt, details
"""
CHECK_NAMES = tuple(name.strip() for name in CHECK_COLUMNS.split(","))

ADD_CHECK = f"""
    insert into website_checks (website_id, {CHECK_COLUMNS})
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20::text::jsonb)
    on conflict do nothing
"""  # noqa: S608  names of columns

# `$4`: only those that failed.
CHECKS_OF = f"""
    with c as (
        select *
        from website_checks
        where website_id = $1 and ($2::timestamptz is null or at < $2) and (not $4::bool or not ok)
        order by at desc
        limit $3
    )
    select {", ".join(f"c.{name}" for name in CHECK_NAMES if name != "details")}, c.details::text as details, {SEEN}
    from c
    {JOIN_SEEN}
    order by c.at desc
"""  # noqa: S608  names of columns

OPEN_WINDOW = """
    insert into website_windows (website_id, kind, started_at, ended_at, reason)
    values ($1, $2, $3, $4, $5)
"""

# A window that would end where it began never was.
END_WINDOW = """
    with open as (
        select window_id, started_at from website_windows
        where website_id = $1 and kind = $2 and ended_at is null
    ), gone as (
        delete from website_windows using open
        where website_windows.window_id = open.window_id and open.started_at >= $3
    )
    update website_windows set ended_at = $3
    from open
    where website_windows.window_id = open.window_id and open.started_at < $3
"""

WINDOWS_OF = """
    select window_id, kind, started_at, ended_at, reason, note, acknowledged_at, acknowledged_by
    from website_windows
    where
        website_id = $1
        and kind = $2
        and ($3::timestamptz is null or (started_at, window_id) < ($3, $4))
    order by started_at desc, window_id desc
    limit $5
"""

DOWNTIME = """
    select window_id, kind, started_at, ended_at, reason, note, acknowledged_at, acknowledged_by
    from website_windows
    where website_id = $1 and window_id = $2 and kind = 'down'
"""

WINDOWS_WITHIN = """
    select website_id, window_id, kind, started_at, ended_at, reason, note, acknowledged_at, acknowledged_by
    from website_windows
    where
        ($1::bigint[] is null or website_id = any($1))
        and started_at < $3
        and (ended_at is null or ended_at > $2)
    order by website_id, started_at
"""

ANNOTATE = """
    update website_windows
    set
        note = coalesce($5, note),
        acknowledged_at = case when $4::bool then coalesce(acknowledged_at, $6) when not $4 then null else acknowledged_at end,
        acknowledged_by = case
            when $4 then case when acknowledged_at is null then $3 else acknowledged_by end
            when not $4 then ''
            else acknowledged_by
        end
    where window_id = (
        select window_id from website_windows
        where website_id = $1 and kind = 'down' and ($2::bigint is null or window_id = $2)
        order by started_at desc
        limit 1
    )
    returning window_id, kind, started_at, ended_at, reason, note, acknowledged_at, acknowledged_by
"""

DELETE = "update websites set deleted_at = $2 where website_id = $1 and deleted_at is null returning website_id"
DELETE_STATE = "delete from website_states where website_id = $1"
DELETE_REGION_STATES = "delete from website_region_states where website_id = $1"
DELETE_WINDOWS = "delete from website_windows where website_id = $1"
DELETE_PLANS = "delete from website_maintenance where website_id = $1"
DELETED_IDS = "select website_id from websites where deleted_at is not null order by website_id"
# A `ctid` names a row of one chunk only, so a part is chosen by time.
DELETE_CHECKS = """
    delete from website_checks
    where website_id = $1 and at <= coalesce(
        (select at from website_checks where website_id = $1 order by at offset $2 limit 1), 'infinity'
    )
"""
TELL = "select pg_notify($1, $2)"
