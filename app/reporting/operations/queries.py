"""Reads of the database for daily and weekly reports: what no service beside it tells of a period."""

# ruff: noqa: S608  statements are made of constants

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from app.market.time import Interval
from app.reporting.operations.models import GapFlow, Late, LatePair, Reaction, RuleNoise

if TYPE_CHECKING:
    from app.db.engine import Connection


def _promised(table: str, first: str, last: str, more: str = "", condition: str = "") -> str:
    """The rows of a table of gaps with what was promised of their values."""
    return f"""
        select
            known.item, known.area, known.series_id, known.{first}, known.{last}, known.reason, known.since, {more}
            promised.missing
        from {table} as known
        join watched using (item, area)
        cross join lateral (
            select
                floor(
                    0.001 + known.missing * least(
                        extract(
                            epoch from known.{last} - watched.begun_at + greatest(known.since - known.{first}, interval '0')
                        ) / extract(epoch from known.{last} - known.{first}),
                        1
                    )
                )::integer as missing
        ) as promised
        where promised.missing > 0 {condition}
    """


# A value is promised once its item and area are collected. What was due before then has not begun to be missing, and that a
# backfill brings it is no news: of gaps that reach back further only the part since then is reported. A value is due as long
# after its beginning as the first one of its gap. The names hide the tables.
_PROMISED = f"""
    watched as (
        select pair.item, pair.area, run.finished_at as begun_at
        from (select item, area from gaps union select item, area from gap_changes where at >= $1) as pair
        cross join lateral (
            select finished_at
            from collection_runs
            where collection_runs.item = pair.item and collection_runs.area = pair.area
            order by finished_at
            limit 1
        ) as run
    ),
    gap_changes as (
        {_promised("gap_changes", "change_start", "change_end", "known.was, known.whole, known.at,", "and known.at >= $1")}
    ),
    gaps as ({_promised("gaps", "gap_start", "gap_end")})
"""

# The gaps that were open at the end of the period: those of now and those that have gone or changed since, but for those
# that have come to their reason since.
_HELD = """
    since_then as (
        select item, area, coalesce(series_id, 0) as line, change_start, change_end, missing, was, reason, since, whole
        from gap_changes
        where at >= $2
    ),
    candidates as (
        select reason as kind, item, area, coalesce(series_id, 0) as line, gap_start as first, gap_end as last, since
        from gaps
        where since < $2
        union all
        select was, item, area, line, change_start, change_end, since
        from since_then
        where was is not null and since < $2
    ),
    held as (
        select kind, item, area, $2 - since as lasted
        from candidates as c
        where not exists (
            select from since_then as s
            where
                s.reason = c.kind
                and s.whole
                and s.item = c.item
                and s.area = c.area
                and s.line = c.line
                and s.change_start < c.last
                and s.change_end > c.first
        )
    )
"""

# Late is what the source was asked for after its deadline and had not: what came in the period, and what was waited for
# at its end. That is what is late now, less what has become so since, and with what has ceased to be so since.
_LATE = f"""
    with {_PROMISED},
    {_HELD},
    late as (
        select item, area, missing, at - since as lasted
        from gap_changes
        where at >= $1 and at < $2 and reason is null and was <> 'ours'
        union all
        select item, area, missing, null
        from gaps
        where reason = 'late'
        union all
        select item, area, case when was = 'late' then missing else -missing end, null
        from since_then
        where was = 'late' or reason = 'late'
        union all
        select item, area, 0, lasted
        from held
        where kind = 'late'
    )
    select
        grouping(item) = 1 as every,
        item,
        area,
        sum(missing)::bigint as values,
        extract(epoch from max(lasted))::float8 as longest,
        extract(epoch from percentile_cont(0.5) within group (order by lasted) filter (where lasted > interval '0'))::float8
            as median
    from late
    group by grouping sets ((item, area), ())
    having sum(missing) > 0
    order by longest desc nulls last, item, area
"""

_GAPS = f"""
    with {_PROMISED},
    {_HELD},
    moves as (
        select reason as kind, 1 as sign, was is null as edge, at, missing, whole
        from gap_changes
        where at >= $1 and reason is not null
        union all
        select was, -1, reason is null, at, missing, whole
        from gap_changes
        where at >= $1 and was is not null
    ),
    flows as (
        select
            kind,
            count(*) filter (where at < $2 and sign = 1 and edge and whole) as opened_gaps,
            sum(missing) filter (where at < $2 and sign = 1 and edge) as opened_values,
            count(*) filter (where at < $2 and sign = -1 and edge and whole) as closed_gaps,
            sum(missing) filter (where at < $2 and sign = -1 and edge) as closed_values,
            sum(missing) filter (where at < $2 and sign = 1 and not edge) as gained_values,
            sum(missing) filter (where at < $2 and sign = -1 and not edge) as lost_values,
            sum(sign * missing) filter (where at >= $2) as moved_since
        from moves
        group by kind
    ),
    known as (
        select reason as kind, sum(missing) as missing
        from gaps
        group by reason
    ),
    oldest as (
        select kind, extract(epoch from max(lasted))::float8 as seconds
        from held
        group by kind
    )
    select
        kind as reason,
        coalesce(opened_gaps, 0) as opened_gaps,
        coalesce(opened_values, 0)::bigint as opened_values,
        coalesce(closed_gaps, 0) as closed_gaps,
        coalesce(closed_values, 0)::bigint as closed_values,
        coalesce(gained_values, 0)::bigint as gained_values,
        coalesce(lost_values, 0)::bigint as lost_values,
        greatest(coalesce(known.missing, 0) - coalesce(moved_since, 0), 0)::bigint as open_values,
        oldest.seconds as oldest_seconds
    from flows
    full join known using (kind)
    left join oldest using (kind)
    order by kind
"""

