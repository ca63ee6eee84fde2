"""The state of the whole service at one moment, from one snapshot of the database."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.db.leader import read_leader

if TYPE_CHECKING:
    from app.db.engine import Connection, Database

_LAST_RUN = "select max(started_at) from job_runs where started_at > $1::timestamptz - interval '7 days'"

_JOBS = """
    select
        job.id,
        job.paused,
        job.unreadable <> '' as unreadable,
        not job.paused and job.next_run_time < extract(epoch from $1::timestamptz - $2::interval) as late,
        coalesce(last.outcome in ('failed', 'missed', 'interrupted'), false) as failing
    from scheduler_jobs as job
    left join lateral (
        select outcome
        from job_runs
        where job = job.id and outcome <> 'running'
        order by scheduled_for desc
        limit 1
    ) as last on true
    order by job.id
"""

_GAPS = """
    select
        reason,
        count(*) as gaps,
        sum(missing)::bigint as missing,
        min(since) as oldest_since,
        -- What was just found is as a rule filled a moment later, and what a backfill is about to bring is no fault.
        count(*) filter (
            where
                greatest(since, found_at) < $1::timestamptz - interval '1 hour'
                and not exists (
                    select from backfill_chunks as chunk
                    join backfills as backfill using (backfill_id)
                    where
                        backfill.finished_at is null
                        and backfill.cancelled_at is null
                        and chunk.state in ('pending', 'claimed')
                        and chunk.item = gaps.item
                        and chunk.area = gaps.area
                        and chunk.window_start < gaps.gap_end
                        and chunk.window_end > gaps.gap_start
                )
        ) as lasting
    from gaps
    group by reason
    order by reason
"""

# Where no analysis has ended yet, only what was collected has been looked over.
_ANALYSED = """
    select
        (
            select max(finished_at) from job_runs
            where job = 'gap_analysis' and outcome in ('succeeded', 'nothing_due', 'partial')
        ) as analysed_at,
        (select to_timestamp(next_run_time) from scheduler_jobs where id = 'gap_analysis' and not paused) as next_at,
        (select count(distinct (item, area)) from collection_runs) as collected
"""

_BACKFILLS = """
    select
        backfill.backfill_id,
        backfill.description,
        backfill.paused_at is not null as paused,
        count(*) as windows,
        count(*) filter (where chunk.state in ('stored', 'empty', 'failed', 'cancelled')) as done
    from backfills as backfill
    join backfill_chunks as chunk using (backfill_id)
    where backfill.finished_at is null and backfill.cancelled_at is null
    group by backfill.backfill_id
    order by backfill.backfill_id
"""

_BUDGET = """
    select
        (
            select coalesce(sum(requests), 0)::bigint
            from collection_metrics
            where started_at > $1::timestamptz - interval '10 minutes' and finished_at > $1::timestamptz - interval '1 minute'
        ) as requests,
        (select blocked_until from token_budgets where token_id = $2 and blocked_until > $1) as blocked_until
"""

_ALERTS = """
    select alert_id, rule, labels::text as labels, severity, coalesce(fired_at, since) as since, acknowledged_at, suppressed
    from alerts
    where phase = 'firing'
    order by array_position(array['critical', 'warning', 'info'], severity), since
    limit 200
"""

# Of a channel that takes nothing also what it has not yet handed over.
_DISABLED = """
    select
        s.channel,
        s.disabled_at as since,
        s.disabled_reason as reason,
        count(n.channel) filter (where n.status = 'waiting') as waiting,
        count(n.channel) filter (where n.status = 'failed') as failed,
        min(n.created_at) filter (where n.status = 'waiting') as oldest
    from channel_states as s
    left join notifications as n on n.channel = s.channel and n.status in ('waiting', 'failed')
    where s.disabled_at is not null
    group by s.channel
    order by s.channel
