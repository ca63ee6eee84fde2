"""Websites that are checked, the results of the checks, and the times in which one was down, paused or not looked at."""

from __future__ import annotations

from alembic import op

from app.db.migrations.views import create_views, drop_views

revision = "0112"
down_revision = "0111"
branch_labels = None
depends_on = None

REASONS = """
    'dns', 'connect', 'refused', 'tls', 'certificate', 'timeout', 'protocol', 'status', 'condition', 'too_large',
    'redirect_loop', 'blocked', 'ours'
"""

TABLES = (
    """
    create table websites (
        website_id       bigint generated always as identity primary key,
        url              text not null,
        url_key          text not null,
        name             text not null check (name <> ''),
        enabled          boolean not null default true,
        check_interval   integer not null check (check_interval between 60 and 3600),
        method           text not null check (method in ('GET', 'HEAD', 'POST', 'PUT')),
        headers          jsonb not null default '{}',
        body             text not null default '',
        timeout_seconds  real not null check (timeout_seconds > 0 and timeout_seconds < check_interval),
        follow_redirects boolean not null default true,
        conditions       text[] not null default '{}',
        failures         smallint not null check (failures between 1 and 20),
        successes        smallint not null check (successes between 1 and 20),
        labels           jsonb not null default '{}',
        note             text not null default '',
        created_at       timestamptz not null,
        updated_at       timestamptz not null,
        deleted_at       timestamptz
    )
    """,
    "create unique index websites_url_key on websites (url_key) where deleted_at is null",
    "comment on table websites is 'Websites that are checked'",
    "comment on column websites.url_key is 'the address as two ways to write it compare: case of scheme and host, port, empty path, IDN'",
    "comment on column websites.headers is 'sent with each check; values may be secret and are shown to nobody'",
    "comment on column websites.failures is 'failed checks in a row after which the website counts as down'",
    "comment on column websites.successes is 'good checks in a row after which it counts as up again'",
    "comment on column websites.deleted_at is 'since when it is gone for everybody; the row goes when its results have gone'",
    """
    create table website_states (
        website_id         bigint primary key references websites on delete cascade,
        version            bigint not null default 0,
        status             text not null check (status in ('unknown', 'up', 'down')),
        changed_at         timestamptz not null,
        latest_at          timestamptz not null,
        checked_at         timestamptz,
        known_until        timestamptz,
        due_at             timestamptz not null,
        failures           integer not null default 0,
        first_failed_at    timestamptz,
        successes          integer not null default 0,
        first_succeeded_at timestamptz,
        breaks             integer not null default 0,
        break_until        timestamptz,
        unknown            boolean not null,
        reason             text not null default ''
    ) with (fillfactor = 70)
    """,
    "comment on table website_states is 'What the checks of each website have shown so far: counts towards a change, pauses, when it is due'",
    "comment on column website_states.version is 'counts changes, so that a result is kept only by who knew the state before it'",
    "comment on column website_states.latest_at is 'the newest instant that the windows know; the next one is later, whatever the clock does'",
    "comment on column website_states.known_until is 'how long the last result speaks for the website'",
    "comment on column website_states.breaks is 'how often checks have paused in this run of failures'",
    "comment on column website_states.unknown is 'whether a window of not knowing is open'",
    f"""
    create table website_checks (
        website_id          bigint not null,
        at                  timestamptz not null,
        region              text not null default '',
        ok                  boolean not null,
        reason              text not null check (reason = '' or reason in ({REASONS})),
        status              smallint,
        dns_ms              real,
        connect_ms          real,
        tls_ms              real,
        first_byte_ms       real,
        total_ms            real not null,
        bytes               bigint not null default 0,
        attempts            smallint not null default 1,
        address             text not null default '',
        http_version        text not null default '',
        final_url           text not null default '',
        certificate_ends_at timestamptz,
        message             text not null default '',
        excerpt             text not null default '',
        primary key (website_id, at),
        check (ok = (reason = ''))
    )
    """,
    "comment on table website_checks is 'The result of each check of a website'",
    "comment on column website_checks.website_id is 'of websites; no foreign key: results of a deleted one go in batches'",
    "comment on column website_checks.reason is 'why it failed; empty where it did not'",
    "comment on column website_checks.excerpt is 'how the body of a failed check began'",
    """
    create table website_windows (
        window_id  bigint generated always as identity primary key,
        website_id bigint not null references websites on delete cascade,
        kind       text not null check (kind in ('down', 'unknown', 'paused')),
        started_at timestamptz not null,
        ended_at   timestamptz check (ended_at > started_at),
        reason     text not null default '',
        note       text not null default '',
        constraint website_windows_apart exclude using gist (
            int8range(
                website_id * 3 + case kind when 'down' then 0 when 'unknown' then 1 else 2 end,
                website_id * 3 + case kind when 'down' then 0 when 'unknown' then 1 else 2 end,
                '[]'
            ) with &&,
            tstzrange(started_at, ended_at) with &&
        )
    )
    """,
    "create unique index website_windows_open on website_windows (website_id, kind) where ended_at is null",
    "create index website_windows_of on website_windows (website_id, kind, started_at)",
    "comment on table website_windows is 'When a website was down, paused, or nobody knew how it was; windows of a kind never overlap'",
    "comment on column website_windows.started_at is 'of a downtime: the first failed check of the run that confirmed it'",
    "comment on column website_windows.ended_at is 'null: it lasts; of a downtime: the first good check of the run that confirmed the end'",
)

VIEWS = {
    "v_websites": (
        "One row for each website that is checked, with how it is",
        """
        select
            w.website_id,
            w.name,
            w.url,
            w.labels->>'group' as group_name,
            w.labels,
            w.enabled,
            w.check_interval,
            case
                when not w.enabled then 'paused'
                when s.unknown or s.known_until is null or s.known_until < now() then 'unknown'
                else s.status
            end as status,
            s.status as confirmed_status,
            s.changed_at as status_since,
            s.checked_at,
            s.due_at,
            s.failures,
            s.break_until,
            s.reason,
            w.created_at,
            w.updated_at
        from websites as w
        join website_states as s using (website_id)
        where w.deleted_at is null
        """,
    ),
    "v_website_checks": (
        "One row for each check of a website",
        """
        select
            c.website_id,
            w.name,
            c.at,
            c.region,
            c.ok,
            c.reason,
            c.status,
            c.dns_ms,
            c.connect_ms,
            c.tls_ms,
            c.first_byte_ms,
            c.total_ms,
            c.bytes,
            c.attempts,
            c.address,
            c.http_version,
            c.final_url,
            c.certificate_ends_at,
            c.message
        from website_checks as c
        join websites as w using (website_id)
        where w.deleted_at is null
        """,
    ),
    "v_website_windows": (
        "One row for each time in which a website was down, paused, or nobody knew how it was",
        """
        select
            d.window_id,
            d.website_id,
            w.name,
            w.labels->>'group' as group_name,
            d.kind,
            d.started_at,
            d.ended_at,
            extract(epoch from coalesce(d.ended_at, now()) - d.started_at)::double precision as seconds,
            d.reason,
            d.note
        from website_windows as d
        join websites as w using (website_id)
        where w.deleted_at is null
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
    for table in ("website_checks", "website_windows", "website_states", "websites"):
        op.execute(f"drop table {table}")
