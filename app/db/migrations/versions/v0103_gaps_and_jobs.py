"""What is missing, what people asked for, backfills, jobs and who leads."""

# ruff: noqa: S608  statements are made of constants

from __future__ import annotations

from alembic import op

from app.db.migrations.views import KEY, create_views, drop_views, place

revision = "0103"
down_revision = "0102"
branch_labels = None
depends_on = None

TABLES = (
    """
    create table mtu_history (
        series_id  integer not null,
        valid_from timestamptz not null,
        resolution smallint not null references resolutions,
        decided_at timestamptz not null,
        primary key (series_id, valid_from)
    )
    """,
    "comment on table mtu_history is 'Which resolution is the current one of a series, from when on, as the stored values tell'",
    """
    create table gaps (
        gap_id     bigint generated always as identity primary key,
        item       text not null,
        area       text not null,
        series_id  integer,
        gap_start  timestamptz not null,
        gap_end    timestamptz not null check (gap_end > gap_start),
        resolution smallint not null references resolutions,
        missing    integer not null check (missing > 0),
        reason     text not null check (reason in ('late', 'missing_at_source', 'ours')),
        since      timestamptz not null,
        found_at   timestamptz not null,
        constraint gaps_place unique nulls not distinct (item, area, series_id, gap_start)
    )
    """,
    "comment on table gaps is 'What the last analysis of each interval found; values that are not due yet are no rows'",
    "comment on column gaps.series_id is 'of series; null: the whole item of the area, of which no series is known there'",
    "comment on column gaps.missing is 'number of market time units of the resolution'",
    "comment on column gaps.since is 'when the first of the missing values was due'",
    """
    create table gap_changes (
        change_id    bigint generated always as identity primary key,
        at           timestamptz not null,
        item         text not null,
        area         text not null,
        series_id    integer,
        change_start timestamptz not null,
        change_end   timestamptz not null check (change_end > change_start),
        resolution   smallint not null references resolutions,
        missing      integer not null check (missing > 0),
        was          text,
        reason       text,
        since        timestamptz not null,
        whole        boolean not null,
        constraint gap_changes_change check (was is distinct from reason)
    )
    """,
    "create index gap_changes_at on gap_changes (at)",
    "comment on table gap_changes is 'How gaps came and went, written with the gaps: what was no gap before or is none now, and what has another reason'",
    "comment on column gap_changes.was is 'its reason until then; null: it was no gap'",
    "comment on column gap_changes.reason is 'its reason since then; null: it is no gap any more'",
    "comment on column gap_changes.since is 'when the first missing value of its gap was due'",
    "comment on column gap_changes.whole is 'whether it is a whole gap; false: a gap that is older grew or shrank'",
    """
    create table asked_ranges (
        range_id    bigint generated always as identity primary key,
        item        text not null,
        area        text not null,
        range_start timestamptz not null,
        range_end   timestamptz not null check (range_end > range_start),
        asked_at    timestamptz not null default now(),
        backfill_id bigint,
        constraint asked_ranges_once unique nulls not distinct (item, area, range_start, range_end, backfill_id)
    )
    """,
    "comment on table asked_ranges is 'What people asked for: whatever is missing there stays asked for, also outside the plan'",
    "comment on column asked_ranges.backfill_id is 'of backfills, which may have been deleted since; null: of gridkeeper collect'",
    """
    create table empty_incidents (
        incident_id bigint generated always as identity primary key,
        began_at    timestamptz not null,
        ended_at    timestamptz check (ended_at >= began_at),
        windows     integer not null check (windows > 0),
        summary     text not null
    )
    """,
    "create unique index empty_incidents_open on empty_incidents ((true)) where ended_at is null",
    "comment on table empty_incidents is 'Times in which many windows came back empty although values are expected: these answers prove nothing'",
    "comment on column empty_incidents.ended_at is 'when windows had data again; null: it lasts'",
    """
    create table backfills (
        backfill_id      bigint generated always as identity primary key,
        created_at       timestamptz not null default now(),
        description      text not null,
        reprocess        text not null check (reprocess in ('missing', 'missing+failed', 'all')),
        newest_first     boolean not null,
        concurrency      smallint not null check (concurrency > 0),
        paused_at        timestamptz,
        pause_reason     text not null default '',
        held_until       timestamptz,
        failures_in_row  integer not null default 0,
        last_error       text not null default '',
        slowed_at        timestamptz,
        slowed_by        text not null default '',
        cancelled_at     timestamptz,
        finished_at      timestamptz,
        held_at          timestamptz,
        failing_since    timestamptz,
        constraint backfills_one_end check (cancelled_at is null or finished_at is null),
        constraint backfills_end_unpaused check (paused_at is null or (cancelled_at is null and finished_at is null))
    )
    """,
    "create index backfills_open on backfills (backfill_id) where cancelled_at is null and finished_at is null",
    "comment on table backfills is 'Ranges of history to collect; finished when every planned window has ended'",
    "comment on column backfills.concurrency is 'windows under way at most at once, over all processes; how many there are follows what they take'",
    "comment on column backfills.held_at is 'when the source was last found to be down; a failure of what was claimed before is of the same round'",
    "comment on column backfills.failing_since is 'the first window since the last answer that had none'",
    "comment on column backfills.held_until is 'the source does not answer: no window is claimed before'",
    "comment on column backfills.failures_in_row is 'windows the source did not answer since the last it did, then one for each round'",
    "comment on column backfills.slowed_by is 'why a process did less than it might at slowed_at'",
    """
    create table backfill_windows (
        window_id     bigint generated always as identity primary key,
        backfill_id   bigint not null references backfills on delete cascade,
        position      integer not null,
        item          text not null,
        area          text not null,
        window_start  timestamptz not null,
        window_end    timestamptz not null check (window_end > window_start),
        state         text not null default 'pending'
            check (state in ('pending', 'claimed', 'stored', 'empty', 'failed', 'cancelled')),
        attempts      integer not null default 0,
        not_before    timestamptz not null default '-infinity',
        claimed_by    text not null default '',
        lease         uuid,
        lease_until   timestamptz,
        run_id        bigint references collection_runs on delete set null,
        requests      integer not null default 0,
        error_class   text not null default '',
        error_message text not null default '',
        ended_at      timestamptz,
        claimed_at    timestamptz,
        constraint backfill_windows_window unique (backfill_id, item, area, window_start),
        constraint backfill_windows_lease check ((state = 'claimed') = (lease is not null and lease_until is not null)),
        constraint backfill_windows_end check (
            (state in ('stored', 'empty', 'failed', 'cancelled')) = (ended_at is not null)
        )
    )
    """,
    """
    create index backfill_windows_open on backfill_windows (backfill_id, attempts, position)
        where state in ('pending', 'claimed')
    """,
    "create index backfill_windows_ended on backfill_windows (backfill_id, ended_at) where ended_at is not null",
    "create index backfill_windows_run on backfill_windows (run_id)",
    "comment on table backfill_windows is 'One window each; the rows are the truth, a queue only says that there is work'",
    "comment on column backfill_windows.attempts is 'how often it was claimed and not handed back'",
    "comment on column backfill_windows.lease is 'of the claim that may end the window; each claim has its own'",
    "comment on column backfill_windows.lease_until is 'after this moment anybody may claim the window'",
    "comment on column backfill_windows.claimed_at is 'the begin of the latest claim'",
    """
    create table scheduler_leader (
        only_row      boolean primary key default true check (only_row),
        epoch         bigint not null default 0,
        holder        text not null default '',
        backend_pid   integer,
        backend_start timestamptz,
        acquired_at   timestamptz,
        heartbeat_at  timestamptz not null default '-infinity'
    )
    """,
    "insert into scheduler_leader default values",
    "comment on table scheduler_leader is 'Which process plans; its epoch fences everything that an earlier leader still wants'",
    "comment on column scheduler_leader.backend_pid is 'the session that holds the lock; a standby ends it when the heartbeat is old'",
    """
    create table scheduler_jobs (
        id            varchar(191) primary key,
        next_run_time double precision,
        job_state     bytea not null,
        paused        boolean not null default false,
        unreadable    text not null default ''
    )
    """,
    "create index scheduler_jobs_next_run on scheduler_jobs (next_run_time)",
    "comment on column scheduler_jobs.next_run_time is 'seconds since 1970; kept while the job is paused'",
    "comment on column scheduler_jobs.unreadable is 'why job_state cannot be used; such a job is parked and never deleted'",
    """
    create table job_runs (
        job             text not null,
        scheduled_for   timestamptz not null,
        epoch           bigint,
        trigger         text not null check (trigger in ('cron', 'catch-up', 'manual', 'api')),
        kind            text not null,
        params          jsonb not null default '{}',
        attempt         integer not null default 0,
        outcome         text check (
            outcome in (
                'running', 'succeeded', 'nothing_due', 'partial', 'failed', 'skipped', 'missed', 'interrupted'
            )
        ),
        started_at      timestamptz,
        finished_at     timestamptz,
        lateness        double precision,
        summary         text not null default '',
        skipped         text[] not null default '{}',
        error           text not null default '',
        next_attempt_at timestamptz,
        runner          text not null default '',
        primary key (job, scheduled_for)
    )
    """,
    "create index job_runs_waiting on job_runs (next_attempt_at) where next_attempt_at is not null",
    "create index job_runs_running on job_runs (epoch) where outcome = 'running'",
    "create index job_runs_scheduled_for on job_runs (scheduled_for)",
    "comment on table job_runs is 'A ticket for each run: no row, no run; one row for each job and slot whoever asks'",
    "comment on column job_runs.epoch is 'of the leader that runs it; null for a run outside the service'",
    "comment on column job_runs.lateness is 'seconds from scheduled_for to the start of the first attempt'",
    "comment on column job_runs.next_attempt_at is 'when the run is to be tried (again); null: it is under way or done'",
    "comment on column job_runs.runner is 'host and process id of who runs or ran it; empty where nobody did'",
)

