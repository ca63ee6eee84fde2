"""scripts/backup.sh and scripts/restore.sh between two databases: what comes back is what was there."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.db.embedded import binaries
from app.db.engine import Database
from app.db.migrate import check_schema, claim_origin, migrate
from app.settings import Origin
from app.timeseries.repository import TimeSeriesRepository
from tests.support.store_factory import FR, LEARNED, block, hours, key, opened, values_of
from tests.support.timescale_fixtures import clean

ROOT = Path(__file__).parents[3]
DONE, USAGE, REFUSED = 0, 2, 3

TABLES = "select tablename from pg_tables where schemaname = 'public' order by 1"
STATE = 'select count(*), md5(string_agg(t::text, chr(10) order by t::text)) from public."{}" as t'
COMPRESS = """
    do $$
    declare chunk regclass;
    begin
        for chunk in select show_chunks('observations') loop call convert_to_columnstore(chunk); end loop;
    end $$
"""
POLICIES = """
    select proc_name, schedule_interval::text, hypertable_name, config - 'hypertable_id' - 'mat_hypertable_id' as config
    from timescaledb_information.jobs
    where job_id >= 1000
    order by 1, 3
"""
DAYS = "select item, area, day, stored, mean from v_daily order by 1, 2, 3"

Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the scripts need bash")


@pytest.fixture
def run() -> Run:
    """Runs one of the scripts with the database in its environment, as an operator does."""

    def run(script: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "GRIDKEEPER_"))}
        return subprocess.run(
            [ROOT / "scripts" / script, *map(str, arguments)],
            check=False,
            capture_output=True,
            text=True,
            env=kept | {"PGBIN": str(binaries())} | variables,
            timeout=100,
        )

    return run


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def fill(database: Database) -> None:
    """Two series, one with a correction and a withdrawn value."""
    store = TimeSeriesRepository(database)
    async with database.transaction() as connection:
        await claim_origin(connection, Origin.SANDBOX)
    await store.store([block([1.5, 2.5, 3.5]), block([0.1] * 48, key(area=FR))], learned_at=LEARNED)
    await store.store([block([1.5, 99.25])], learned_at=LEARNED + timedelta(hours=1), answered=hours(0, 3))


async def state(database: Database) -> dict[str, tuple[Any, ...]]:
    """Count and checksum of every table."""
    async with database.connection() as connection:
        names = [row["tablename"] for row in await connection.fetch(TABLES)]
        return {name: tuple(await connection.fetchrow(STATE.format(name)) or ()) for name in names}


async def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def backed_up(run: Run, url: str, folder: Path) -> Path:
    done = await asyncio.to_thread(run, "backup.sh", folder, GRIDKEEPER_DATABASE__URL=url)
    assert (done.returncode, done.stderr) == (DONE, "")
    return Path(done.stdout.strip())


async def restore(run: Run, url: str, backup: Path) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(run, "restore.sh", backup, GRIDKEEPER_DATABASE__URL=url)


async def test_a_restored_database_has_the_rows_and_checksums_of_the_one_backed_up(
    database_url: str, empty_database_url: str, tmp_path: Path, run: Run
) -> None:
    async with opened(database_url) as database:
        await fill(database)
        before = await state(database)
    assert before["observations"][0] == 51
    assert before["observation_revisions"][0] == 2
    backup = await backed_up(run, database_url, tmp_path)
    done = await restore(run, empty_database_url, backup)
    assert done.returncode == DONE, done.stderr
    assert "2 series, 51 values, 2 replaced values" in done.stdout
    async with opened(empty_database_url) as database:
        assert await state(database) == before
        async with database.connection() as connection:
            await check_schema(connection)
        assert not (await migrate(database)).changed
        store = TimeSeriesRepository(database)
        await store.store([block([7.0], key(area="new"))], learned_at=LEARNED)
        assert await values_of(store, as_of=LEARNED) == {0: 1.5, 1: 2.5, 2: 3.5}


async def test_on_timescaledb_chunks_columns_aggregates_and_policies_come_back(
    timescale_url: str, tmp_path: Path, run: Run
) -> None:
    async with opened(timescale_url) as database:
        await migrate(database)
        await fill(database)
        await migrate(database)
        async with database.connection() as connection:
            await connection.execute(COMPRESS)
        before, days, policies = await state(database), await rows(database, DAYS), await rows(database, POLICIES)
    assert days
    assert policies
    backup = await backed_up(run, timescale_url, tmp_path)
    assert (await restore(run, timescale_url, backup)).returncode == REFUSED
    await clean(timescale_url)
    done = await restore(run, timescale_url, backup)
    assert done.returncode == DONE, done.stderr
    async with opened(timescale_url) as database:
        assert await state(database) == before
        assert await rows(database, DAYS) == days
        assert await rows(database, POLICIES) == policies
        assert not (await migrate(database)).changed


async def test_a_backup_of_timescaledb_needs_that_version(
    timescale_url: str, empty_database_url: str, tmp_path: Path, run: Run
) -> None:
    async with opened(timescale_url) as database:
        await migrate(database)
    backup = await backed_up(run, timescale_url, tmp_path)
    done = await restore(run, empty_database_url, backup)
    assert done.returncode == REFUSED
    assert "needs TimescaleDB 2." in done.stderr


async def test_a_filled_database_is_not_restored_into(database_url: str, tmp_path: Path, run: Run) -> None:
    backup = await backed_up(run, database_url, tmp_path)
    done = await restore(run, database_url, backup)
    assert done.returncode == REFUSED
    assert "the database is not empty (alert_events," in done.stderr


async def test_a_database_in_use_is_not_restored_into(
    database_url: str, empty_database_url: str, tmp_path: Path, run: Run
) -> None:
    backup = await backed_up(run, database_url, tmp_path)
    async with opened(empty_database_url) as database, database.connection():
        done = await restore(run, empty_database_url, backup)
    assert done.returncode == REFUSED
    assert "1 other connections use the database; stop the service first" in done.stderr


async def test_a_damaged_or_incomplete_backup_is_refused(
    database_url: str, empty_database_url: str, tmp_path: Path, run: Run
) -> None:
    backup = await backed_up(run, database_url, tmp_path)
    whole = backup.read_bytes()
    backup.write_bytes(whole[:-1])
    done = await restore(run, empty_database_url, backup)
    assert (done.returncode, "is not what was written" in done.stderr) == (REFUSED, True)
    backup.write_bytes(whole)
    sums = backup.with_suffix(".sha256")
    kept = sums.read_text()
    sums.write_text("".join(line for line in kept.splitlines(keepends=True) if ".info" not in line))
    done = await restore(run, empty_database_url, backup)
    assert (done.returncode, "has no checksum of a .info" in done.stderr) == (REFUSED, True)
    sums.write_text(kept)
    backup.with_suffix(".info").unlink()
    sums.unlink()
    done = await restore(run, empty_database_url, backup)
    assert done.returncode == REFUSED
    assert f"{backup.with_suffix('.info')} and {sums}: missing" in done.stderr


async def test_a_renamed_backup_is_restored_into_a_database_that_is_made_for_it(
    database_url: str, empty_database_url: str, tmp_path: Path, run: Run
) -> None:
    async with opened(database_url) as database:
        await fill(database)
        before = await state(database)
    backup = await backed_up(run, database_url, tmp_path)
    for file in files(tmp_path):
        file.rename(tmp_path / f"of monday{file.suffix}")
    name = f"made_{uuid.uuid4().hex[:12]}"
    url = re.sub(r"/test_\w+", f"/{name}", empty_database_url)
    assert url != empty_database_url
    done = await restore(run, url, tmp_path / "of monday.dump")
    assert done.returncode == DONE, done.stderr
    assert f"the database {name} is new" in done.stderr
    async with opened(url) as database:
        assert await state(database) == before
    assert (await restore(run, url, tmp_path / "of monday")).returncode == REFUSED
    async with opened(empty_database_url) as database, database.connection() as connection:
        await connection.execute(f'drop database "{name}"')
    assert backup.stem != "of monday"


async def test_a_database_made_for_a_restore_that_fails_is_gone(
    database_url: str, empty_database_url: str, tmp_path: Path, run: Run
) -> None:
    backup = await backed_up(run, database_url, tmp_path)
    backup.write_bytes(backup.read_bytes()[:2000])
    kinds = [backup, backup.with_suffix(".info")]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in kinds]
    backup.with_suffix(".sha256").write_text("".join(lines))
    url = re.sub(r"/test_\w+", "/made_for_nothing", empty_database_url)
    done = await restore(run, url, backup)
    assert (done.returncode, "begin again" in done.stderr) == (1, True), done.stderr
    async with opened(empty_database_url) as database:
        assert await rows(database, "select 1 from pg_database where datname = 'made_for_nothing'") == []


async def test_a_backup_is_for_its_owner_alone_and_leaves_no_drafts(
    database_url: str, tmp_path: Path, run: Run
) -> None:
    backup = await backed_up(run, database_url, tmp_path)
    made = files(tmp_path)
    assert [path.suffix for path in made] == [".dump", ".info", ".sha256"]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o600}
    assert backup in made


async def test_a_failed_backup_leaves_nothing(empty_database_url: str, tmp_path: Path, run: Run) -> None:
    done = await asyncio.to_thread(run, "backup.sh", tmp_path, GRIDKEEPER_DATABASE__URL=empty_database_url)
    assert (done.returncode, "there is nothing to back up" in done.stderr) == (1, True)
    gone = empty_database_url.replace("/test_", "/no_such_")
    done = await asyncio.to_thread(run, "backup.sh", tmp_path, GRIDKEEPER_DATABASE__URL=gone)
    assert (done.returncode, "does not answer" in done.stderr) == (1, True)
    assert files(tmp_path) == []


def test_a_password_goes_to_the_programs_outside_of_their_arguments(tmp_path: Path, run: Run) -> None:
    spy = tmp_path / "bin" / "pg_dump"
    spy.parent.mkdir()
    for name in ("psql", "pg_dump"):
        program = spy.with_name(name)
        program.write_text('#!/bin/sh\necho "$@" "password=$PGPASSWORD" >>"$SPY"\nexit 1\n')
        program.chmod(0o755)
    told = tmp_path / "told"
    url = "postgresql://keeper:hun%40ter%252%5C@db:5432/grid?sslmode=disable"
    done = run("backup.sh", tmp_path, GRIDKEEPER_DATABASE__URL=url, PGBIN=str(spy.parent), SPY=str(told))
    assert done.returncode == 1
    arguments, _, password = told.read_text().partition("\n")[0].partition("password=")
    assert password == "hun@ter%2\\"
    assert "-d postgresql://keeper@db:5432/grid?sslmode=disable" in arguments
    assert "ter" not in arguments
    assert "hun" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("script", "arguments"),
    [("backup.sh", ("--help",)), ("backup.sh", ("a", "b")), ("restore.sh", ()), ("restore.sh", ("--help",))],
)
def test_wrong_usage_is_explained(run: Run, script: str, arguments: tuple[str, ...]) -> None:
    done = run(script, *arguments)
    assert done.returncode == USAGE
    assert f"scripts/{script}" in done.stderr


def test_a_backup_that_is_not_there_is_named(run: Run) -> None:
    done = run("restore.sh", "no-such.dump")
    assert (done.returncode, "there is no backup" in done.stderr, "no-such.dump" in done.stderr) == (USAGE, True, True)


def test_without_a_container_and_a_url_the_remedy_is_said(tmp_path: Path, run: Run) -> None:
    done = run("backup.sh", tmp_path, DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == USAGE
    assert "docker compose up -d --wait database" in done.stderr
    assert "GRIDKEEPER_DATABASE__URL" in done.stderr
