"""What the database is and holds: its server and schema, the items with their newest values and last runs."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

from app.collection.repository import latest_windows
from app.collection.source_health import PlatformState, state_after
from app.db.reading.state import ReplicaState
from app.db.timescale import detect_server_level
from app.errors import ConnectionsRefused
from app.logging import redact
from app.market.time import Resolution
from app.monitoring import sql
from app.monitoring.health import Health, read_health
from app.monitoring.lateness import lateness
from app.monitoring.service import MonitoringService

if TYPE_CHECKING:
    from app.db.engine import Connection, Database
    from app.sources.catalog import Publication


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
    platform: PlatformState = field(default_factory=PlatformState)
    unreadable_jobs: tuple[str, ...] = ()
    items: tuple[ItemStatus, ...] = field(default=())
    rules_login: str = ""
    """Why rules of this database log in as somebody who could do more than read; empty where they do not."""
    refusal: str = ""
    """Why PostgreSQL took no further connection of this process just now; empty where it did."""
    health: Health | None = None
    read_replica: ReplicaState | None = None
    """The replica that answers reads of this process; None where there is none."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong and needs somebody."""
        found = self.health.problems if self.health else ()
        warning = redact(self.platform.warning) if self.health and self.health.serving else ""
        return (*found, *filter(None, (warning, redact(self.refusal))))

    @property
    def server(self) -> str:
        edition = f", TimescaleDB {self.timescaledb} ({self.level})" if self.timescaledb else ", plain"
        return f"PostgreSQL {self.postgresql}{edition}"


async def login_seen(login: Awaitable[str]) -> tuple[str, str]:
    """What there is to say of the login of rules, and why PostgreSQL took no connection by which to look at it."""
    try:
        return await login, ""
    except ConnectionsRefused as error:
        return "", str(error)


class StatusReader:
    """Reads all of it; figures of the budget are those of one token."""

    def __init__(
        self,
        database: Database,
        monitoring: MonitoringService,
        publication: Publication,
        *,
        token_id: str,
        requests_per_minute: int,
        takeover_after: float,
    ) -> None:
        self._database = database
        self._monitoring = monitoring
        self._publication = publication
        self._token_id = token_id
        self._requests_per_minute = requests_per_minute
        self._takeover_after = takeover_after

    async def health(self, now: datetime) -> Health:
        """The health of the service alone, which is cheap to read."""
        return await read_health(
            self._database,
            self._monitoring,
            now,
            token_id=self._token_id,
            requests_per_minute=self._requests_per_minute,
            takeover_after=self._takeover_after,
        )

    async def read(self, now: datetime, unreadable_jobs: Sequence[str] = ()) -> Status:
        """The state of the database and the health of the service; the scheduler knows which jobs cannot be read."""
        health = await self.health(now)
        status = await read_status(self._database, self._publication, now, unreadable_jobs)
        return replace(status, health=health)


async def read_status(
    database: Database, publication: Publication, now: datetime, unreadable_jobs: Sequence[str] = ()
) -> Status:
    """The state of the database, from one snapshot, without the health of the service."""
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        server = await detect_server_level(connection)
        [schema] = await connection.fetch(sql.SCHEMA)
        return Status(
            database=database.name,
            postgresql=await connection.fetchval("show server_version"),
            level=server.level.value,
            timescaledb=server.version,
            schema=schema["version_num"],
            origin=schema["origin"],
            platform=state_after(await latest_windows(connection)),
            unreadable_jobs=tuple(unreadable_jobs),
            items=await _items(connection, publication, now),
        )


async def _items(connection: Connection, publication: Publication, now: datetime) -> tuple[ItemStatus, ...]:
    newest: dict[str, list[AreaStatus]] = {}
    for item, area, eic, start, resolution in await connection.fetch(sql.NEWEST_BY_AREA):
        late = lateness(item, eic, start, Resolution.parse(resolution), now, publication=publication)
        newest.setdefault(item, []).append(AreaStatus(area, start, resolution, int(late.total_seconds())))
    runs = {
        row["item"]: RunStatus(
            row["area"], row["finished_at"], row["outcome"], row["error_class"] or "", row["error_message"] or ""
        )
        for row in await connection.fetch(sql.LAST_RUNS)
    }
    held = {row["item"]: dict(row) for row in await connection.fetch(sql.HOLDINGS)}
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
