"""What a killed service must not leave behind: asked of the database, and of the sandbox for the same windows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from app.collection.gaps.classification import Reason
from app.collection.models import CollectionRequest
from app.market.areas import find_place
from app.market.series import KEY_FIELDS, DataItem, SeriesKey
from app.market.time import Resolution
from app.sources.source import FetchStatistics
from app.wiring.catalog import CATALOG

if TYPE_CHECKING:
    from app.db.engine import Database
    from app.wiring.container import Container

Unit = tuple[SeriesKey, datetime, int]
NAMED = 5
"""So many findings of a kind are shown, the rest are counted."""

LEFT_BEHIND: Mapping[str, str] = MappingProxyType(
    {
        "a window is stuck": """
            select window_id, item, area, window_start, state, lease_until
            from backfill_windows where state in ('pending', 'claimed')
        """,
        "a lease without a claim": "select window_id, lease from backfill_windows where lease is not null",
        "a backfill is open": """
            select backfill_id, description from backfills where cancelled_at is null and finished_at is null
        """,
        "a run is under way or waits": """
            select job, scheduled_for, outcome, attempt, next_attempt_at
            from job_runs where outcome = 'running' or next_attempt_at is not null
        """,
        "an advisory lock is held": """
            select pid, classid, objid, mode, granted
            from pg_locks
            where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
        """,
        "somebody still leads": "select holder, epoch from scheduler_leader where isfinite(heartbeat_at)",
        "a day's count differs from its values": """
            select series_id, day, resolution, counted.stored, actual.stored
            from (
                select series_id, (delivery_start at time zone 'UTC')::date as day, resolution, count(value) as stored
                from observations group by 1, 2, 3
            ) as actual
            full join daily_counts as counted using (series_id, day, resolution)
            where coalesce(actual.stored, 0) <> coalesce(counted.stored, 0)
        """,
        "a value was believed that the platform never gave": """
            select series_id, delivery_start, value, recorded_at, superseded_at from observation_revisions
        """,
        "a value was taken for withdrawn": "select series_id, delivery_start from observations where value is null",
        "two series of one key": f"""
            select {", ".join(KEY_FIELDS)} from series group by {", ".join(KEY_FIELDS)} having count(*) > 1
        """,  # noqa: S608  constants
    }
)
"""The platform's clock stands still meanwhile, so that nothing is corrected or withdrawn."""

OPEN_BACKFILL = "select from backfills where cancelled_at is null and finished_at is null"
_WAITING = "select from job_runs where outcome = 'running' or next_attempt_at is not null"
_STORED = f"""
    select {", ".join(f"series.{name}" for name in KEY_FIELDS)}, delivery_start, resolution, value
    from observations
    join series using (series_id)
"""  # noqa: S608  constants


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many values the sandbox gives for the windows, and everything that is wrong."""

    given: int
    violations: tuple[str, ...]


async def rows(database: Database, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query, *arguments)]


def told(what: str, found: Sequence[object]) -> list[str]:
    """The first findings of a kind as lines."""
    more = [f"{what}: and {len(found) - NAMED} more"] if len(found) > NAMED else []
    return [f"{what}: {one}" for one in found[:NAMED]] + more


async def settled(database: Database, deadline: float) -> None:
    """Wait until neither a run nor a backfill is open, three looks in a row: one may beget the other."""
    quiet_looks = 0
    while quiet_looks < 3 and time.monotonic() < deadline:
        at_work = await rows(database, _WAITING) or await rows(database, OPEN_BACKFILL)
        quiet_looks = 0 if at_work else quiet_looks + 1
        await asyncio.sleep(0.5)


async def left_behind(database: Database, kinds: Mapping[str, str] = LEFT_BEHIND) -> list[str]:
    """Everything that nobody will clear up any more; asked after the service has stopped."""
    return [line for what, query in kinds.items() for line in told(what, await rows(database, query))]


async def ours(container: Container, requests: Sequence[CollectionRequest], now: datetime) -> list[str]:
    """The gaps that are the service's own fault."""
    gaps = await container.collection().gaps().analyse(requests, now)
    return [f"{one.item} {one.place.code} {one.interval}" for one in gaps if one.reason is Reason.OURS]


async def compared(container: Container, requests: Sequence[CollectionRequest], at: datetime) -> Comparison:
    """The stored values of the requests beside those that the sandbox gives now.

    What is public before its deadline need not have been asked for: missing is what was due at that instant.
    """
    given = await _given(container, requests)
    stored = await _stored(container, requests)
    both = given.keys() & stored.keys()
    missing = [one for one in given.keys() - stored.keys() if _deadline(one) <= at]
    violations = [
        *told("a gap is ours", await ours(container, requests, at)),
        *told("a value is not stored", sorted(map(_named, missing))),
        *told("a value is stored that was never given", sorted(map(_named, stored.keys() - given.keys()))),
        *told("a value differs", [f"{_named(one)}: {stored[one]}" for one in both if stored[one] != given[one]]),
    ]
    return Comparison(len(given), tuple(violations))


async def _given(container: Container, requests: Sequence[CollectionRequest]) -> dict[Unit, float]:
    collection, source = container.sources().live().service, container.sources().live().source
    found: dict[Unit, float] = {}
    for request in requests:
        for work in collection.plan([request]):
            fetched = await source.fetch(work.item, work.place, work.window, FetchStatistics())
            found |= {
                (block.key, instant, block.resolution.id): value
                for block in fetched.blocks
                for start, value in zip(block.starts.tolist(), block.values.tolist(), strict=True)
                if (instant := datetime.fromtimestamp(start, UTC)) in request.interval
            }
    return found


async def _stored(container: Container, requests: Sequence[CollectionRequest]) -> dict[Unit, float]:
    intervals = {(one.item.value, one.place.eic): one.interval for one in requests}
    found: dict[Unit, float] = {}
    for *key, start, resolution, value in await rows(container.database(), _STORED):
        series, instant = SeriesKey(*key), start.astimezone(UTC)
        if (interval := intervals.get((series.item, series.area))) and instant in interval:
            found[series, instant, resolution] = value
    return found


def _deadline(unit: Unit) -> datetime:
    key, start, resolution = unit
    return CATALOG.publication(DataItem(key.item)).deadline(
        start, Resolution.from_id(resolution), find_place(key.area).zone
    )


def _named(unit: Unit) -> str:
    key, start, _ = unit
    return f"{key.item} {find_place(key.area).code} {key.psr_type} {start.isoformat()}"
