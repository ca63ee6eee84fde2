from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from app.cli.jobs.commands import list_command
from app.cli.service.status import status_command
from app.cli.service.status_view import status_lines
from app.db.engine import Database
from app.db.migrate import claim_origin, migrate, revisions
from app.market.time import Resolution
from app.monitoring.lateness import lateness
from app.monitoring.models import Sample
from app.monitoring.overview import DisabledChannel, read_overview
from app.monitoring.repository import MonitoringRepository
from app.monitoring.status import AreaStatus, ItemStatus, RunStatus, Status, read_status
from app.settings import Origin
from app.timeseries.repository import TimeSeriesRepository
from app.wiring.catalog import CATALOG
from tests.support.monitoring_factory import measured
from tests.support.store_factory import DE_LU, FR, LEARNED, T0, block, hour, key, opened

HOUR = Resolution.PT60M


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


async def add_run(database: Database, outcome: str, finished_at: datetime, error: str | None = None) -> None:
    async with database.connection() as connection:
        await connection.execute(
            """
            insert into collection_runs (
                source, item, area, window_start, window_end, started_at, finished_at, outcome, error_class, error_message
            )
            values ('entsoe', 'load_actual', $1, $2, $2, $3, $3, $4, $5, $5)
            """,
            DE_LU,
            T0,
            finished_at,
            outcome,
            error,
        )


async def test_an_empty_database_shows_its_server_and_schema(database: Database) -> None:
    found = await read_status(database, CATALOG.publication, LEARNED)

    assert (found.level, found.timescaledb, found.schema, found.origin) == ("plain", "", revisions()[-1], None)
    assert found.server.endswith(", plain")
    assert found.items == ()


async def test_each_item_shows_its_values_its_last_run_and_the_area_most_behind(database: Database) -> None:
    repository = TimeSeriesRepository(database)
    await repository.store([block(range(30)), block(range(5), key(area=FR))], learned_at=LEARNED)
    await repository.store([block(range(5), key(psr_type="B01"))], learned_at=LEARNED)
    for outcome, finished_at in (("stored", hour(1)), ("failed", hour(2))):
        await add_run(database, outcome, finished_at, "SourceUnavailable" if outcome == "failed" else None)
    async with database.connection() as connection:
        await claim_origin(connection, Origin.SANDBOX)
    found = await read_status(database, CATALOG.publication, hour(40))

    assert found.origin == "sandbox"
    [item] = found.items
    assert item == ItemStatus(
        "load_actual",
        areas=2,
        series=3,
        values=40,
        first_day=date(2024, 1, 1),
        newest=(
            AreaStatus("DE_LU", hour(29), "PT60M", 8 * 3600),
            AreaStatus("FR", hour(4), "PT60M", 33 * 3600),
        ),
        last_run=RunStatus("DE_LU", hour(2), "failed", "SourceUnavailable", "SourceUnavailable"),
    )
    assert item.latest == item.newest[1]


async def test_an_item_of_which_every_run_failed_is_shown_without_values(database: Database) -> None:
    await add_run(database, "failed", hour(1), "AccessDenied")
    [item] = (await read_status(database, CATALOG.publication, hour(2))).items

    assert (item.item, item.series, item.values, item.first_day, item.newest, item.latest) == (
        "load_actual", 0, 0, None, (), None,
    )  # fmt: skip


async def test_the_extension_is_shown_with_its_edition(timescale_url: str) -> None:
    async with opened(timescale_url) as database:
        await migrate(database)
        found = await read_status(database, CATALOG.publication, LEARNED)

    assert found.level == "community"
    assert "TimescaleDB 2." in found.server


@pytest.mark.parametrize(
    ("item", "newest", "resolution", "now", "late"),
    [
        ("load_actual", hour(0), HOUR, hour(3), timedelta(0)),
        ("load_actual", hour(0), HOUR, hour(4), timedelta(hours=1)),
        # Prices of the next day, in local time of the zone, are due at 13:45 in Brussels.
        ("price_day_ahead", hour(22), HOUR, datetime(2024, 1, 1, 12, 44, tzinfo=UTC), timedelta(0)),
        ("price_day_ahead", hour(22), HOUR, datetime(2024, 1, 1, 13, 45, tzinfo=UTC), timedelta(hours=1)),
        ("of_another_program", hour(0), HOUR, hour(400), timedelta(0)),
    ],
)
def test_lateness_counts_from_the_deadline_of_the_next_unit(
    item: str, newest: datetime, resolution: Resolution, now: datetime, late: timedelta
) -> None:
    assert lateness(item, DE_LU, newest, resolution, now, publication=CATALOG.publication) == late


