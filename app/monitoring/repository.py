"""What the monitoring keeps: measurements of runs, their rollups, samples of resources, lateness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from datetime import datetime, timedelta

from app.collection.gaps.repository import CHANGES_RETAINED
from app.db.engine import Database
from app.db.retention import Retention, erase
from app.monitoring import sql
from app.monitoring.models import RunMetrics, Sample

_RUN_FIELDS = tuple(field.name for field in fields(RunMetrics))
_RUN_TYPES = (
    *("bigint", "text", "text", "text", "timestamptz", "timestamptz", "text", "text", "text"),
    *("integer",) * 8,
    "bigint",
    *("float8",) * 3,
)
# Sent once more after a lost answer, a row is there already.
_ADD_RUNS = f"""
    insert into collection_metrics ({", ".join(_RUN_FIELDS)})
    select * from unnest({", ".join(f"${number}::{kind}[]" for number, kind in enumerate(_RUN_TYPES, 1))})
    on conflict do nothing
"""  # noqa: S608  constants

_SAMPLE_FIELDS = tuple(field.name for field in fields(Sample))
_ADD_SAMPLE = f"""
    insert into service_metrics ({", ".join(_SAMPLE_FIELDS)})
    values ({", ".join(f"${number}" for number in range(1, len(_SAMPLE_FIELDS) + 1))})
    on conflict do nothing
"""  # noqa: S608  constants

_PROBE = "select count(*) from job_runs where scheduled_for > clock_timestamp() - interval '1 hour'"

RETAINED = (
    Retention("collection_metrics", "started_at", "monitoring.raw_days"),
    Retention("service_metrics", "at", "monitoring.raw_days"),
    Retention("collection_hourly", "hour", "monitoring.rollup_days"),
    Retention("metric_anomalies", "hour", "monitoring.rollup_days"),
    Retention("collection_daily", "day", "monitoring.rollup_days"),
)
"""Whole days of UTC."""

OVERLAP = timedelta(minutes=5)
"""A row may commit this long after the instant it carries."""


class MonitoringRepository:
    """Writes what is measured and keeps the rollups; `app.monitoring.queries` reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_runs(self, runs: Sequence[RunMetrics]) -> None:
        """Store measurements; those that are there already are left as they are."""
        columns = [list(column) for column in zip(*map(astuple, runs), strict=True)]
        if columns:
            async with self._database.connection() as connection:
                await connection.execute(_ADD_RUNS, *columns)

    async def add_sample(self, sample: Sample) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_ADD_SAMPLE, *astuple(sample))

    async def probe(self) -> None:
        """A small query as the jobs make them; how long it takes says how the database is."""
        async with self._database.connection() as connection:
            await connection.fetchval(_PROBE)

    async def roll_up(self, *, raw_days: int) -> int | None:
        """Add up the hours in which runs came in since the last time; how many hours, None while a replica is at it.

        Hours are computed anew from all their measurements, so that doing it twice changes nothing. Hours of which the
        measurements are about to be erased stay as they are.
        """
        async with self._database.transaction() as connection:
            if not await connection.fetchval("select pg_try_advisory_xact_lock($1)", sql.ROLLUP_LOCK):
                return None
            [state] = await connection.fetch(sql.ROLLUP_STATE)
            since, oldest = state["rolled_until"], kept_since(state["now"], raw_days)
            await connection.execute(sql.ADD_LOST_RUNS, since, OVERLAP, oldest)
            hours = [row["hour"] for row in await connection.fetch(sql.TOUCHED_HOURS, since, OVERLAP, oldest)]
            for hour in hours:
                await connection.execute(sql.ROLL_UP_HOUR, hour)
            for day in sorted({hour.date() for hour in hours}):
                await connection.execute(sql.ROLL_UP_DAY, day)
            await connection.execute(sql.ROLLED_UP, state["now"])
        return len(hours)

    async def erase_old(self, now: datetime, *, raw_days: int, rollup_days: int) -> dict[str, int]:
        """Erase what is older than it is kept; rows or chunks that went, by table."""
        days = {"monitoring.raw_days": raw_days, "monitoring.rollup_days": rollup_days}
        gone = {}
        async with self._database.connection() as connection:
            for retention in (*RETAINED, CHANGES_RETAINED):
                before = kept_since(now, days[str(retention.kept)])
                bound = before.date() if retention.time_column == "day" else before
                gone[retention.table] = await erase(connection, retention, bound)
        return gone


def kept_since(now: datetime, days: int) -> datetime:
    """The UTC midnight before which everything older than so many days lies."""
    return (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