"""

JOB_GRACE = timedelta(minutes=5)
"""A job that should have begun so long ago is late."""


@dataclass(frozen=True, slots=True)
class Leader:
    """Who plans. `heartbeat_at` is None where nobody ever led or the last leader ended in order.

    `alive`: whether it leads still; from `GRIDKEEPER_SCHEDULER__TAKEOVER_AFTER` seconds of silence on it does not.
    """

    epoch: int = 0
    name: str = ""
    heartbeat_at: datetime | None = None
    last_run_at: datetime | None = None
    alive: bool = False


@dataclass(frozen=True, slots=True)
class JobsState:
    """The stored jobs, and the names of those with which something is wrong."""

    total: int = 0
    paused: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GapCount:
    """The gaps of one reason, as the last analysis found them."""

    reason: str
    gaps: int
    missing: int
    oldest_since: datetime
    lasting: int
    """Of these, found more than an hour ago."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """When all gaps were looked for last and will be next, and how many items and areas have been collected so far."""

    analysed_at: datetime | None = None
    next_at: datetime | None = None
    collected: int = 0


@dataclass(frozen=True, slots=True)
class OpenBackfill:
    """A backfill that has not ended."""

    backfill_id: int
    description: str
    paused: bool
    windows: int
    done: int


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert that fires; `suppressed` says why nobody is told."""

    alert_id: int
    rule: str
    labels: dict[str, str]
    severity: str
    since: datetime
    acknowledged: bool
    suppressed: str


@dataclass(frozen=True, slots=True)
class DisabledChannel:
    """A channel that takes no message until a person mends it, and what waits for it since `oldest`."""

    channel: str
    since: datetime
    reason: str
    waiting: int = 0
    failed: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """What the tables of the service say."""

    leader: Leader = Leader()
    jobs: JobsState = JobsState()
    gaps: tuple[GapCount, ...] = ()
    analysed: Analysed = Analysed()
    backfills: tuple[OpenBackfill, ...] = ()
    requests_last_minute: int = 0
    blocked_until: datetime | None = None
    alerts: tuple[FiringAlert, ...] = field(default=())
    disabled_channels: tuple[DisabledChannel, ...] = ()


async def read_overview(database: Database, now: datetime, token_id: str, takeover_after: float) -> Overview:
    """One snapshot of everything."""
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        leader = await read_leader(connection)
        last_run_at = await connection.fetchval(_LAST_RUN, now)
        [budget] = await connection.fetch(_BUDGET, now, token_id)
        return Overview(
            leader=Leader(
                leader.epoch, leader.holder, leader.heartbeat_at, last_run_at, alive=leader.alive(takeover_after)
            ),
            jobs=await _jobs(connection, now),
            gaps=tuple(GapCount(**row) for row in await connection.fetch(_GAPS, now)),
            analysed=Analysed(**(await connection.fetch(_ANALYSED))[0]),
            backfills=tuple(OpenBackfill(**row) for row in await connection.fetch(_BACKFILLS)),
            requests_last_minute=budget["requests"],
            blocked_until=budget["blocked_until"],
            alerts=tuple(
                FiringAlert(
                    alert_id=row["alert_id"],
                    rule=row["rule"],
                    labels=json.loads(row["labels"]),
                    severity=row["severity"],
                    since=row["since"],
                    acknowledged=row["acknowledged_at"] is not None,
                    suppressed=row["suppressed"],
                )
                for row in await connection.fetch(_ALERTS)
            ),
            disabled_channels=tuple(DisabledChannel(**row) for row in await connection.fetch(_DISABLED)),
        )


async def _jobs(connection: Connection, now: datetime) -> JobsState:
    rows = await connection.fetch(_JOBS, now, JOB_GRACE)

    def named(what: str) -> tuple[str, ...]:
        return tuple(row["id"] for row in rows if row[what])

    return JobsState(len(rows), named("paused"), named("failing"), named("late"), named("unreadable"))