def test_the_command_prints_a_table_and_json(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    assert status_command() == 0
    table = capsys.readouterr().out
    assert status_command(as_json=True) == 0
    found = json.loads(capsys.readouterr().out)

    assert "nothing is stored yet" in table
    assert (found["level"], found["items"], found["schema"]) == ("plain", [], revisions()[-1])


async def fill(url: str) -> None:
    async with opened(url) as database:
        await TimeSeriesRepository(database).store([block([1, 2])], learned_at=LEARNED)
        await add_run(database, "failed", hour(1), "AccessDenied")


def test_the_table_names_what_is_late_and_why_a_run_failed(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(fill(database_url))
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    status_command()
    line = capsys.readouterr().out.splitlines()[-1].split()

    assert line[:6] == ["load_actual", "1", "1", "2", "2024-01-01", "2024-01-01"]
    assert line[8:10] == ["d", "DE_LU"]
    assert line[-3:] == ["failed:", "AccessDenied", "(DE_LU)"]


def test_a_status_without_the_extension_says_plain() -> None:
    assert Status("db", "18.4", "plain", "", "0005", None).server == "PostgreSQL 18.4, plain"


def test_a_refusal_of_connections_is_wrong_and_no_matter_of_the_login() -> None:
    found = Status("db", "18.4", "plain", "", "0005", None, refusal="PostgreSQL refuses\nfurther connections")
    assert found.problems == ("PostgreSQL refuses\nfurther connections",)
    lines = [line.split(maxsplit=1) for line in status_lines(found)]
    assert ["wrong", "PostgreSQL refuses further connections"] in lines
    assert "rules" not in [line[0] for line in lines]


async def serve_for_a_moment(url: str) -> None:
    """What a leader that vanished, its runs and an alert leave behind."""
    now = datetime.now(UTC)
    async with opened(url) as database:
        repository = MonitoringRepository(database)
        await repository.add_runs([measured(n, now) for n in range(3)])
        await repository.add_sample(Sample(now, "host:1", leader=True))
        await repository.roll_up(raw_days=90)
        async with database.connection() as connection:
            await connection.execute(
                "update scheduler_leader set epoch = 1, holder = 'host:1', heartbeat_at = $1",
                now - timedelta(minutes=5),
            )
            await connection.execute(
                "insert into scheduler_jobs (id, next_run_time, job_state) values ('collect:load_actual', $1, '')",
                (now - timedelta(hours=1)).timestamp(),
            )
            await connection.execute(
                "insert into alerts (rule, labels, severity, phase, since, seen_at, fired_at, suppressed)"
                " values ('platform_down', '{\"area\": \"FR\"}', 'critical', 'firing', $1, $1, $1, ''),"
                " ('data_late', '{\"area\": \"FR\"}', 'warning', 'firing', $1, $1, $1, 'inhibited by platform_down')",
                now,
            )


def test_what_is_wrong_is_said_and_told_by_the_exit_code(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(serve_for_a_moment(database_url))
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    assert status_command() == 1
    lines = capsys.readouterr().out.splitlines()
    assert status_command(as_json=True) == 1
    found = json.loads(capsys.readouterr().out)

    assert [line.split()[1:3] for line in lines if line.startswith("wrong")] == [
        ["no", "replica"], ["jobs", "that"], ["1", "alert"],
    ]  # fmt: skip
    assert "alerts    1 firing, 1 held back: critical platform_down area=FR" in lines
    assert "windows   1h 100.0% of 3 · 24h 100.0% of 3 · 30d 100.0% of 3" in lines
    assert found["health"]["jobs"]["late"] == ["collect:load_actual"]
    assert found["health"]["alerts"][0]["labels"] == {"area": "FR"}
    assert found["health"]["service"]["replicas"][0]["instance"] == "host:1"
    assert len(found["problems"]) == 3


def test_watching_shows_the_screen_again_until_it_is_interrupted(database_url: str) -> None:
    environment = os.environ | {"GRIDKEEPER_DATABASE__URL": database_url}
    command = [sys.executable, "-m", "app", "status", "0.2", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as watching:
        assert watching.stdout is not None
        shown = ""
        while shown.count("nothing is stored yet") < 2:
            shown += watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=60) == 0
    assert "every 0.2 s, Ctrl-C ends" in shown


@pytest.mark.parametrize(("seconds", "alive"), [(1, True), (11, False)])
def test_status_and_jobs_list_agree_on_who_leads(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], seconds: int, alive: bool
) -> None:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    # From the tested instants so far away that a slow machine changes nothing.
    monkeypatch.setenv("GRIDKEEPER_SCHEDULER__TAKEOVER_AFTER", "120" if alive else "10")

    async def lead() -> None:
        async with opened(database_url) as database, database.connection() as connection:
            await connection.execute(
                "update scheduler_leader set epoch = 3, holder = 'host:1', heartbeat_at = clock_timestamp() - $1::interval",
                timedelta(seconds=seconds),
            )

    asyncio.run(lead())
    status_command()
    shown = capsys.readouterr().out
    assert ("host:1 leads" in shown, "nobody leads since" in shown, "no replica leads" in shown) == (
        alive,
        not alive,
        not alive,
    )
    list_command(as_json=False)
    told = capsys.readouterr().err
    assert ("leader: host:1, epoch 3" in told, "leader: none since" in told) == (alive, not alive)


async def test_status_names_disabled_channels_and_what_waits_for_them(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            """
            insert into channel_states (channel, disabled_at, disabled_reason)
            values ('chat', $1, '401'), ('mail', null, ''), ('ops', $1, '403 Forbidden')
            """,
            T0,
        )
        for channel, status, created_at in (
            ("ops", "waiting", hour(2)), ("ops", "waiting", hour(1)), ("ops", "failed", T0), ("ops", "sent", T0),
            ("mail", "waiting", T0),
        ):  # fmt: skip
            await connection.execute(
                """
                insert into notifications (channel, group_key, status, created_at, not_before, ended_at)
                values ($1, gen_random_uuid()::text, $2, $3, $3, $3)
                """,
                channel,
                status,
                created_at,
            )
    overview = await read_overview(database, LEARNED, "token", takeover_after=6.0)
    assert overview.disabled_channels == (
        DisabledChannel("chat", T0, "401"),
        DisabledChannel("ops", T0, "403 Forbidden", waiting=2, failed=1, oldest=hour(1)),
    )
