"""Every query of every dashboard, through the reader's role, on each kind of server, without and with data."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import yaml

from app.clock import FixedClock, SystemClock
from app.collection.models import CollectionRequest, Work
from app.collection.repository import RunRepository
from app.collection.service import CollectionService
from app.db.dashboard_role import READER
from app.db.engine import Database
from app.db.migrate import migrate
from app.errors import AccessDenied
from app.market.areas import find_place
from app.market.series import DataItem
from app.market.time import Interval
from app.monitoring.lateness import LatenessKeeper
from app.monitoring.recorder import MetricsRecorder
from app.monitoring.replica.data_disk import DataDisk
from app.monitoring.replica.sampler import Replica, ResourceSampler
from app.monitoring.repository import MonitoringRepository
from app.net.client import build_client
from app.quality.scan import ScanSelection
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SandboxSettings
from app.settings import EntsoeSettings
from app.sources.entsoe.client import EntsoeClient, secret_headers
from app.sources.entsoe.responses import classify_response
from app.sources.entsoe.source import EntsoeSource
from app.timeseries.repository import TimeSeriesRepository
from app.wiring.catalog import CATALOG
from scripts.dashboards import FOLDER, VARIABLES, build, dashboard
from tests.support.alert_factory import rule, scene, signal
from tests.support.fakes import FakeSource
from tests.support.grafana import (
    CannotExpand,
    Json,
    Outcome,
    Query,
    View,
    all_chosen,
    around,
    expand,
    panels,
    queries,
    run,
)
from tests.support.services import gap_service, quality_scanner
from tests.support.store_factory import opened

DASHBOARDS = {path.name: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
"""Panels ask for the age of what is stored, so the data are of today."""
WEEK = Interval(NOW - timedelta(days=7), NOW + timedelta(days=2))
QUOTED = "nobody's"
LOAD = DataItem.LOAD_ACTUAL
REQUESTS = [
    CollectionRequest(item, find_place(place), WEEK)
    for item, place in [
        (LOAD, "DE_LU"),
        (DataItem.LOAD_FORECAST_DAY_AHEAD, "DE_LU"),
        (DataItem.PRICE_DAY_AHEAD, "DE_LU"),
        (DataItem.PRICE_DAY_AHEAD, "FR"),
        (DataItem.GENERATION_ACTUAL, "FR"),
        (DataItem.IMBALANCE_PRICE, "FR"),
        (DataItem.FLOW_PHYSICAL, "FR>DE_LU"),
    ]
]


class Unlimited:
    """A budget that never makes anybody wait."""

    async def acquire(self) -> None:
        await asyncio.sleep(0)

    async def block(self, until: datetime) -> None:
        raise AssertionError(f"nobody should be asked to wait until {until}")


@asynccontextmanager
async def collecting(database: Database, now: datetime, **world: Any) -> AsyncIterator[CollectionService]:
    """The collection from the sandbox at a moment."""
    async with SandboxServer(SandboxSettings(clock=FixedClock(now), **world)) as sandbox:
        settings = EntsoeSettings(base_url=sandbox.url, token=sandbox.token)  # type: ignore[arg-type]  # pydantic converts
        async with build_client(
            settings, Unlimited(), classify_response, secret_headers=secret_headers(settings)
        ) as http:
            source = EntsoeSource(EntsoeClient(http, str(settings.base_url)))
            runs = RunRepository(database)
            yield CollectionService(source, TimeSeriesRepository(database), runs, FixedClock(now), concurrency=2)


async def fill(database: Database) -> None:
    """A week from the sandbox, asked for again with other values, then a run that fails and a day that is lost."""
    earlier = NOW - timedelta(hours=6)
    async with collecting(database, earlier, hole_share=0.05) as collection:
        work = collection.plan(REQUESTS)
        await collection.collect_all(work, lambda _: None)
    async with collecting(database, NOW, seed=1) as collection:
        await collection.collect_all([one for one in work if one.item is LOAD], lambda _: None)
    refusing = FakeSource(lambda *_: AccessDenied("the token is refused"))
    service = CollectionService(
        refusing, TimeSeriesRepository(database), RunRepository(database), FixedClock(NOW), concurrency=1
    )
    await service.collect(Work(LOAD, find_place("NL"), WEEK))
    missing = CollectionRequest(LOAD, find_place("NL"), Interval(WEEK.start, NOW - timedelta(days=1)))
    await gap_service(database).analyse([*REQUESTS, missing], NOW)
    await measure(database)
    await judge_quality(database)
    await raise_alert(database)


async def raise_alert(database: Database) -> None:
    """An alert that fired, and fires."""
    it = scene(database, rule(), clock=FixedClock(NOW - timedelta(hours=2)))
    it.world.faults["collection_failing"] = [signal(area="NL", item="load_actual")]
    await it.round()
    assert await it.round(10) == [("fired", "collection_failing")]


FINDING = """
    insert into quality_findings (
        series_id, dimension, rule, interval_start, interval_end, affected, score, severity, first_seen, last_seen,
        state_since
    )
    select min(series_id), 'validity', 'impossible_sign', $1, $1::timestamptz + interval '1 hour', 1, 10, 'error', $1, $1, $1
    from series where item = 'load_actual'