# Gaps that nothing is known to have begun are older than their history, or than what is kept of it.
_RECORDED_SINCE = """
    select coalesce(min(at), $1)
    from gap_changes
    having
        (select coalesce(sum(missing), 0) from gaps)
        > coalesce(sum(case when was is null then missing when reason is null then -missing end), 0)
"""

_RULES = """
    with fired as (
        select rule, count(*) as fired from alerts where fired_at >= $1 and fired_at < $2 group by rule
    ),
    notifications as (
        select rule, count(*) as notified from alert_events where notified and at >= $1 and at < $2 group by rule
    )
    select rule, coalesce(fired, 0) as fired, coalesce(notified, 0) as notified
    from fired
    full join notifications using (rule)
    order by 2 desc, 3 desc, 1
"""

_REACTION = """
    with known as (
        select
            acknowledged_at >= $1 and acknowledged_at < $2 as acknowledged,
            resolved_at >= $1 and resolved_at < $2 as resolved,
            fired_at < $2 and (resolved_at is null or resolved_at >= $2) as firing,
            acknowledged_at is null or acknowledged_at >= $2 as unacknowledged,
            greatest(extract(epoch from acknowledged_at - fired_at), 0)::float8 as until_acknowledged,
            greatest(extract(epoch from resolved_at - fired_at), 0)::float8 as until_resolved
        from alerts
        where fired_at < $2 and (resolved_at is null or resolved_at >= $1)
    )
    select
        count(*) filter (where acknowledged) as acknowledged,
        percentile_cont(0.5) within group (order by until_acknowledged) filter (where acknowledged) as median_acknowledge,
        max(until_acknowledged) filter (where acknowledged) as longest_acknowledge,
        count(*) filter (where resolved) as resolved,
        percentile_cont(0.5) within group (order by until_resolved) filter (where resolved) as median_resolve,
        max(until_resolved) filter (where resolved) as longest_resolve,
        count(*) filter (where firing) as firing,
        count(*) filter (where firing and unacknowledged) as unacknowledged,
        (
            select count(*)
            from notifications
            where status = 'failed' and ended_at >= $1 and ended_at < $2
        ) as undelivered
    from known
"""

_DAYS = f"""
    with {_PROMISED.replace("$1", "(select min(at) from unnest($1::timestamptz[]) as days (at))")}
    select
        (select count(*) from alerts where fired_at >= day.begins and fired_at < day.ends) as fired,
        greatest(
            (select coalesce(sum(missing), 0) from gaps) - (
                select coalesce(sum(case when was is null then missing when reason is null then -missing else 0 end), 0)
                from gap_changes
                where at >= day.ends
            ),
            0
        )::bigint as overdue
    from unnest($1::timestamptz[], $2::timestamptz[]) as day (begins, ends)
    order by day.begins
"""


async def read_late(connection: Connection, interval: Interval) -> Late:
    """What the source had not by its deadline, the longest delay first."""
    rows = await connection.fetch(_LATE, interval.start, interval.end)
    pairs = [row for row in rows if not row["every"]]
    median = next((row["median"] for row in rows if row["every"]), None)
    return Late(
        tuple(LatePair(row["item"], row["area"], row["values"], max(row["longest"] or 0.0, 0.0)) for row in pairs),
        median,
    )


async def read_gaps(connection: Connection, interval: Interval) -> tuple[GapFlow, ...]:
    """How gaps of each reason came and went; reasons of which nothing is known are left out."""
    rows = await connection.fetch(_GAPS, interval.start, interval.end)
    flows = [GapFlow(**dict(row)) for row in rows]
    return tuple(flow for flow in flows if _tells(flow))


def _tells(flow: GapFlow) -> bool:
    return bool(flow.open_values or flow.opened_values or flow.closed_values or flow.gained_values or flow.lost_values)


async def read_recorded_since(connection: Connection, now: datetime) -> datetime | None:
    """When the history of gaps begins, where gaps are known to be older than it; None: it is whole."""
    found: datetime | None = await connection.fetchval(_RECORDED_SINCE, now)
    return found


async def read_rules(connection: Connection, interval: Interval) -> tuple[RuleNoise, ...]:
    """The rules that fired or of which people were notified, the noisiest first."""
    rows = await connection.fetch(_RULES, interval.start, interval.end)
    return tuple(RuleNoise(**dict(row)) for row in rows)


async def read_reaction(connection: Connection, interval: Interval) -> Reaction:
    """How long alerts waited for people and for their end."""
    [row] = await connection.fetch(_REACTION, interval.start, interval.end)
    return Reaction(**dict(row))


async def read_days(connection: Connection, days: Sequence[Interval]) -> list[tuple[int, int]]:
    """Alerts that fired in each interval, and values that were missing at its end."""
    rows = await connection.fetch(_DAYS, [day.start for day in days], [day.end for day in days])
    return [(row["fired"], row["overdue"]) for row in rows]
