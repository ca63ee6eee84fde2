"""The SQL of quality."""

from __future__ import annotations

# Each transaction takes the locks in the order of the array.
LOCK = "select pg_advisory_xact_lock($1, lock) from unnest($2::integer[]) as lock"

# The digest of the moments at which the values were learned: a correction has another moment, whatever the order in
# which transactions commit, so nothing is missed that a watermark of the latest moment would miss.
FINGERPRINTS = """
    select
        series_id,
        format(
            '%s/%s/%s/%s/%s',
            count(value), count(*) filter (where filled), count(*) filter (where delivery_start < $3),
            sum(timestamp_hash(recorded_at at time zone 'UTC')::bigint),
            extract(epoch from max(recorded_at))
        ) as fingerprint,
        max(recorded_at) as known_until
    from observations
    where series_id = any($1::integer[]) and delivery_start >= $2
    group by series_id
"""

SCANS = "select series_id, fingerprint, window_start from quality_scans where series_id = any($1::integer[])"

CHANGES = """
    select series_id, valid_from, resolution
    from mtu_history
    where series_id = any($1::integer[])
    order by series_id, valid_from
"""

# `learned_at` is that of the first version; only few values have an earlier one.
VALUES = """
    with first_known as (
        select series_id, delivery_start, resolution, min(recorded_at) as learned_at
        from observation_revisions
        where
            series_id = any($1::integer[])
            and delivery_start >= $2
            and delivery_start < $3
            and value is not null
        group by 1, 2, 3
    )
    select
        series_id, delivery_start, resolution, value, filled, recorded_at,
        coalesce(learned_at, recorded_at) as learned_at
    from observations
    left join first_known using (series_id, delivery_start, resolution)
    where
        series_id = any($1::integer[])
        and delivery_start >= $2
        and delivery_start < $3
        and value is not null
    order by series_id, delivery_start, resolution
"""

_FINDING = """
    finding_id, series_id, rule, interval_start, interval_end, affected, score, known_until, evidence, state,
    first_seen, last_seen, state_since
"""

KNOWN_FINDINGS = f"""
    select {_FINDING}
    from quality_findings
    where series_id = any($1::integer[]) and interval_end > $2 and interval_start < $3
    order by finding_id
    for update
"""  # noqa: S608  names of columns

ANY_FINDINGS = """
    select distinct series_id
    from quality_findings
    where series_id = any($1::integer[]) and interval_end > $2 and interval_start < $3
"""

FINDING = f"select {_FINDING} from quality_findings where finding_id = $1 for update"  # noqa: S608  names of columns

REMOVE_FINDINGS = "delete from quality_findings where finding_id = any($1::bigint[])"

ADD_FINDING = """
    insert into quality_findings (
        series_id, dimension, rule, interval_start, interval_end, affected, score, known_until, severity, state,
        evidence, first_seen, last_seen, state_since
    ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""

# A finding that opens again is asked for anew: its values are others.
CHANGE_FINDING = """
    update quality_findings
    set
        series_id = $2, dimension = $3, rule = $4, interval_start = $5, interval_end = $6, affected = $7, score = $8,
        known_until = $9, severity = $10, state = $11, evidence = $12, first_seen = $13, last_seen = $14,
        state_since = $15,
        attempts = case when state <> 'open' and $11 = 'open' then 0 else attempts end,
        next_attempt_at = case when state = 'open' and $11 = 'open' then next_attempt_at end
    where finding_id = $1
"""

ACCEPT = """
    update quality_findings
    set state = 'accepted', state_since = $4, last_seen = $4, note = $2, noted_by = $3, next_attempt_at = null
    where finding_id = $1
"""

FORGET_SCAN = "update quality_scans set fingerprint = '' where series_id = $1"

REMOVE_SCORES = """
    with gone as (
        delete from quality_scores
        where series_id = $1 and day_start >= $2 and day_start < $3 and day_start <> all($4::timestamptz[])
        returning 1
    )
    select count(*) from gone
