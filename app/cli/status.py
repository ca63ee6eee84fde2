"""`gridkeeper status`: what the database is, what it holds, and what is late."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from app.cli.codes import OK
from app.cli.tables import print_table
from app.clock import SystemClock
from app.lifecycle import database
from app.logging import configure_logging
from app.market.areas import by_eic
from app.market.series import DataItem
from app.market.time import MARKET_ZONE, Resolution, iso
from app.settings import Settings, load_settings
from app.sources.entsoe.items import ITEMS

if TYPE_CHECKING:
    from app.db.engine import Connection, Database

_SCHEMA = "select version_num, (select origin from database_origin) as origin from gridkeeper_version"

_HOLDINGS = """
    select
        item,
        count(distinct area) as areas,
        count(*) as series,
        sum(stored)::bigint as stored,
        min(first_day) as first_day
    from series
    left join (
        select series_id, sum(stored) as stored, min(day) as first_day from daily_counts group by series_id
    ) as counted using (series_id)
    group by item
    order by item
"""

_NEWEST = """
    select distinct on (item, area_eic) item, area, area_eic, delivery_start, resolution
    from v_latest
    order by item, area_eic, delivery_start desc, resolution
"""

# The table is indexed by item and area; its newest rows are found by their number.
_LAST_RUNS = """
    select distinct on (item) item, area, finished_at, outcome, error_class, error_message
    from v_collection_runs
    where run_id > (select max(run_id) - 20000 from collection_runs)
    order by item, run_id desc
"""


@dataclass(frozen=True, slots=True)
class AreaStatus:
    """The newest value of an item in an area, and since how many seconds the next one has been due."""

    area: str
    newest: datetime
    resolution: str
    late_seconds: int


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The last run of an item."""

    area: str
    finished_at: datetime
    outcome: str
    error_class: str
    error_message: str


@dataclass(frozen=True, slots=True)
class ItemStatus:
    """What is stored of an item."""

    item: str
    areas: int
    series: int
    values: int
    first_day: date | None
    newest: tuple[AreaStatus, ...] = ()
    last_run: RunStatus | None = None

    @property
    def latest(self) -> AreaStatus | None:
        """The area that is most behind."""
        return max(self.newest, key=lambda one: one.late_seconds, default=None)


@dataclass(frozen=True, slots=True)
class Status:
    """The state of one database."""

    database: str
    postgresql: str
    level: str
    timescaledb: str
    schema: str
    origin: str | None
    items: tuple[ItemStatus, ...] = field(default=())

    @property
    def server(self) -> str:
        edition = f", TimescaleDB {self.timescaledb} ({self.level})" if self.timescaledb else ", plain"
        return f"PostgreSQL {self.postgresql}{edition}"


def status_command(*, as_json: bool = False) -> int:
    settings = load_settings()
    configure_logging(settings.log)
    found = asyncio.run(_status(settings))
    if as_json:
        sys.stdout.write(json.dumps(asdict(found), indent=2, default=_text) + "\n")
    else:
        _print(found)
    return OK


async def _status(settings: Settings) -> Status:
    async with database(settings, lambda text: typer.echo(text, err=True)) as opened:
        return await read_status(opened, SystemClock().now())


async def read_status(database: Database, now: datetime) -> Status:
    """The state of the database, from one snapshot."""
    from app.db.timescale import detect

    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        server = await detect(connection)
        [schema] = await connection.fetch(_SCHEMA)
        return Status(
            database=database.name,
            postgresql=await connection.fetchval("show server_version"),
            level=server.level.value,
            timescaledb=server.version,
            schema=schema["version_num"],
            origin=schema["origin"],
            items=await _items(connection, now),
        )


async def _items(connection: Connection, now: datetime) -> tuple[ItemStatus, ...]:
    newest: dict[str, list[AreaStatus]] = {}
    for item, area, eic, start, resolution in await connection.fetch(_NEWEST):
        late = lateness(item, eic, start, Resolution.parse(resolution), now)
        newest.setdefault(item, []).append(AreaStatus(area, start, resolution, int(late.total_seconds())))
    runs = {
        row["item"]: RunStatus(
            row["area"], row["finished_at"], row["outcome"], row["error_class"] or "", row["error_message"] or ""
        )
        for row in await connection.fetch(_LAST_RUNS)
    }
    held = {row["item"]: dict(row) for row in await connection.fetch(_HOLDINGS)}
    nothing = {"areas": 0, "series": 0, "stored": 0, "first_day": None}
    return tuple(
        ItemStatus(
            item,
            areas=holding["areas"],
            series=holding["series"],
            values=holding["stored"] or 0,
            first_day=holding["first_day"],
            newest=tuple(newest.get(item, ())),
            last_run=runs.get(item),
        )
        for item in sorted({*held, *runs})
        for holding in (held.get(item, nothing),)
    )


def lateness(item: str, area_eic: str, newest: datetime, resolution: Resolution, now: datetime) -> timedelta:
    """How long the market time unit after the newest has been due; nothing where it is not, or no deadline is known."""
    spec = ITEMS.get(DataItem(item)) if item in list(DataItem) else None
    if spec is None:
        return timedelta(0)
    area = by_eic(area_eic.rpartition(">")[2])
    zone: ZoneInfo = area.zone if area else MARKET_ZONE
    deadline = spec.publication.deadline(resolution.step(newest, 1, zone), resolution, zone)
    return max(now - deadline, timedelta(0))


def _text(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


def _print(found: Status) -> None:
    lines = (
        ("database", found.database),
        ("server", found.server),
        ("schema", found.schema),
        ("origin", found.origin or "no data yet"),
    )
    for name, value in lines:
        typer.echo(f"{name:<10}{value}")
    if not found.items:
        typer.echo("nothing is stored yet; `gridkeeper collect` collects the last 7 days")
        return
    typer.echo()
    columns = ("item", "areas", "series", "values", "since", "newest", "late", "where", "last run", "outcome")
    print_table(columns, [_row(item) for item in found.items], right=("areas", "series", "values", "late"))


def _row(item: ItemStatus) -> tuple[str, ...]:
    latest, run = item.latest, item.last_run
    late = timedelta(seconds=latest.late_seconds) if latest else timedelta(0)
    return (
        item.item,
        str(item.areas),
        str(item.series),
        str(item.values),
        str(item.first_day or ""),
        f"{max(one.newest for one in item.newest):%Y-%m-%d %H:%M}Z" if item.newest else "",
        _duration(late),
        latest.area if latest and late else "",
        f"{run.finished_at:%Y-%m-%d %H:%M}Z" if run else "",
        (f"{run.outcome}: {run.error_class} ({run.area})" if run.error_class else run.outcome) if run else "",
    )


def _duration(late: timedelta) -> str:
    """Lateness in the unit that a person would name."""
    if not late:
        return ""
    minutes = int(late.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 60 * 48 else f"{minutes // 1440} d"
