"""What the server can do, and the objects that depend on it; nothing else asks.

They are no Alembic revisions, because a revision runs once and the level of a server changes: the extension appears
later, or its licence does. Each step asks whether it is done already, so that an interrupted run is taken up again.
"""

# ruff: noqa: S608  statements are made of names that stand in this module

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from app.db.timescale_steps import (
    AGGREGATES,
    REFRESHED_UNTIL,
    ContinuousAggregate,
    TimescaleStep,
    aggregate_columnstore_steps,
    aggregate_steps,
    columnstore_steps,
    hypertable_steps,
    materialization,
    policy_steps,
    reading_steps,
    retention_steps,
)
from app.errors import DatabaseUnavailable
from app.market.time import MARKET_ZONE, Interval, local_day, midnight, split_interval
from app.settings import RetentionSettings

if TYPE_CHECKING:
    from app.db.engine import Connection

Tell = Callable[[str], None]

OLDEST_EXTENSION = (2, 18)
"""The first version with the columnstore's present names."""

PORTION_DAYS = 90
"""What one transaction of the first refresh covers."""


class Level(StrEnum):
    """What a server offers: nothing, hypertables, or columnstore, continuous aggregates and policies as well."""

    PLAIN = "plain"
    APACHE = "apache"
    COMMUNITY = "community"


@dataclass(frozen=True, slots=True)
class ServerLevel:
    """The level of a database and the version of its extension; `installable` where the extension is there unused."""

    level: Level
    version: str = ""
    installable: bool = False

    @property
    def current(self) -> bool:
        """Whether the extension is new enough to be used."""
        found = re.match(r"(\d+)\.(\d+)", self.version)
        return found is not None and (int(found[1]), int(found[2])) >= OLDEST_EXTENSION

    def __str__(self) -> str:
        if self.level is Level.PLAIN:
            return "plain PostgreSQL" + (", TimescaleDB installable" if self.installable else "")
        return f"TimescaleDB {self.version} ({self.level})"


_DETECT = """
    select
        (select extversion from pg_extension where extname = 'timescaledb') as version,
        current_setting('timescaledb.license', true) as license
"""
_INSTALLABLE = "select exists (select from pg_available_extensions where name = 'timescaledb')"


async def detect_server_level(connection: Connection) -> ServerLevel:
    """What this database can do."""
    [found] = await connection.fetch(_DETECT)
    if found["version"] is None:
        return ServerLevel(Level.PLAIN, installable=await connection.fetchval(_INSTALLABLE))
    return ServerLevel(Level.COMMUNITY if found["license"] == "timescale" else Level.APACHE, found["version"])


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Whether Alembic's autogenerate may look at it: schemas of the extension and of the queue are none of its business."""
    return kind != "schema" or not (name or "").startswith(("_timescaledb", "timescaledb", "procrastinate"))


async def apply(
    connection: Connection, *, now: datetime, retention: RetentionSettings, upgrade: bool, tell: Tell
) -> tuple[str, ...]:
    """Brings the level-dependent objects up to date, and says what a person should know.

    `upgrade` creates the extension where it is missing, and converts filled tables, during which nobody can write.
    Without it a database that holds plain tables keeps them. `tell` hears of every step that was made.
    """
    server = await detect_server_level(connection)
    if upgrade:
        server = await _with_extension(connection, server, tell)
    if server.version and not server.current:
        return (f"{server} is older than {_oldest()} and not used; {_UPDATE}", *_unused(retention))
    if server.level is Level.PLAIN:
        return _unused(retention)
    if not upgrade and await connection.fetchval(_PLAIN_AND_FILLED):
        note = f"{server} is there, but the tables are plain; run `gridkeeper migrate --timescale` to convert them"
        return (note, *_unused(retention))
    for step in hypertable_steps():
        await _make(connection, step, tell)
    if server.level is Level.APACHE:
        return _unused(retention)
    for step in (*columnstore_steps(), *aggregate_steps()):
        await _make(connection, step, tell)
    for aggregate in AGGREGATES:
        await _refresh(connection, aggregate, now, retention, tell)
    for step in (
        *policy_steps(retention),
        *aggregate_columnstore_steps(),
        *reading_steps(),
        *retention_steps(retention),
    ):
        await _make(connection, step, tell)
    return await _allow_large_corrections(connection, tell)


_UPDATE = "run `alter extension timescaledb update` in a fresh session"
_PLAIN_AND_FILLED = """
    select
        not exists (
            select from timescaledb_information.hypertables
            where hypertable_schema = current_schema() and hypertable_name = 'observations'
        )
        and exists (select from observations)
"""


def _oldest() -> str:
    return ".".join(map(str, OLDEST_EXTENSION))


def _unused(retention: RetentionSettings) -> tuple[str, ...]:
    if retention.observations_days is None:
        return ()
    return (
        "GRIDKEEPER_RETENTION__OBSERVATIONS_DAYS needs hypertables of TimescaleDB's community edition; nothing is erased",
    )


