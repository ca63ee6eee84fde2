"""Scores, findings, scans, repairs and trends of data quality."""

# ruff: noqa: S608  statements are made of constants

from __future__ import annotations

from alembic import op

from app.db.migrations.views import create_views, drop_views

revision = "0105"
down_revision = "0104"
branch_labels = None
depends_on = None

SCORE = "double precision check ({name} between 0 and 100)"


def _score(name: str) -> str:
    return f"{name} {SCORE.format(name=name)}"


TABLES = (
    f"""
    create table quality_scores (
        series_id         integer not null,
        day_start         timestamptz not null,
        day               date not null,
        {_score("completeness")},
        {_score("timeliness")},
        {_score("validity")},
        {_score("accuracy")},
        {_score("overall")},
        expected          integer not null default 0,
        stored            integer not null default 0,
        ours              integer not null default 0,
        missing_at_source integer not null default 0,
        late              integer not null default 0,
        not_due           integer not null default 0,
        timed             integer not null default 0,
        on_time           integer not null default 0,
        checked           integer not null default 0,
        violating         integer not null default 0,
        examined          integer not null default 0,
        flagged           integer not null default 0,
        weights           double precision[] not null check (cardinality(weights) = 4),
        scored_at         timestamptz not null,
        primary key (series_id, day_start),
        check (expected = stored + ours + missing_at_source + late + not_due),
        check (on_time <= timed and violating <= checked and flagged <= examined)
    )
    """,
    "comment on table quality_scores is 'How good each series was on each delivery day, 0 to 100, with the counts behind'",
    "comment on column quality_scores.day is 'local delivery day of the area, which begins at day_start'",
    "comment on column quality_scores.completeness is '100 * stored / (expected - not_due); null where nothing was due'",
    "comment on column quality_scores.timeliness is '100 * on_time / timed; null where no publication could be timed'",
    "comment on column quality_scores.validity is '100 * (1 - violating / checked); null where nothing was checked'",
    "comment on column quality_scores.accuracy is '100 * (1 - flagged / examined); null where nothing was examined'",
    "comment on column quality_scores.overall is 'mean of the dimensions that are present, by their weights'",
    "comment on column quality_scores.expected is 'market time units of the series grid; the five after it add up to it'",
    "comment on column quality_scores.timed is 'values whose publication could be timed: asked for around their deadline'",
    "comment on column quality_scores.checked is 'values that hard rules looked at; violating of them break one'",
    "comment on column quality_scores.examined is 'values that detectors knew enough to judge; flagged of them are implausible'",
    "comment on column quality_scores.weights is 'of completeness, timeliness, validity and accuracy, as set when scored'",
    "comment on column quality_scores.scored_at is 'when the row last changed'",
    "create index quality_scores_day on quality_scores (day_start)",
    """
    create table quality_findings (
        finding_id      bigint generated always as identity primary key,
        series_id       integer not null,
        dimension       text not null check (dimension in ('completeness', 'timeliness', 'validity', 'accuracy')),
        rule            text not null,
        interval_start  timestamptz not null,
        interval_end    timestamptz not null check (interval_end > interval_start),
        affected        integer not null check (affected > 0),
        score           double precision not null,
        known_until     timestamptz,
        severity        text not null check (severity in ('info', 'warning', 'error')),
        state           text not null default 'open' check (
            state in ('open', 'accepted', 'repaired', 'confirmed', 'unrepairable', 'withdrawn')
        ),
        evidence        jsonb not null default '{}',
        first_seen      timestamptz not null,
        last_seen       timestamptz not null,
        state_since     timestamptz not null,
        note            text not null default '',
        noted_by        text not null default '',
        attempts        smallint not null default 0,
        next_attempt_at timestamptz
    )
    """,
    "create index quality_findings_series on quality_findings (series_id, interval_start)",
    "create index quality_findings_open on quality_findings (interval_end) where state = 'open'",
    "create index quality_findings_waiting on quality_findings (next_attempt_at) where next_attempt_at is not null",
    "comment on table quality_findings is 'What is wrong with values, why we think so, and what became of it'",
    "comment on column quality_findings.affected is 'number of values in the interval that the evidence speaks against'",
    "comment on column quality_findings.score is 'strength of the strongest evidence: alarm from 1 on, 10 for a rule'",
    "comment on column quality_findings.known_until is 'latest recorded_at in the interval when the evidence was seen; a later one means a correction'",
    "comment on column quality_findings.state is 'open; accepted by a person; repaired: the source corrected the values; confirmed: it repeats them; unrepairable: asked often enough; withdrawn: the evidence is gone, the values are not'",
    "comment on column quality_findings.evidence is 'rules and peers that spoke, what was stored and what was expected'",
    "comment on column quality_findings.last_seen is 'the last scan or check that changed what is known of it'",
    "comment on column quality_findings.attempts is 'how often the values were asked for again because of the finding'",
    "comment on column quality_findings.next_attempt_at is 'when to ask for them again; null: not planned'",
    """
    create table quality_repairs (
        repair_id      bigint generated always as identity primary key,
        finding_id     bigint references quality_findings on delete set null,
        series_id      integer not null,
        interval_start timestamptz not null,
        interval_end   timestamptz not null check (interval_end > interval_start),
        attempt        smallint not null check (attempt > 0),
        requested_at   timestamptz not null,
        known_until    timestamptz,
        backfill_id    bigint references backfills on delete set null,
        outcome        text not null default 'pending'
            check (outcome in ('pending', 'corrected', 'repeated', 'unanswered')),
        compared       integer not null default 0,
        changed        integer not null default 0 check (changed <= compared),
        settled_at     timestamptz,
        check ((outcome = 'pending') = (settled_at is null))
    )
    """,
    "create index quality_repairs_finding on quality_repairs (finding_id)",
    "create index quality_repairs_pending on quality_repairs (backfill_id) where outcome = 'pending'",
    "comment on table quality_repairs is 'Each time the values of a finding were asked for again, and what the source said'",
    "comment on column quality_repairs.known_until is 'latest recorded_at in the interval when it was asked for again'",
    "comment on column quality_repairs.backfill_id is 'whose windows ask for it; null: not handed over yet, or deleted'",
    "comment on column quality_repairs.outcome is 'corrected: values changed; repeated: none did; unanswered: no usable answer'",
    "comment on column quality_repairs.compared is 'values of the interval after the answer; changed of them are newer than known_until'",
    """
    create table quality_scans (
        series_id    integer primary key,
        fingerprint  text not null,
        window_start timestamptz not null,
        window_end   timestamptz not null,
        known_until  timestamptz,
        scanned_at   timestamptz not null
    )
    """,
    "comment on table quality_scans is 'What the last scan of each series has seen; an equal fingerprint means that nothing changed since'",
    "comment on column quality_scans.fingerprint is 'digest of the values, of those of the peers, of the rules and of the window'",
    "comment on column quality_scans.known_until is 'the latest recorded_at that the scan saw'",
    """
    create table quality_trends (
        series_id   integer not null,
        week        date not null,
        weeks       smallint not null,
        score       double precision not null,
        slope       double precision not null,
        p_value     double precision not null check (p_value between 0 and 1),
        drop_points double precision not null,
        degrading   boolean not null,
        computed_at timestamptz not null,
        primary key (series_id, week)
    )
    """,
    "comment on table quality_trends is 'Weekly comparison of the scores of each series'",
    "comment on column quality_trends.week is 'Monday of the last week that takes part'",
    "comment on column quality_trends.weeks is 'how many weeks take part'",
    "comment on column quality_trends.slope is 'points a week (Theil-Sen)'",
    "comment on column quality_trends.p_value is 'of the Mann-Kendall test that there is no trend'",
    "comment on column quality_trends.drop_points is 'points by which the score fell over the weeks; negative: it rose'",
)

