"""The statements of services whose interfaces are probed."""

from __future__ import annotations

from datetime import timedelta

from app.db.retention import Retention

RESULTS = Retention("interface_results", "at", "probes.checks_days")
CYCLES = Retention("interface_cycles", "started_at", "probes.checks_days")
CHANGES = Retention("interface_changes", "at", "probes.checks_days")
OPERATIONS = Retention(
    "interface_operations",
    "removed_at",
    timedelta(0),
    only="operations that are probed no more, once their results have gone",
    condition="""
        removed_at is not null
        and not exists (
            select from interface_results as r where r.operation_id = interface_operations.operation_id
        )
    """,
)
SERVICES = Retention(
    "interface_services",
    "removed_at",
    timedelta(0),
    only="services that the file has no more, once their operations have gone",
    condition="""
        removed_at is not null
        and not exists (
            select from interface_operations as o where o.service_id = interface_services.service_id
        )
    """,
)
RETAINED = (RESULTS, CYCLES, CHANGES, OPERATIONS, SERVICES)

_OPERATION = """
    o.operation_id, o.method, o.origin, o.path, o.name, o.document, o.status, o.status_since, o.first_failed_at,
    o.failures, o.checked_at, o.reason, o.http_status, o.total_ms, o.message
"""
DOCUMENT_ROWS = """
    select s.name as service, d.file, d.scan, d.read_at, d.missing_since
    from interface_documents as d
    join interface_services as s using (service_id)
    where s.removed_at is null and s.name = any($1::text[])
"""
DOCUMENTS_OF = "select file, scan, read_at, missing_since from interface_documents where service_id = $1"

KEEP_SERVICE = """
    insert into interface_services as s (
        name, group_name, parent, base_urls, interval_seconds, described, scanned_at, scan_problem,
        scan_failing_since, created_at, auth
    )
    values ($1, $2, $3, $4, $5, $6, $7::timestamptz, $8, case when $8 = '' then null else $7::timestamptz end, $7, $9)
    on conflict (name) do update set
        group_name = $2,
        parent = $3,
        base_urls = $4,
        interval_seconds = $5,
        described = $6,
        scanned_at = $7,
        scan_problem = $8,
        scan_failing_since = case when $8 = '' then null else coalesce(s.scan_failing_since, $7) end,
        auth = $9,
        removed_at = null
    returning service_id
"""

KEEP_DOCUMENT = """
    insert into interface_documents (service_id, file, scan, read_at, missing_since)
    values ($1, $2, $3, $4, $5)
    on conflict (service_id, file) do update set scan = $3, read_at = $4, missing_since = $5
"""
FORGET_DOCUMENTS = "delete from interface_documents where service_id = $1 and file <> all($2::text[])"

KEEP_OPERATIONS = f"""
    insert into interface_operations as o (
        service_id, method, origin, path, name, document, status_since
    )
    select $1, n.method, n.origin, n.path, n.name, n.document, $2
    from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
        as n (method, origin, path, name, document)
    on conflict (service_id, method, origin, path) do update set
        name = excluded.name,
        document = excluded.document,
        status = case when o.removed_at is null then o.status else 'unknown' end,
        status_since = case when o.removed_at is null then o.status_since else $2 end,
        failures = case when o.removed_at is null then o.failures else 0 end,
        removed_at = null
    returning {_OPERATION}
"""  # noqa: S608  names of columns
REMOVE_OPERATIONS = """
    update interface_operations
    set removed_at = $2
    where service_id = $1 and removed_at is null and operation_id <> all($3::bigint[])
"""

ADD_CHANGE = """
    insert into interface_changes (service_id, at, kind, method, path, name, document, breaking, parts)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

REMOVE_SERVICES = """
    with gone as (
        update interface_services
        set removed_at = $2, next_due_at = null, requested_at = null
        where removed_at is null and name <> all($1::text[])
        returning service_id
    )
    update interface_operations as o
    set removed_at = $2
    from gone
    where o.service_id = gone.service_id and o.removed_at is null
    returning o.service_id
"""

ADD_RESULT = """
    insert into interface_results (
        operation_id, at, ok, reason, status, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms, bytes, attempts,
        address, message, excerpt, steps
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16::text::jsonb)
    on conflict do nothing
"""

# What waited for the database while another process took the service over is older than what that one found.
KEEP_STATES = """
    update interface_operations as o
    set (
        status, status_since, first_failed_at, failures, checked_at, reason, http_status, total_ms, message
    ) = (
        n.status, n.status_since, n.first_failed_at, n.failures, n.checked_at, n.reason, n.http_status, n.total_ms,
        n.message
    )
    from unnest(
        $1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::int[], $6::timestamptz[], $7::text[],
        $8::smallint[], $9::real[], $10::text[]
    ) as n (
        operation_id, status, status_since, first_failed_at, failures, checked_at, reason, http_status, total_ms, message
    )
    where o.operation_id = n.operation_id and (o.checked_at is null or o.checked_at <= n.checked_at)
"""

SERVICES_OF = "select distinct service_id from interface_operations where operation_id = any($1::bigint[])"

KEEP_CYCLE = """
    insert into interface_cycles as c (
        service_id, started_at, due_at, trigger, outcome, operations, finished_at, checked, failed, ours, p50_ms, p95_ms,
        p99_ms, slowest
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14::text::jsonb)
    on conflict (service_id, started_at) do update set
        outcome = $5, operations = $6, finished_at = $7, checked = $8, failed = $9, ours = $10, p50_ms = $11,
        p95_ms = $12, p99_ms = $13, slowest = $14::text::jsonb
"""
ABORT_CYCLES = """
    update interface_cycles as c
    set outcome = 'aborted', finished_at = greatest($2, c.started_at)
    from interface_services as s
    where s.service_id = c.service_id and s.name = any($1::text[]) and c.outcome = 'running'
    returning s.name