async def _with_extension(connection: Connection, server: ServerLevel, tell: Tell) -> ServerLevel:
    from asyncpg.exceptions import PostgresError

    if server.level is not Level.PLAIN:
        if not server.current:
            raise DatabaseUnavailable(f"{server} is older than {_oldest()}; {_UPDATE}")
        return server
    if not server.installable:
        raise DatabaseUnavailable(
            "the server has no TimescaleDB; install its package, add timescaledb to shared_preload_libraries "
            "and restart the server, or leave out --timescale"
        )
    try:
        await connection.execute("create extension if not exists timescaledb")
    except PostgresError as error:
        raise DatabaseUnavailable(
            f"the extension timescaledb cannot be created: {error}; add timescaledb to shared_preload_libraries, "
            "restart the server, and create it as the owner of the database"
        ) from error
    tell("extension timescaledb")
    return await detect_server_level(connection)


async def _make(connection: Connection, step: TimescaleStep, tell: Tell) -> None:
    if await connection.fetchval(step.done):
        return
    async with connection.transaction():
        for statement in step.statements:
            await connection.execute(statement)
    tell(step.name)


async def _refresh(
    connection: Connection, aggregate: ContinuousAggregate, now: datetime, retention: RetentionSettings, tell: Tell
) -> None:
    """Fills an aggregate before its policy begins or changes, oldest first, in portions.

    What an aggregate does not hold is computed only after the end of what it holds, so its start may have no hole:
    portions end at midnights, because a refresh leaves out buckets that its interval cuts.
    """
    [policy] = policy_steps(retention, (aggregate,))
    if await connection.fetchval(policy.done):
        return
    [stored] = await connection.fetch(_STORED)
    if stored["first"] is None:
        return
    start = await _refresh_start(connection, aggregate, stored["first"], now)
    for portion in _portions(start, min(now - REFRESHED_UNTIL, stored["last"] + timedelta(days=1))):
        await connection.execute(
            f"call refresh_continuous_aggregate('{aggregate.name}', timestamptz '{portion.start}', "
            f"timestamptz '{portion.end}')"
        )
        tell(f"{aggregate.name} until {local_day(portion.end, MARKET_ZONE)}")


_STORED = "select min(delivery_start) as first, max(delivery_start) as last from observations where resolution <= 8"
_POLICY = """
    select (config->>'start_offset')::interval as start_offset
    from timescaledb_information.jobs
    where
        proc_name = 'policy_refresh_continuous_aggregate'
        and hypertable_schema = current_schema()
        and hypertable_name = $1
"""


async def _refresh_start(
    connection: Connection, aggregate: ContinuousAggregate, first: datetime, now: datetime
) -> datetime:
    """The first value; after an interruption the day after what is held; never behind a horizon that stood before."""
    policies = await connection.fetch(_POLICY, aggregate.name)
    if policies and policies[0]["start_offset"] is not None:
        # What lies there may be erased already, and a refresh would erase its sums; the day it cuts as well.
        return next_day(max(first, now - policies[0]["start_offset"]))
    if policies:
        return first
    relation = await connection.fetchval(f"select {materialization(aggregate.name)}")
    held = await connection.fetchval(f"select max({aggregate.column}) from {relation}")
    return first if held is None else max(first, next_day(held))


def next_day(instant: datetime) -> datetime:
    """The midnight of the market that follows."""
    return midnight(local_day(instant, MARKET_ZONE) + timedelta(days=1), MARKET_ZONE)


def _portions(start: datetime, end: datetime) -> Iterator[Interval]:
    """The market days from that of `start` until that of `end`, which is left out, in portions."""
    first, last = (midnight(local_day(instant, MARKET_ZONE), MARKET_ZONE) for instant in (start, end))
    if first < last:
        yield from split_interval(Interval(first, last), days=PORTION_DAYS, zone=MARKET_ZONE)


_LIMIT = "timescaledb.max_tuples_decompressed_per_dml_transaction"
_UNLIMITED = f"""
    select exists (
        select from pg_db_role_setting
        join pg_database on pg_database.oid = setdatabase
        where datname = current_database() and setrole = 0 and '{_LIMIT}=0' = any(setconfig)
    )
"""


async def _allow_large_corrections(connection: Connection, tell: Tell) -> tuple[str, ...]:
    """A correction of more than a series-year in the columnstore passes the extension's default limit of 100,000 rows."""
    if await connection.fetchval(_UNLIMITED):
        return ()
    statement = await connection.fetchval(
        "select case when pg_has_role(datdba, 'usage') then format('alter database %I set %s = 0', datname, $1::text) end"
        " from pg_database where datname = current_database()",
        _LIMIT,
    )
    if statement is None:
        return (f"large corrections may fail; let the owner of the database set {_LIMIT} to 0 with ALTER DATABASE",)
    await connection.execute(statement)
    tell("no limit for corrections in the columnstore")
    return ()
