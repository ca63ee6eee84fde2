"""The SQL of repairs."""

from __future__ import annotations

# A finding that another process is asking for is left to it. One that was opened again begins anew.
RIPE = """
    select
        f.finding_id, f.series_id, s.item, s.area, f.interval_start, f.interval_end, f.attempts,
        f.state_since as since
    from quality_findings as f
    join series as s using (series_id)
    cross join lateral (
        select count(*) as total from quality_repairs as r where r.finding_id = f.finding_id
    ) as asked
    where
        f.state = 'open'
        and ($3::bigint[] is null or f.finding_id = any($3))
        and (
            $3::bigint[] is not null
            or (
                f.attempts < cardinality($2::interval[])
                and asked.total < $5
                and coalesce(f.next_attempt_at, f.state_since + ($2::interval[])[1]) <= $1
            )
        )
        and not exists (
            select from quality_repairs as r where r.finding_id = f.finding_id and r.outcome = 'pending'
        )
    order by array_position(array['error', 'warning', 'info'], f.severity), f.first_seen, f.finding_id
    limit $4
    for update of f skip locked
"""

ADD = """
    insert into quality_repairs (
        finding_id, series_id, interval_start, interval_end, attempt, requested_at, known_until
    )
    select $1, $2::integer, $3::timestamptz, $4::timestamptz, $5, $6, max(recorded_at)
    from observations
    where series_id = $2 and delivery_start >= $3 and delivery_start < $4
"""

COUNT_ATTEMPT = """
    update quality_findings
    set attempts = attempts + 1, next_attempt_at = null
    where finding_id = any($1::bigint[])
"""

NOT_HANDED_OVER = """
    select
        r.repair_id, coalesce(r.finding_id, 0) as finding_id, r.series_id, s.item, s.area, r.interval_start,
        r.interval_end, r.attempt as attempts, r.requested_at as since
    from quality_repairs as r
    join series as s using (series_id)
    where r.outcome = 'pending' and r.backfill_id is null
    order by r.repair_id
    for update of r skip locked
"""

HAND_OVER = "update quality_repairs set backfill_id = $2 where repair_id = any($1::bigint[])"

# Windows of the backfill that meet the interval: all must have ended, and the attempt is answered where none failed.
# A value that is newer than all that were known has changed, whichever collection learned it; one that vanished is no
# correction, and where none is left nothing was answered about them. A place that exists no longer has no windows, and
# nobody answers.
ANSWERED = """
    select
        r.repair_id, r.finding_id, r.series_id, r.attempt, stored.compared, stored.changed,
        coalesce(windows.answered, false) and stored.compared > 0 as answered,
        exists (
            select from quality_repairs as earlier
            where
                earlier.finding_id = r.finding_id
                and earlier.outcome = 'repeated'
                and earlier.requested_at >= f.state_since
        ) as answered_before,
        (select count(*) from quality_repairs as any_time where any_time.finding_id = r.finding_id) as total
    from quality_repairs as r
    join series as s using (series_id)
    join backfills as b using (backfill_id)
    left join quality_findings as f using (finding_id)
    cross join lateral (
        select
            bool_and(c.state not in ('pending', 'claimed')) as ended,
            bool_and(c.state in ('stored', 'empty')) as answered
        from backfill_windows as c
        where
            c.backfill_id = r.backfill_id
            and c.item = s.item
            and c.area = s.area
            and c.window_end > r.interval_start
            and c.window_start < r.interval_end
    ) as windows
    cross join lateral (
        select count(*)::integer as compared, (
                count(*) filter (where o.recorded_at > coalesce(r.known_until, '-infinity'))
            )::integer as changed
        from observations as o
        where
            o.series_id = r.series_id
            and o.value is not null
            and o.delivery_start >= r.interval_start
            and o.delivery_start < r.interval_end
    ) as stored
    where
        r.outcome = 'pending'
        and coalesce(windows.ended, b.finished_at is not null or b.cancelled_at is not null)
    order by r.repair_id
    for update of r skip locked
"""

SETTLE = """
    update quality_repairs
    set outcome = $2, compared = $3, changed = $4, settled_at = $5
    where repair_id = $1
"""

# What a person or a scan has judged meanwhile stays.
CHANGE_FINDING = """
    update quality_findings
    set
        state = $2,
        next_attempt_at = $3,
        state_since = case when state = $2 then state_since else $4 end,
        last_seen = case when state = $2 then last_seen else $4 end
    where finding_id = $1 and state = 'open'
"""
