"""The state of the whole service at one moment, from one snapshot of the database."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.db.leader import read_leader
from app.monitoring import sql

if TYPE_CHECKING:
    from app.db.engine import Connection, Database

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
    """An alert that fires; `suppressed` says why nobody is notified."""

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
        last_run_at = await connection.fetchval(sql.LAST_JOB_RUN, now)
        [budget] = await connection.fetch(sql.REQUEST_BUDGET, now, token_id)
        return Overview(
            leader=Leader(
                leader.epoch, leader.holder, leader.heartbeat_at, last_run_at, alive=leader.alive(takeover_after)
            ),
            jobs=await _jobs(connection, now),
            gaps=tuple(GapCount(**row) for row in await connection.fetch(sql.GAPS_BY_REASON, now)),
            analysed=Analysed(**(await connection.fetch(sql.LAST_ANALYSIS))[0]),
            backfills=tuple(OpenBackfill(**row) for row in await connection.fetch(sql.OPEN_BACKFILLS)),
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
                for row in await connection.fetch(sql.FIRING_ALERTS)
            ),
            disabled_channels=tuple(DisabledChannel(**row) for row in await connection.fetch(sql.DISABLED_CHANNELS)),
        )


async def _jobs(connection: Connection, now: datetime) -> JobsState:
    rows = await connection.fetch(sql.STORED_JOBS, now, JOB_GRACE)

    def named(what: str) -> tuple[str, ...]:
        return tuple(row["id"] for row in rows if row[what])

    return JobsState(len(rows), named("paused"), named("failing"), named("late"), named("unreadable"))