"""


async def judge_quality(database: Database) -> None:
    """Scores of the week, and a finding."""
    scanner = quality_scanner(database)
    await scanner.scan(ScanSelection(), lambda _: WEEK, NOW)
    async with database.connection() as connection:
        await connection.execute(FINDING, WEEK.start)


ANOMALY = "insert into metric_anomalies values ('failures', 'load_actual', '', $1, 0.5, 0.005, 10, $1)"


async def measure(database: Database) -> None:
    """The rollups of these runs, an unusual hour, and a sample of a replica."""
    monitoring = MonitoringRepository(database)
    await monitoring.roll_up(raw_days=90)
    await LatenessKeeper(database, CATALOG.publication).refresh(NOW)
    async with database.connection() as connection:
        await connection.execute(ANOMALY, NOW - timedelta(hours=3))
    replica = Replica("host:1", lambda: True, lambda: (1, 5), DataDisk(database, None).left)
    recorder = MetricsRecorder(monitoring, capacity=1)
    await ResourceSampler(monitoring, recorder, replica, SystemClock(), seconds=15).try_sample()


@pytest.fixture(params=["plain", "timescale"])
def tier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(request: pytest.FixtureRequest, tier: str) -> str:
    """A database of each kind of server."""
    return str(request.getfixturevalue("database_url" if tier == "plain" else "timescale_url"))


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A migrated database without rows."""
    async with opened(url) as found:
        await migrate(found)
        yield found


@asynccontextmanager
async def reading(database: Database, tier: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The reader's own connection where the server tells users apart; the bridge of the extension tier has one for all."""
    connection = await asyncpg.connect(database.address.dsn, user=READER if tier == "plain" else None)
    try:
        yield connection
    finally:
        await connection.close()


def views(content: Json) -> list[View]:
    """A week at "All", and a year of chosen areas."""
    chosen = {"item": ["load_actual", QUOTED], "area": ["DE_LU", "FR", QUOTED]}
    return [around(NOW, "15m", all_chosen(content), days=7), around(NOW, "1d", chosen, days=365)]


async def outcomes(connection: asyncpg.Connection[asyncpg.Record]) -> list[tuple[str, list[Outcome]]]:
    """What each query gave under each view, and where it stands."""
    return [
        (f"{name}, {query.place}", [await run(connection, query, view) for view in views(content)])
        for name, content in DASHBOARDS.items()
        for query in queries(content)
    ]


def complaints(found: Sequence[tuple[str, list[Outcome]]]) -> list[str]:
    return [f"{place}: {one.complaint}" for place, given in found for one in given if one.complaint]


async def test_every_query_runs_without_data(database: Database, tier: str) -> None:
    async with reading(database, tier) as connection:
        assert complaints(await outcomes(connection)) == []


async def test_every_query_finds_the_data_that_are_there(database: Database, tier: str) -> None:
    await fill(database)
    async with reading(database, tier) as connection:
        found = await outcomes(connection)

    assert complaints(found) == []
    assert [place for place, (everything, *_) in found if not everything.rows] == []


WRONG = {
    "a column that is not there": ("select nothing from v_areas", "table", "UndefinedColumnError"),
    "a table": ("select count(*) from observations", "table", "no documented view"),
    "a table behind a comma": ("select 1 from v_areas, observations", "table", "permission denied"),
    "a function that writes": ("select pg_notify('a', 'b'), lo_create(0)", "table", "read-only|denied"),
    "a parenthesis in a macro": ("select 1 from v_gaps where $__timeFilter(lower(item))", "table", r"lower\(boolean\)"),
    "an unknown macro": ("select $__timeShift(hour) from v_hourly", "table", "no macro"),
    "an unknown variable": ("select code from v_areas where zone in (${zone:sqlstring})", "table", "neither"),
    "a variable without quotes": ("select code from v_areas where code in ($area)", "table", "sqlstring"),
    "an unnamed group": ("select $__timeGroup(hour, '1h') as hour, 1 from v_hourly", "time_series", '"time"'),
    "text as time": ("select code as time, 1 as value from v_areas", "time_series", '"time"'),
    "text as value": ("select now() as time, code from v_areas", "time_series", "only metric"),
    "no value": ("select now() as time, code as metric from v_areas", "time_series", "no column of numbers"),
    "an array as value": ("select now() as time, kinds from v_areas", "time_series", "cannot be drawn"),
    "disorder": ("select since as time, code as metric, 1 as n from v_areas where since is not null order by 1 desc",
                 "time_series", "order of time"),
    "time without an instant": ("select since as time, code as metric, 1 as n from v_areas", "time_series", "without time"),
    "two values at once": ("select now() as time, zone as metric, 1 as n from v_areas", "time_series", "two values"),
    "two columns of a name": ("select code, eic as code from v_areas", "table", "two columns named code"),
    "an annotation without text": ("select now() as time from v_areas", "annotation", "without text"),
}  # fmt: skip


async def test_every_planted_error_is_found(database: Database, tier: str) -> None:
    view = around(NOW, "1h", {"area": ["FR"]}, days=7)
    async with reading(database, tier) as connection:
        found = {
            name: (await run(connection, Query(name, sql, form), view)).complaint
            for name, (sql, form, _) in WRONG.items()
        }

    assert {name: said for name, said in found.items() if not re.search(WRONG[name][2], said)} == {}


async def test_a_query_that_takes_too_long_is_found(database_url: str) -> None:
    slow = Query(
        "slow", "select count(*) from v_areas as a cross join v_areas as b cross join v_areas as c, pg_sleep(9)"
    )
    async with opened(database_url) as database, reading(database, "plain") as connection:
        outcome = await run(connection, slow, around(NOW, "1h", {}, days=7), limit="50ms")

    assert outcome.complaint.startswith("QueryCanceledError")


def test_variables_and_macros_become_what_grafana_sends() -> None:
    start, end = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 8, tzinfo=UTC)
    view = View(start, end, "30m", {"item": "item", "area": ["FR", QUOTED]})
    expected = {
        "item in (${item:sqlstring})": "item in (item)",
        "area in (${area:sqlstring})": "area in ('FR','nobody''s')",
        "$__timeFilter(hour)": "hour BETWEEN '2024-03-01T00:00:00Z' AND '2024-03-08T00:00:00Z'",
        "$__timeFrom() $__timeTo()": "'2024-03-01T00:00:00Z' '2024-03-08T00:00:00Z'",
        "$__time(hour)": 'hour AS "time"',
        "$__timeGroup(hour, $__interval)": "floor(extract(epoch from hour)/1800)*1800",
        "$__timeGroup(hour, '1d'), 1": 'floor(extract(epoch from hour)/86400)*86400 AS "time", 1',
        "$__interval_ms $__from ${__to}": "1800000 1709251200000 1709856000000",
    }
    assert {sql: expand(sql, view) for sql in expected} == expected


