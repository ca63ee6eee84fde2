"""Areas, series, observations with their history, runs of the collection, the budget of the token, answers."""

from __future__ import annotations

from alembic import op

revision = "0101"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    create table database_origin (
        only_row    boolean primary key default true check (only_row),
        origin      text not null check (origin in ('platform', 'sandbox')),
        recorded_at timestamptz not null default now()
    )
    """,
    "comment on table database_origin is 'Whether the data are real or synthetic; one database holds one of them'",
    """
    create table resolutions (
        id      smallint primary key,
        code    text not null unique,
        seconds integer,
        days    integer not null,
        months  integer not null
    )
    """,
    """
    insert into resolutions (id, code, seconds, days, months) values
        (1, 'PT4S', 4, 0, 0),
        (2, 'PT1M', 60, 0, 0),
        (3, 'PT5M', 300, 0, 0),
        (4, 'PT10M', 600, 0, 0),
        (5, 'PT15M', 900, 0, 0),
        (6, 'PT30M', 1800, 0, 0),
        (7, 'PT60M', 3600, 0, 0),
        (8, 'P1D', null, 1, 0),
        (9, 'P7D', null, 7, 0),
        (10, 'P1M', null, 0, 1),
        (11, 'P3M', null, 0, 3),
        (12, 'P1Y', null, 0, 12)
    """,
    "comment on column resolutions.seconds is 'null for calendar resolutions, which step in the local time of the area'",
    """
    create table series (
        series_id      integer generated always as identity primary key,
        source         text not null,
        item           text not null,
        area           text not null,
        in_area        text not null default '',
        out_area       text not null default '',
        direction      text not null default '',
        psr_type       text not null default '',
        business_type  text not null default '',
        contract       text not null default '',
        sequence       text not null default '',
        flow_direction text not null default '',
        category       text not null default '',
        unit_eic       text not null default '',
        unit           text not null default '',
        currency       text not null default '',
        first_seen     timestamptz not null default now(),
        constraint series_natural_key unique (
            source, item, area, in_area, out_area, direction, psr_type, business_type, contract, sequence,
            flow_direction, category, unit_eic, unit, currency
        )
    )
    """,
    "create index series_item_area on series (item, area)",
    "comment on column series.area is 'what was asked for: an EIC, or OUT>IN for a border'",
    "comment on column series.in_area is 'the domain as the document writes it, like out_area'",
    """
    create table observations (
        series_id      integer not null,
        delivery_start timestamptz not null,
        resolution     smallint not null,
        value          double precision,
        filled         boolean not null,
        recorded_at    timestamptz not null,
        primary key (series_id, delivery_start, resolution)
    )
    """,
    "comment on table observations is 'The current value of each market time unit; earlier ones are in observation_revisions'",
    "comment on column observations.series_id is 'of series; no foreign key: its check slows COPY, and series stay'",
    "comment on column observations.value is 'null: the source published a value once and does so no longer'",
    "comment on column observations.filled is 'repeated from the position before by the rule of curve type A03'",
    "comment on column observations.recorded_at is 'when this program learned the value, never when it was published'",
    """
    create table observation_revisions (
        series_id      integer not null,
        delivery_start timestamptz not null,
        resolution     smallint not null,
        value          double precision,
        filled         boolean not null,
        recorded_at    timestamptz not null,
        superseded_at  timestamptz not null check (superseded_at > recorded_at),
        primary key (series_id, delivery_start, resolution, recorded_at)
    )
    """,
    "create index observation_revisions_superseded on observation_revisions (superseded_at)",
    "comment on table observation_revisions is 'What was believed before: valid as of any instant in [recorded_at, superseded_at)'",
    """
    create table daily_counts (
        series_id  integer not null,
        day        date not null,
        resolution smallint not null,
        stored     integer not null,
        primary key (series_id, day, resolution)
    )
    """,
    "comment on table daily_counts is 'Number of current values that are not null, kept in the transaction that stores them'",
    "comment on column daily_counts.day is 'UTC day of delivery_start'",
    """
    create table token_budgets (
        token_id            text primary key,
        theoretical_arrival timestamptz not null,
        blocked_until       timestamptz,
        gap_due             timestamptz,
        gap_waits_until     timestamptz,
        backfill_due        timestamptz
    )
    """,
    "comment on table token_budgets is 'Request budget of a token, shared by all processes (generic cell rate algorithm)'",
    "comment on column token_budgets.token_id is 'a digest of the token, never the token'",
    "comment on column token_budgets.gap_due is 'when the lane of gaps has a right to its next slot, whoever else waits'",
    "comment on column token_budgets.gap_waits_until is 'until then backfill leaves free slots to the lane of gaps'",
    "comment on column token_budgets.backfill_due is 'like gap_due, for backfill: its guaranteed share'",
    """
    create table collection_runs (
        run_id        bigint generated always as identity primary key,
        source        text not null,
        item          text not null,
        area          text not null,
        window_start  timestamptz not null,
        window_end    timestamptz not null,
        started_at    timestamptz not null,
        finished_at   timestamptz not null,
        outcome       text not null check (outcome in ('stored', 'empty', 'failed')),
        error_class   text,
        error_message text,
        received      integer not null default 0,
        new           integer not null default 0,
        revised       integer not null default 0,
        unchanged     integer not null default 0,
        vanished      integer not null default 0,
        rejected      integer not null default 0,
        requests      integer not null default 0,
        retries       integer not null default 0,
        bytes         bigint not null default 0,
        api_seconds   double precision not null default 0,
        parse_seconds double precision not null default 0,
        store_seconds double precision not null default 0
    )
    """,
    "create index collection_runs_latest on collection_runs (item, area, finished_at)",
    "create index collection_runs_window on collection_runs (item, area, window_end)",
    "create index collection_runs_finished on collection_runs (finished_at)",
    # What the shipped rules look for is rare: they must not read every row for it every few seconds.
    "create index collection_runs_failed on collection_runs (finished_at) where outcome = 'failed'",
    "comment on table collection_runs is 'One row for each window that was asked for, whatever came of it'",
    """
    create table rejected_points (
        run_id bigint not null references collection_runs on delete cascade,
        series text not null,
        place  text not null,
        reason text not null
    )
    """,
    "create index rejected_points_run on rejected_points (run_id)",
    "comment on table rejected_points is 'Points the source published and that could not be taken'",
    """
    create table malformed_documents (
        id           bigint generated always as identity primary key,
        run_id       bigint references collection_runs on delete set null,
        received_at  timestamptz not null,
        source       text not null,
        item         text not null,
        area         text not null,
        window_start timestamptz not null,
        window_end   timestamptz not null,
        reason       text not null,
        body         bytea not null
    )
    """,
    "create index malformed_documents_run on malformed_documents (run_id)",
    "comment on column malformed_documents.body is 'the bytes as received, cut off at the size cap'",
    """
    create table areas (
        eic         text primary key,
        code        text not null unique,
        name        text not null,
        kinds       text[] not null,
        zone        text not null,
        market_days boolean not null,
        since       date,
        until       date
    )
    """,
    "comment on table areas is 'The areas this program knows; every `gridkeeper migrate` writes them anew'",
    "comment on column areas.market_days is 'whether the days of the zone begin with those of Europe/Brussels'",
    """
    create table psr_types (
        code text primary key,
        name text not null
    )
    """,
    """
    insert into psr_types (code, name) values
        ('B01', 'Biomass'),
        ('B02', 'Fossil brown coal'),
        ('B03', 'Fossil coal-derived gas'),
        ('B04', 'Fossil gas'),
        ('B05', 'Fossil hard coal'),
        ('B06', 'Fossil oil'),
        ('B07', 'Fossil oil shale'),
        ('B08', 'Fossil peat'),
        ('B09', 'Geothermal'),
        ('B10', 'Hydro pumped storage'),
        ('B11', 'Hydro run-of-river'),
        ('B12', 'Hydro reservoir'),
        ('B13', 'Marine'),
        ('B14', 'Nuclear'),
        ('B15', 'Other renewable'),
        ('B16', 'Solar'),
        ('B17', 'Waste'),
        ('B18', 'Wind offshore'),
        ('B19', 'Wind onshore'),
        ('B20', 'Other'),
        ('B25', 'Energy storage')
    """,
    "comment on table psr_types is 'Types of production by the code of the platform'",
    "create sequence questions",
    "comment on sequence questions is 'The order in which the sources were asked, over all processes'",
    # Unlogged: each answer adds a row, also where nothing changed, which would cost more log than all the rest of it.
    """
    create unlogged table answer_spans (
        question    bigint not null,
        lock        integer not null,
        series_ids  integer[] not null,
        resolution  smallint,
        span_start  timestamptz not null,
        span_end    timestamptz not null check (span_end > span_start),
        answered_at timestamptz not null default clock_timestamp()
    )
    """,
    "create index answer_spans_order on answer_spans (lock, question)",
    "create index answer_spans_age on answer_spans (answered_at)",
    "comment on table answer_spans is 'What each answer of the last day spoke of; an answer to an earlier question changes nothing there'",
    "comment on column answer_spans.lock is 'digest of source, item and area, as of the advisory lock of the store'",
    "comment on column answer_spans.resolution is 'null: all units wholly within the span, else those of this one that start there'",
    """
    create unlogged table answer_floor (
        only_row boolean primary key default true check (only_row),
        question bigint not null
    )
    """,
    "insert into answer_floor (question) values (0)",
    "comment on table answer_floor is 'Answers to questions up to this one are refused: what later ones said is forgotten'",
)

DROP = (
    "drop sequence questions",
    "drop table answer_floor",
    "drop table answer_spans",
    "drop table psr_types",
    "drop table areas",
    "drop table malformed_documents",
    "drop table rejected_points",
    "drop table collection_runs",
    "drop table token_budgets",
    "drop table daily_counts",
    "drop table observation_revisions",
    "drop table observations",
    "drop table series",
    "drop table resolutions",
    "drop table database_origin",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    for statement in DROP:
        op.execute(statement)
