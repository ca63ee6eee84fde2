"""Services whose interfaces are probed, their operations, cycles and results, and what changed in their documents."""

from __future__ import annotations

from alembic import op

from app.db.migrations.views import create_views, drop_views

revision = "0130"
down_revision = "0126"
branch_labels = None
depends_on = None

REASONS = """
    'dns', 'connect', 'refused', 'tls', 'certificate', 'timeout', 'protocol', 'status', 'condition', 'too_large',
    'redirect_loop', 'blocked', 'ours'
"""

TABLES = (
    """
    create table interface_services (
        service_id       bigint generated always as identity primary key,
        name             text not null unique check (name <> ''),
        group_name       text not null default '',
        parent           text not null default '',
        base_urls        text[] not null default '{}',
        interval_seconds integer not null check (interval_seconds > 0),
        described        integer not null default 0,
        next_due_at      timestamptz,
        requested_at     timestamptz,
        scanned_at       timestamptz,
        scan_problem     text not null default '',
        scan_failing_since timestamptz,
        auth_problem     text not null default '',
        auth_failing_since timestamptz,
        settled_at       timestamptz,
        settled_failing  integer not null default 0,
        created_at       timestamptz not null,
        removed_at       timestamptz
    ) with (fillfactor = 70)
    """,
    "comment on table interface_services is 'Services of the file of interfaces, with how their probes stand'",
    "comment on column interface_services.described is 'operations that the documents describe, probed or not'",
    "comment on column interface_services.requested_at is 'somebody asked for a cycle then, which has not begun yet'",
    "comment on column interface_services.scan_problem is 'why a document cannot be read; what it said last stays in force'",
    "comment on column interface_services.auth_problem is 'why the service gives no token; its probes wait'",
    "comment on column interface_services.settled_failing is 'operations that were down when the last cycle ended'",
    "comment on column interface_services.removed_at is 'since when the file has it no more'",
    """
    create table interface_documents (
        service_id bigint not null references interface_services on delete cascade,
        file       text not null,
        scan       text not null,
        read_at    timestamptz not null,
        missing_since timestamptz,
        primary key (service_id, file)
    )
    """,
    "comment on table interface_documents is 'Each document of a service as it was last read in good order'",
    "comment on column interface_documents.scan is 'what the scanner found, as JSON'",
    "comment on column interface_documents.missing_since is 'since when it cannot be found or read'",
    """
    create table interface_operations (
        operation_id    bigint generated always as identity primary key,
        service_id      bigint not null references interface_services on delete cascade,
        method          text not null,
        origin          text not null,
        path            text not null,
        name            text not null default '',
        document        text not null default '',
        status          text not null default 'unknown' check (status in ('unknown', 'up', 'pending', 'down')),
        status_since    timestamptz not null,
        first_failed_at timestamptz,
        failures        integer not null default 0,
        checked_at      timestamptz,
        reason          text not null default '',
        http_status     smallint,
        total_ms        real,
        message         text not null default '',
        removed_at      timestamptz,
        unique (service_id, method, origin, path)
    ) with (fillfactor = 70)
    """,
    "comment on table interface_operations is 'Operations that are probed, with how each stands'",
    "comment on column interface_operations.origin is 'scheme, host and port that are asked'",
    "comment on column interface_operations.name is 'operationId of the document'",
    "comment on column interface_operations.status is 'pending: it failed and is asked again before it counts as down'",
    "comment on column interface_operations.status_since is 'of down: the first failed probe of the run that confirmed it'",
    "comment on column interface_operations.removed_at is 'since when it is not probed any more'",
    f"""
    create table interface_results (
        operation_id  bigint not null,
        at            timestamptz not null,
        ok            boolean not null,
        reason        text not null check (reason = '' or reason in ({REASONS})),
        status        smallint,
        dns_ms        real,
        connect_ms    real,
        tls_ms        real,
        first_byte_ms real,
        total_ms      real not null,
        bytes         bigint not null default 0,
        attempts      smallint not null default 1,
        address       text not null default '',
        message       text not null default '',
        excerpt       text not null default '',
        primary key (operation_id, at),
        check (ok = (reason = ''))
    )
    """,
    "comment on table interface_results is 'What came of an operation in a cycle: one row, however often it was asked'",
    "comment on column interface_results.operation_id is 'of interface_operations; no foreign key: results go in batches'",
    """
    create table interface_cycles (
        service_id  bigint not null references interface_services on delete cascade,
        started_at  timestamptz not null,
        due_at      timestamptz not null,
        trigger     text not null check (trigger in ('clock', 'manual')),
        outcome     text not null check (outcome in ('running', 'completed', 'skipped', 'aborted', 'auth')),
        finished_at timestamptz,
        operations  integer not null default 0,
        checked     integer not null default 0,
        failed      integer not null default 0,
        ours        integer not null default 0,
        p50_ms      real,
        p95_ms      real,
        p99_ms      real,
        slowest     jsonb not null default '[]',
        primary key (service_id, started_at)
    )
    """,
    "comment on table interface_cycles is 'Each time all operations of a service were probed, with its statistics'",
    "comment on column interface_cycles.outcome is 'skipped: the one before was still running; auth: the service gave no token'",
    "comment on column interface_cycles.slowest is 'the operations that took longest, as operation and ms'",
    """
    create table interface_changes (
        change_id  bigint generated always as identity primary key,
        service_id bigint not null references interface_services on delete cascade,
        at         timestamptz not null,
        kind       text not null check (kind in ('added', 'removed', 'changed')),
        method     text not null,
        path       text not null,
        name       text not null default '',
        document   text not null default '',
        breaking   boolean not null,
        parts      text[] not null default '{}'
    )
    """,
    "create index interface_changes_of on interface_changes (service_id, at)",
    "comment on table interface_changes is 'Operations that documents added, removed or changed between two scans'",
    "comment on column interface_changes.breaking is 'whether callers may break'",
)