GAP_LABEL, GAP_JOINS = place("gaps.area")

# Storage may stand still.
STORAGE = "('B10', 'B25')"

VIEWS = {
    "v_coverage_daily": (
        "How many values are stored on each UTC day from the first to the last day of a series, and how many there are",
        # What the analysis knows of a series is kept as gaps: of storage nothing else says whether it lacks a value.
        f"""
        select
            {KEY},
            days.day::date as day,
            days.day at time zone 'UTC' as day_start,
            r.code as resolution,
            coalesce(c.stored, 0) as stored,
            counted.expected,
            coalesce(c.stored, 0) / nullif(counted.expected, 0)::double precision as coverage
        from v_series as s
        cross join lateral (
            select resolution, min(day) as first_day, max(day) as last_day
            from daily_counts
            where series_id = s.series_id
            group by resolution
        ) as extent
        join resolutions as r on r.id = extent.resolution and r.seconds is not null
        cross join lateral generate_series(extent.first_day::timestamp, extent.last_day, interval '1 day') as days (day)
        left join daily_counts as c
            on c.series_id = s.series_id and c.day = days.day::date and c.resolution = extent.resolution
        cross join lateral (
            select case when s.psr_type not in {STORAGE} then 86400 / r.seconds else coalesce(c.stored, 0) + (
                select coalesce(sum(extract(epoch from
                    least(gap_end, (days.day + interval '1 day') at time zone 'UTC')
                    - greatest(gap_start, days.day at time zone 'UTC')
                )), 0) / r.seconds
                from gaps
                where
                    gaps.item = s.item
                    and gaps.area = s.area_eic
                    and gaps.series_id = s.series_id
                    and gaps.resolution = extent.resolution
                    and gap_start < (days.day + interval '1 day') at time zone 'UTC'
                    and gap_end > days.day at time zone 'UTC'
            )::integer end as expected
        ) as counted
        """,
    ),
    "v_gaps": (
        "Values that are missing although they were due, with the reason",
        f"""
        select
            item,
            {GAP_LABEL} as area,
            gaps.area as area_eic,
            series_id,
            gap_start,
            gap_end,
            r.code as resolution,
            missing,
            reason,
            gaps.since as due_since,
            found_at
        from gaps
        join resolutions as r on r.id = gaps.resolution
        {GAP_JOINS}
        """,
    ),
}

DROP = (
    "drop table job_runs",
    "drop table scheduler_jobs",
    "drop table scheduler_leader",
    "drop table backfill_windows",
    "drop table backfills",
    "drop table empty_incidents",
    "drop table asked_ranges",
    "drop table gap_changes",
    "drop table gaps",
    "drop table mtu_history",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    create_views(VIEWS)


def downgrade() -> None:
    drop_views(VIEWS)
    for statement in DROP:
        op.execute(statement)