KEY = """
    s.series_id, s.source, s.item, s.area, s.area_eic, s.direction, s.psr_type, s.business_type, s.contract,
    s.sequence, s.flow_direction, s.category, s.unit_eic
"""

VIEWS = {
    "v_quality_scores": (
        "Quality of each series and delivery day, 0 to 100, with the counts behind each dimension",
        f"""
        select
            {KEY},
            q.day, q.day_start, q.completeness, q.timeliness, q.validity, q.accuracy, q.overall,
            q.expected, q.stored, q.ours, q.missing_at_source, q.late, q.not_due,
            q.timed, q.on_time, q.checked, q.violating, q.examined, q.flagged, q.weights, q.scored_at
        from quality_scores as q
        join v_series as s using (series_id)
        """,
    ),
    "v_quality_findings": (
        "What is wrong with values, the evidence, and what became of it",
        f"""
        select
            q.finding_id, {KEY},
            q.dimension, q.rule, q.interval_start, q.interval_end, q.affected, q.score, q.severity, q.state,
            q.evidence, q.first_seen, q.last_seen, q.state_since, q.note, q.noted_by, q.attempts, q.next_attempt_at
        from quality_findings as q
        join v_series as s using (series_id)
        """,
    ),
    "v_quality_trends": (
        "Weekly comparison of the scores of each series",
        f"""
        select
            {KEY},
            q.week, q.weeks, q.score, q.slope, q.p_value, q.drop_points, q.degrading, q.computed_at
        from quality_trends as q
        join v_series as s using (series_id)
        """,
    ),
}


DROP = (
    "drop table quality_trends",
    "drop table quality_scans",
    "drop table quality_repairs",
    "drop table quality_findings",
    "drop table quality_scores",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    create_views(VIEWS)


def downgrade() -> None:
    drop_views(VIEWS)
    for statement in DROP:
        op.execute(statement)
