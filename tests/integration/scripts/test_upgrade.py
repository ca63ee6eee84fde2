"""A database of the last revision before the schema was written anew: refused with the remedy, and brought on by it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.db import timescale_steps
from app.db.embedded import binaries
from app.db.engine import Database
from app.db.migrate import LAST_EARLIER, VERSION_TABLE, check_schema, migrate, revisions
from app.db.timescale import apply
from app.db.timescale_steps import HYPERTABLES
from app.errors import SchemaMismatch
from app.settings import RetentionSettings
from scripts.upgrade import RENAMED, RENAMED_COLUMNS, change_schema
from tests.support.store_factory import opened

ROOT = Path(__file__).parents[3]
FIXTURE = ROOT / "tests" / "support" / "schema_0017.sql"
DONE, REFUSED = 0, 3

TABLES = "select tablename from pg_tables where schemaname = 'public' and tablename not in ('areas', $1) order by 1"
NOW = datetime(2024, 6, 1, tzinfo=UTC)
COMPRESS = """
    do $$
    declare chunk regclass;
    begin
        for chunk in select show_chunks('observations') loop call convert_to_columnstore(chunk); end loop;
    end $$
"""
ROWS = 'select to_jsonb(t) as row from "{}" as t'


async def make_earlier(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(FIXTURE.read_text(encoding="utf-8"))


async def contents(database: Database) -> dict[str, list[dict[str, object]]]:
    """The rows of each table but those that every migration writes anew, under its present name and columns."""
    found = {}
    async with database.connection() as connection:
        for row in await connection.fetch(TABLES, VERSION_TABLE):
            table = row["tablename"]
            renamed = RENAMED_COLUMNS.get(table, {})
            found[RENAMED.get(f"table {table}", table)] = [
                {renamed.get(name, name): value for name, value in one["row"].items()}
                for one in await connection.fetch(ROWS.format(table))
            ]
    return found


def ordered(rows: Sequence[Mapping[str, object]], names: Iterable[str]) -> list[str]:
    return sorted(str([row[name] for name in sorted(names)]) for row in rows)


async def kept(database: Database, before: Mapping[str, Sequence[Mapping[str, object]]]) -> bool:
    """Whether the tables hold what they held, in the columns that they had; those that came since are empty."""
    after = await contents(database)
    return all(
        len(after[table]) == len(rows) and (not rows or ordered(after[table], rows[0]) == ordered(rows, rows[0]))
        for table, rows in before.items()
    ) and not any(found for table, found in after.items() if table not in before)


async def revision(database: Database) -> str:
    async with database.connection() as connection:
        return str(await connection.fetchval(f"select version_num from {VERSION_TABLE}"))


async def upgrade(url: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRIDKEEPER_")}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(ROOT / "scripts" / "upgrade.py")],
        check=False,
        capture_output=True,
        text=True,
        env=kept | {"GRIDKEEPER_DATABASE__URL": url},
        timeout=100,
    )


def dumped(url: str) -> str:
    """The schema, without the key that differs with each dump."""
    command = [str(binaries() / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges", "--dbname", url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)


async def test_an_earlier_database_is_left_alone_with_the_remedy(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        await make_earlier(database)
        before = await contents(database)
        with pytest.raises(SchemaMismatch, match=r"revision 0017.*nothing was changed.*scripts/upgrade\.py"):
            await migrate(database)
        async with database.connection() as connection:
            with pytest.raises(SchemaMismatch, match=r"scripts/upgrade\.py"):
                await check_schema(connection)
        assert await contents(database) == before
        assert await revision(database) == LAST_EARLIER


async def test_an_upgraded_database_has_all_rows_and_the_schema_of_a_new_one(
    empty_database_url: str, database_url: str
) -> None:
    async with opened(empty_database_url) as database:
        await make_earlier(database)
        before = await contents(database)
        done = await upgrade(empty_database_url)
        assert (done.returncode, done.stderr) == (DONE, ""), done.stderr
        assert f"from {LAST_EARLIER} to {revisions()[-1]}" in done.stdout
        assert await kept(database, before)
        async with database.connection() as connection:
            await check_schema(connection)
    assert {table: len(before[table]) for table in ("observations", "alerts", "backfill_windows")} == {
        "observations": 48,
        "alerts": 3,
        "backfill_windows": 3,
    }
    assert dumped(empty_database_url) == dumped(database_url)


async def test_views_of_an_upgraded_database_show_what_they_showed(empty_database_url: str) -> None:
    alerts = "select rule, area, phase, told_at, suppressed from v_alerts order by alert_id"
    events = "select kind, told, at from v_alert_events order by event_id"
    values = "select area_eic, delivery_start, value, recorded_at from v_observations order by 1, 2"

    async def shown(database: Database) -> list[list[tuple[object, ...]]]:
        async with database.connection() as connection:
            return [[tuple(row) for row in await connection.fetch(query)] for query in (alerts, events, values)]

    async with opened(empty_database_url) as database:
        await make_earlier(database)
        before = await shown(database)
        assert (await upgrade(empty_database_url)).returncode == DONE
        assert await shown(database) == before
    assert [len(rows) for rows in before] == [3, 3, 48]


async def test_an_upgrade_is_done_once(database_url: str) -> None:
    done = await upgrade(database_url)
    assert done.returncode == DONE
    assert "nothing to do" in done.stdout


@pytest.mark.parametrize("found", ["0012", "9999"])
async def test_other_revisions_are_not_brought_on(database_url: str, found: str) -> None:
    async with opened(database_url) as database:
        async with database.connection() as connection:
            await connection.execute(f"update {VERSION_TABLE} set version_num = '{found}'")
        done = await upgrade(database_url)
        assert done.returncode == REFUSED
        assert f"at revision {found}" in done.stderr
        assert await revision(database) == found


async def test_a_database_in_use_is_not_brought_on(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        await make_earlier(database)
        async with database.connection() as service:
            await service.execute("set application_name = 'gridkeeper leader'")
            done = await upgrade(empty_database_url)
            await service.execute("set application_name = 'gridkeeper'")
        assert (done.returncode, "stop it first" in done.stderr) == (REFUSED, True)
        assert await revision(database) == LAST_EARLIER


async def test_a_database_with_hypertables_is_brought_on_with_its_aggregates_and_columns(
    timescale_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(timescale_url) as database:
        await make_earlier(database)
        async with database.connection() as connection:
            earlier = [one for one in HYPERTABLES if await connection.fetchval("select to_regclass($1)", one.name)]
            with monkeypatch.context() as patched:
                patched.setattr(timescale_steps, "HYPERTABLES", earlier)
                await apply(connection, now=NOW, retention=RetentionSettings(), upgrade=True, tell=lambda _: None)
            await connection.execute(COMPRESS)
        before = await contents(database)
        async with database.transaction() as connection:
            await change_schema(connection)
        migration = await migrate(database)
        assert (migration.after, migration.notes) == (revisions()[-1], ())
        assert await kept(database, before)
        async with database.connection() as connection:
            await check_schema(connection)
            assert await connection.fetchval("select count(*) from timescaledb_information.hypertables") == len(
                HYPERTABLES
            )
            assert await connection.fetchval("select sum(stored) from v_daily") == 48