VIEWS = {
    "v_interface_services": (
        "One row for each service whose interfaces are probed, with how it stands",
        """
        with recursive counted as (
            select
                service_id,
                count(*) as operations,
                count(*) filter (where status = 'down') as failing,
                count(*) filter (where status = 'pending') as pending,
                count(*) filter (where status = 'unknown') as unknown,
                min(status_since) filter (where status = 'down') as failing_since
            from interface_operations
            where removed_at is null
            group by service_id
        ), standing as (
            select
                s.*,
                coalesce(c.operations, 0) as operations,
                coalesce(c.failing, 0) as failing,
                coalesce(c.pending, 0) as pending,
                coalesce(c.unknown, 0) as unknown,
                c.failing_since
            from interface_services as s
            left join counted as c using (service_id)
            where s.removed_at is null
        ), above as (
            select name, parent, 1 as level from standing where parent <> ''
            union all
            select above.name, standing.parent, above.level + 1
            from above
            join standing on standing.name = above.parent
            where standing.parent <> '' and above.level < 20
        )
        select
            s.service_id,
            s.name,
            s.group_name,
            s.parent,
            s.interval_seconds,
            s.described,
            s.operations,
            s.failing,
            s.pending,
            s.unknown,
            case when s.operations > 0 then 100.0 * s.failing / s.operations else 0 end::double precision
                as failing_percent,
            s.failing_since,
            s.settled_failing,
            s.settled_at,
            coalesce(
                (
                    select string_agg(distinct p.name, ', ')
                    from above
                    join standing as p on p.name = above.parent
                    where above.name = s.name and (10 * p.failing > p.operations or p.auth_failing_since is not null)
                ),
                ''
            ) as failing_parents,
            s.scanned_at,
            s.scan_problem,
            s.scan_failing_since,
            s.auth_problem,
            s.auth_failing_since,
            s.next_due_at,
            latest.started_at as cycle_started_at,
            latest.finished_at as cycle_finished_at,
            latest.outcome as cycle_outcome,
            latest.p50_ms,
            latest.p95_ms,
            latest.p99_ms
        from standing as s
        left join lateral (
            select started_at, finished_at, outcome, p50_ms, p95_ms, p99_ms
            from interface_cycles as c
            where c.service_id = s.service_id and c.outcome <> 'skipped'
            order by c.started_at desc
            limit 1
        ) as latest on true
        """,
    ),
    "v_interface_operations": (
        "One row for each operation that is probed",
        """
        select
            o.operation_id,
            o.service_id,
            s.name as service,
            s.group_name,
            o.method,
            o.origin,
            o.path,
            o.name,
            o.document,
            o.status,
            o.status_since,
            o.failures,
            o.checked_at,
            o.reason,
            o.http_status,
            o.total_ms,
            o.message
        from interface_operations as o
        join interface_services as s using (service_id)
        where o.removed_at is null and s.removed_at is null
        """,
    ),
    "v_interface_results": (
        "One row for each operation and cycle",
        """
        select
            o.service_id,
            s.name as service,
            r.operation_id,
            o.method,
            o.origin,
            o.path,
            r.at,
            r.ok,
            r.reason,
            r.status,
            r.dns_ms,
            r.connect_ms,
            r.tls_ms,
            r.first_byte_ms,
            r.total_ms,
            r.bytes,
            r.attempts,
            r.address,
            r.message
        from interface_results as r
        join interface_operations as o using (operation_id)
        join interface_services as s using (service_id)
        """,
    ),
    "v_interface_cycles": (
        "One row for each time all operations of a service were probed",
        """
        select
            c.service_id,
            s.name as service,
            c.started_at,
            c.due_at,
            c.trigger,
            c.outcome,
            c.finished_at,
            extract(epoch from coalesce(c.finished_at, now()) - c.started_at)::double precision as seconds,
            c.operations,
            c.checked,
            c.failed,
            c.ours,
            case when c.checked > c.ours then 100.0 * (c.checked - c.ours - c.failed) / (c.checked - c.ours) end
                ::double precision as success_percent,
            c.p50_ms,
            c.p95_ms,
            c.p99_ms,
            c.slowest
        from interface_cycles as c
        join interface_services as s using (service_id)
        """,
    ),
    "v_interface_changes": (
        "One row for each operation that a document added, removed or changed",
        """
        select
            c.change_id,
            c.service_id,
            s.name as service,
            s.group_name,
            c.at,
            c.kind,
            c.method,
            c.path,
            c.name,
            c.document,
            c.breaking,
            c.parts
        from interface_changes as c
        join interface_services as s using (service_id)
        where s.removed_at is null
        """,
    ),
}


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    create_views(VIEWS)


def downgrade() -> None:
    drop_views(VIEWS)
    # A hypertable is dropped by itself.
    for table in (
        "interface_results",
        "interface_changes",
        "interface_cycles",
        "interface_operations",
        "interface_documents",
        "interface_services",
    ):
        op.execute(f"drop table {table}")