"""
ABORT_REMOVED = """
    update interface_cycles as c
    set outcome = 'aborted', finished_at = greatest($1, c.started_at)
    from interface_services as s
    where s.service_id = c.service_id and s.removed_at is not null and c.outcome = 'running'
"""
SETTLE_PENDING = """
    update interface_operations as o
    set status = 'unknown', failures = 0, first_failed_at = null
    from interface_services as s
    where s.service_id = o.service_id and s.name = any($1::text[]) and o.status = 'pending'
"""
DUE_AT = "select name, next_due_at from interface_services where removed_at is null and name = any($1::text[])"
PLACE_DUE = """
    update interface_services as s
    set next_due_at = n.due_at
    from unnest($1::text[], $2::timestamptz[]) as n (name, due_at)
    where s.name = n.name and s.removed_at is null
"""
BEGUN = """
    update interface_services
    set requested_at = case when requested_at <= $2 and requested_suite = '' then null else requested_at end
    where service_id = $1
"""
SUITE_BEGUN = """
    update interface_services
    set requested_at = null, requested_suite = ''
    where name = $1 and requested_suite <> ''
"""
KEEP_DUE = "update interface_services set next_due_at = $2 where service_id = $1"
KEEP_AUTH = """
    update interface_services
    set auth_problem = $2, auth_failing_since = case when $2 = '' then null else coalesce(auth_failing_since, $3) end
    where service_id = $1
"""
SETTLE = """
    update interface_services
    set
        settled_at = $2,
        settled_failing = (
            select count(*) from interface_operations as o
            where o.service_id = $1 and o.removed_at is null and o.status = 'down'
        )
    where service_id = $1
"""

REQUEST = """
    update interface_services
    set requested_at = $2, requested_suite = $3
    where service_id = $1 and removed_at is null
    returning name
"""
REQUESTED = """
    select name, requested_suite, requested_at from interface_services
    where removed_at is null and requested_at is not null
"""
IS_REQUESTED = "select requested_at is not null from interface_services where service_id = $1"
RUNNING = """
    select started_at from interface_cycles
    where service_id = $1 and outcome = 'running'
    order by started_at desc
    limit 1
"""
TELL = "select pg_notify($1, $2)"

_SERVICE = """
    service_id, name, group_name, parent, interval_seconds, described, operations, failing, pending, unknown,
    failing_percent, failing_since, failing_parents, scanned_at, scan_problem, scan_failing_since, auth_problem,
    auth_failing_since, next_due_at, cycle_started_at, cycle_finished_at, cycle_outcome, p50_ms, p95_ms, p99_ms
"""
OVERVIEWS = f"""
    select {_SERVICE} from v_interface_services
    where service_id > $1
    order by service_id
    limit $2
"""  # noqa: S608  names of columns
OVERVIEW = f"select {_SERVICE} from v_interface_services where service_id = $1"  # noqa: S608  names of columns
NAMED = f"select {_SERVICE} from v_interface_services where name = $1"  # noqa: S608  names of columns

# What fails comes first, the longest failing before the others.
OPERATIONS_OF = f"""
    select s.name as service, {_OPERATION}
    from interface_operations as o
    join interface_services as s using (service_id)
    where
        o.service_id = $1
        and o.removed_at is null
        and ($2::text is null or o.status = $2)
        and o.operation_id > $3
    order by o.operation_id
    limit $4
"""  # noqa: S608  names of columns
WORST_OF = f"""
    select s.name as service, {_OPERATION}
    from interface_operations as o
    join interface_services as s using (service_id)
    where o.service_id = $1 and o.removed_at is null
    order by
        array_position(array['down', 'pending', 'unknown', 'up'], o.status), o.status_since, o.total_ms desc nulls last,
        o.operation_id
    limit $2
"""  # noqa: S608  names of columns

CYCLES_OF = """
    select
        service_id, started_at, due_at, trigger, outcome, operations, finished_at, checked, failed, ours, p50_ms, p95_ms,
        p99_ms, slowest::text as slowest
    from interface_cycles
    where service_id = $1 and ($2::timestamptz is null or started_at < $2)
    order by started_at desc
    limit $3
"""
OPERATION = f"""
    select s.name as service, {_OPERATION}
    from interface_operations as o
    join interface_services as s using (service_id)
    where o.operation_id = $1 and o.removed_at is null
"""  # noqa: S608  names of columns
OPERATION_IS = "select 1 from interface_operations where operation_id = $1"
_RESULT = """
    at, ok, reason, status, dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms, bytes, attempts, address, message,
    excerpt, steps::text as steps
"""
RESULTS_OF = f"""
    select {_RESULT}
    from interface_results
    where operation_id = $1 and ($2::timestamptz is null or at < $2)
    order by at desc
    limit $3
"""  # noqa: S608  names of columns
SUITES_OF = f"""
    select s.name as service, {_OPERATION}
    from interface_operations as o
    join interface_services as s using (service_id)
    where o.service_id = $1 and o.removed_at is null and o.method = 'SUITE'
    order by o.name, o.operation_id
"""  # noqa: S608  names of columns
LAST_RESULTS = f"""
    select asked.operation_id, latest.*
    from unnest($1::bigint[]) as asked (operation_id)
    cross join lateral (
        select {_RESULT}
        from interface_results as r
        where r.operation_id = asked.operation_id
        order by r.at desc
        limit 1
    ) as latest
"""  # noqa: S608  names of columns
CHANGES_OF = """
    select at, kind, method, path, name, document, breaking, parts, change_id
    from interface_changes
    where service_id = $1 and ($2::bigint is null or change_id < $2)
    order by change_id desc
    limit $3
"""