@pytest.mark.parametrize("sql", ["[[area]]", "$__timeGroup(hour)", "$__timeGroup(hour, 'soon')", "$unknown"])
def test_what_grafana_would_refuse_is_refused(sql: str) -> None:
    with pytest.raises(CannotExpand):
        expand(sql, around(NOW, "1h", {}, days=1))


def test_the_committed_dashboards_are_those_of_their_sources() -> None:
    made = build()
    assert sorted(made) == ["alerts-quality.json", "coverage.json", "markets.json", "operations.json"]
    assert sorted(DASHBOARDS) == sorted(made)
    for name, text in made.items():
        assert (FOLDER / name).read_text() == text, f"{name} is stale; run `python scripts/dashboards.py`"


def test_a_source_that_lacks_a_part_or_misspells_one_is_refused() -> None:
    source = yaml.safe_load((FOLDER / "panels" / "markets.yaml").read_text())
    panel = next(one for one in source["panels"] if "title" in one)
    panel["units"] = panel.pop("unit")
    with pytest.raises(ValueError, match=r"panel 'Day-ahead prices': missing \['unit'\], unknown \['units'\]"):
        dashboard(source)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_says_what_it_shows_in_which_unit(name: str) -> None:
    shown = list(panels(DASHBOARDS[name]))
    for panel in shown:
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None, panel["title"]
    assert len({panel["title"] for panel in shown}) == len(shown)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_two_panels_lie_on_each_other(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARDS[name]["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_follows_the_browser_and_names_its_data_source(name: str) -> None:
    content = DASHBOARDS[name]
    assert (content["timezone"], content["editable"]) == ("browser", False)
    assert content["refresh"] in {"1m", "5m", "15m"}
    assert set(all_chosen(content)) <= set(VARIABLES)
    sources = [one["datasource"] for one in _parts(content) if "datasource" in one]
    assert {source["uid"] for source in sources} == {"gridkeeper"}
    assert len(sources) == 2 * len(list(panels(content))) + sum(
        len(content[kind]["list"]) * parts for kind, parts in (("templating", 1), ("annotations", 2))
    )
    assert content["uid"].startswith("gridkeeper-")


def _parts(node: Any) -> list[Json]:
    """Every object of a document."""
    if isinstance(node, dict):
        return [node, *(part for value in node.values() for part in _parts(value))]
    return [part for value in node for part in _parts(value)] if isinstance(node, list) else []


def test_the_data_source_is_the_reader_and_its_password_stands_in_no_file_of_ours() -> None:
    source, provider = (
        yaml.safe_load((FOLDER / "provisioning" / kind / "gridkeeper.yaml").read_text())
        for kind in ("datasources", "dashboards")
    )
    (described,) = source["datasources"]
    assert (described["uid"], described["user"]) == ("gridkeeper", READER)
    assert described["secureJsonData"] == {"password": "$__file{/run/secrets/grafana_reader_password}"}
    assert described["jsonData"]["timescaledb"] is False
    (folder,) = provider["providers"]
    assert (folder["type"], folder["allowUiUpdates"]) == ("file", False)