"""

_COUNTS = (
    "expected, stored, ours, missing_at_source, late, not_due, timed, on_time, checked, violating, examined, flagged"
)
_SCORES = f"completeness, timeliness, validity, accuracy, overall, {_COUNTS}, weights"

KEEP_SCORES = f"""
    with given as (
        select *, $22::double precision[] as weights
        from unnest(
            $3::timestamptz[], $4::date[],
            $5::double precision[], $6::double precision[], $7::double precision[], $8::double precision[],
            $9::double precision[],
            $10::integer[], $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::integer[],
            $16::integer[], $17::integer[], $18::integer[], $19::integer[], $20::integer[], $21::integer[]
        ) as given (day_start, day, completeness, timeliness, validity, accuracy, overall, {_COUNTS})
    ),
    kept as (
        insert into quality_scores as q (series_id, scored_at, day_start, day, {_SCORES})
        select $1, $2, day_start, day, {_SCORES} from given
        where not exists (
            select from quality_scores as same
            where
                same.series_id = $1
                and same.day_start = given.day_start
                and ({", ".join(f"same.{name.strip()}" for name in _SCORES.split(","))})
                    is not distinct from ({", ".join(f"given.{name.strip()}" for name in _SCORES.split(","))})
        )
        on conflict (series_id, day_start) do update
        set
            scored_at = excluded.scored_at,
            {", ".join(f"{name.strip()} = excluded.{name.strip()}" for name in _SCORES.split(","))}
        returning 1
    )
    select count(*) from kept
"""  # noqa: S608  names of columns

KEEP_SCAN = """
    insert into quality_scans (
        series_id, fingerprint, window_start, window_end, known_until, scanned_at, scores_written, findings_written
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (series_id) do update
    set
        fingerprint = excluded.fingerprint, window_start = excluded.window_start, window_end = excluded.window_end,
        known_until = excluded.known_until, scanned_at = excluded.scanned_at,
        scores_written = excluded.scores_written, findings_written = excluded.findings_written
"""

SCANNED_SINCE = """
    select
        count(*) as examined,
        coalesce(sum(scores_written), 0) as scores_written,
        coalesce(sum(findings_written), 0) as findings_written
    from quality_scans
    where scanned_at >= $1
"""

LIST_FINDINGS = """
    select *
    from v_quality_findings
    where
        ($1::bigint[] is null or finding_id = any($1))
        and ($2::text[] is null or item = any($2))
        and ($3::text[] is null or area_eic = any($3))
        and ($4::timestamptz is null or interval_end > $4)
        and ($5::timestamptz is null or interval_start < $5)
        and ($6::text[] is null or state = any($6))
    order by interval_end desc, finding_id desc
"""

# Of a day publications count only where most were watched, as `ScoreCounts.scored` has it.
_WATCHED = "filter (where 2 * timed > greatest(expected - not_due, checked))"
SUMS = ", ".join(
    f"coalesce(sum({name}){f' {_WATCHED}' if name in {'timed', 'on_time'} else ''}, 0)::bigint as {name}"
    for name in _COUNTS.split(", ")
)
"""The counts of several days together, as `summed` adds them up."""

SUMMED_SCORES = f"""
    select
        series_id, source, item, area, area_eic, direction, psr_type, business_type, contract, sequence, flow_direction,
        category, unit_eic, {_COUNTS}, days, overalls
    from (
        select
            series_id, {SUMS},
            coalesce(array_agg(day order by day) filter (where overall is not null), '{{}}') as days,
            coalesce(array_agg(overall order by day) filter (where overall is not null), '{{}}') as overalls
        from quality_scores
        where day_start >= $1 and day_start < $2 and day between $3 and $4
        group by series_id
    ) as summed
    join v_series using (series_id)
"""  # noqa: S608  names of columns

LIST_SCORES = """
    select *
    from v_quality_scores
    where
        ($1::text[] is null or item = any($1))
        and ($2::text[] is null or area_eic = any($2))
        and ($3::timestamptz is null or day_start >= $3)
        and ($4::timestamptz is null or day_start < $4)
    order by
        item, area, psr_type, direction, business_type, contract, sequence, flow_direction, category, unit_eic,
        day_start
"""

SCORE_HISTORIES = """
    select series_id, array_agg(day order by day_start) as days, array_agg(overall order by day_start) as scores
    from quality_scores
    where day_start >= $1 and overall is not null
    group by series_id
"""

# Equal trends write nothing.
KEEP_TREND = """
    insert into quality_trends (series_id, week, weeks, score, slope, p_value, drop_points, degrading, computed_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (series_id, week) do update
    set
        weeks = excluded.weeks, score = excluded.score, slope = excluded.slope, p_value = excluded.p_value,
        drop_points = excluded.drop_points, degrading = excluded.degrading, computed_at = excluded.computed_at
    where
        (quality_trends.weeks, quality_trends.score, quality_trends.slope, quality_trends.p_value)
        is distinct from (excluded.weeks, excluded.score, excluded.slope, excluded.p_value)
"""
