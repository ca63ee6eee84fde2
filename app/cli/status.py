"""`gridkeeper status`: the health of everything on one screen, what the database is and holds, and what is late."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import typer

from app.cli.exit_codes import OK, UNAVAILABLE
from app.cli.health_view import health_lines
from app.cli.tables import table_lines
from app.clock import SystemClock
from app.collection.source_health import PlatformState, state_after
from app.errors import DatabaseUnavailable
from app.kit.json_text import dumps
from app.lifecycle import services
from app.logging import configure_logging, redact
from app.market.time import Resolution, iso
from app.monitoring.health import Health, health_as_document, read_health
from app.monitoring.lateness import lateness
from app.settings import Settings, load_settings
from app.wiring.catalog import CATALOG

if TYPE_CHECKING:
    from app.db.engine import Connection, Database
    from app.scheduling.repository import JobRunRepository
    from app.wiring.container import Container

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


LOGIN_TIME_OUT = timedelta(seconds=10)


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
    health: Health | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong and needs somebody."""
        if self.health is None or not self.health.serving:
            return self.health.problems if self.health else ()
        warning = redact(self.platform.warning)
        return (*self.health.problems, *((warning,) if warning else ()))

    @property
    def server(self) -> str:
        edition = f", TimescaleDB {self.timescaledb} ({self.level})" if self.timescaledb else ", plain"
        return f"PostgreSQL {self.postgresql}{edition}"


def status_command(*, as_json: bool = False, watch: float | None = None) -> int:
    """Exit code 0 where nothing is wrong, else 1; watching ends with 0."""
    settings = load_settings()
    configure_logging(settings.log)
    if watch is not None:
        return _watch(settings, watch)
    found = asyncio.run(_status(settings))
    if as_json:
        sys.stdout.write(dumps(_document(found), indent=2, default=_text) + "\n")
    else:
        typer.echo("\n".join(status_lines(found)))
    return UNAVAILABLE if found.problems else OK


def _watch(settings: Settings, seconds: float) -> int:
    """Show the state anew every so many seconds until Ctrl-C."""
    try:
        asyncio.run(_watching(settings, seconds))
    except KeyboardInterrupt:
        return OK
    return OK


async def _watching(settings: Settings, seconds: float) -> None:
    async with services(settings, _say) as wiring:
        login = await _rules_login(wiring.database(), settings)
        with _screen() as show:
            while True:
                now = SystemClock().now()
                try:
                    lines = status_lines(replace(await _read(wiring, now), rules_login=login))
                except DatabaseUnavailable as error:
                    lines = [str(error)]
                show("\n".join((f"{iso(now)}, every {seconds:g} s, Ctrl-C ends", *lines)))
                await asyncio.sleep(seconds)


@contextmanager
def _screen() -> Iterator[Callable[[str], None]]:
    """Shows text in place of the text before; one after the other where nobody looks at a terminal."""
    if not sys.stdout.isatty():
        yield typer.echo
        return
    from rich.live import Live
    from rich.text import Text

    with Live(auto_refresh=False, screen=True) as live:
        yield lambda text: live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)


def _say(text: str) -> None:
    typer.echo(text, err=True)


async def _status(settings: Settings) -> Status:
    async with services(settings, _say) as wiring:
        found = await _read(wiring, SystemClock().now())
        return replace(found, rules_login=await _rules_login(wiring.database(), settings))


async def _rules_login(opened: Database, settings: Settings) -> str:
    from app.alerting.evaluation.query_runner import PostgresRunner
    from app.alerting.evaluation.query_session import RuleLogin
    from app.alerting.queries import QueryFailed
    from app.alerting.rules.parse import OUR_DATABASE
    from app.db.dashboard_role import RULE_READER

    login = RuleLogin(RULE_READER, settings.database.rules_password_file)
    runner = PostgresRunner(lambda: {OUR_DATABASE: opened.address.dsn}, logins={OUR_DATABASE: login})
    try:
        return await runner.login_warning(OUR_DATABASE, LOGIN_TIME_OUT)
    except QueryFailed as error:
        return f"rules cannot log in: {error}"
    finally:
        await runner.close()


async def _read(wiring: Container, now: datetime) -> Status:
    from app.db.rate_limit import token_id

    opened, settings = wiring.database(), wiring.settings()
    entsoe = settings.entsoe
    health = await read_health(
        opened,
        wiring.monitoring().service(),
        now,
        token_id=token_id(entsoe.token.get_secret_value() if entsoe.token else ""),
        requests_per_minute=entsoe.requests_per_minute,
        takeover_after=settings.scheduler.takeover_after,
    )
    return replace(await read_status(opened, wiring.storage().job_runs(), now), health=health)


def _document(found: Status) -> dict[str, object]:
    """The state as JSON has it; its keys stay."""
    content = asdict(replace(found, health=None))
    return content | {"problems": found.problems, "health": health_as_document(found.health) if found.health else None}


async def read_status(database: Database, job_runs: JobRunRepository, now: datetime) -> Status:
    """The state of the database, from one snapshot."""
    from app.collection.repository import latest_windows
    from app.db.timescale import detect_server_level

    views = await job_runs.jobs()
    async with database.transaction(isolation="repeatable_read", readonly=True) as connection:
        server = await detect_server_level(connection)
        [schema] = await connection.fetch(_SCHEMA)
        return Status(
            database=database.name,
            postgresql=await connection.fetchval("show server_version"),
            level=server.level.value,
            timescaledb=server.version,
            schema=schema["version_num"],
            origin=schema["origin"],
            platform=state_after(await latest_windows(connection)),
            unreadable_jobs=tuple(view.job.name for view in views if view.job.unreadable),
            items=await _items(connection, now),
        )


async def _items(connection: Connection, now: datetime) -> tuple[ItemStatus, ...]:
    newest: dict[str, list[AreaStatus]] = {}
    for item, area, eic, start, resolution in await connection.fetch(_NEWEST):
        late = lateness(item, eic, start, Resolution.parse(resolution), now, publication=CATALOG.publication)
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


def _text(value: object) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


def status_lines(found: Status) -> list[str]:
    """The screen, line by line."""
    lines = [
        f"{name:<10}{value}"
        for name, value in (
            ("database", found.database),
            ("server", found.server),
            ("schema", found.schema),
            ("origin", found.origin or "no data yet"),
            ("platform", _platform(found.platform)),
        )
    ]
    if found.health:
        lines += health_lines(found.health)
    if found.rules_login:
        lines.append(f'rules     {found.rules_login}; docs/alerts.md, "Rules", tells how to limit them')
    if found.unreadable_jobs:
        lines.append(f"jobs      cannot be read: {', '.join(found.unreadable_jobs)}; `gridkeeper jobs list` tells why")
    if not found.items:
        return [*lines, "nothing is stored yet; `gridkeeper collect` collects the last 7 days"]
    columns = ("item", "areas", "series", "values", "since", "newest", "late", "where", "last run", "outcome")
    right = ("areas", "series", "values", "late")
    return [*lines, "", *table_lines(columns, [_row(item) for item in found.items], right=right)]


def _platform(state: PlatformState) -> str:
    """How the platform was when it was last asked, and since when it has not answered."""
    when = f", asked {iso(state.checked_at)}" if state.checked_at else ""
    if not state.warning:
        return f"{state.condition}{when}"
    last = iso(state.answered_at) if state.answered_at else "none lately"
    return f"{state.condition}{when}, last answer {last}: {redact(state.error)}"


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
