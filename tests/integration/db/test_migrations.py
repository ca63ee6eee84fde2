from __future__ import annotations

import asyncio

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection as SyncConnection

from app.db.engine import Database
from app.db.migrate import VERSION_TABLE, _config, check_schema, claim_origin, migrate, revisions
from app.errors import ConfigurationError, SchemaMismatch
from app.market.series import KEY_FIELDS
from app.market.time import Resolution
from app.settings import Origin
from tests.support.store_factory import opened


async def refused(database: Database) -> str:
    async with database.connection() as connection:
        with pytest.raises(SchemaMismatch) as refusal:
            await check_schema(connection)
    return str(refusal.value)


async def tables(database: Database) -> set[str]:
    async with database.connection() as connection:
        rows = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    return {row["tablename"] for row in rows}


async def test_migrating_an_empty_database_creates_the_schema(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        assert "run `gridkeeper migrate`" in await refused(database)
        migration = await migrate(database)
        assert (migration.before, migration.after, migration.changed) == (None, revisions()[-1], True)
        async with database.connection() as connection:
            await check_schema(connection)
        assert not (await migrate(database)).changed


async def test_two_processes_that_migrate_at_once_both_succeed(empty_database_url: str) -> None:
    migrations = await asyncio.gather(*(migrate(empty_database_url) for _ in range(3)))
    assert sorted(str(migration.before) for migration in migrations) == [revisions()[-1]] * 2 + ["None"]


async def test_a_downgrade_takes_everything_down_and_up_again(empty_database_url: str) -> None:
    def down(connection: SyncConnection) -> None:
        command.downgrade(_config(connection), "base")
        connection.commit()

    async with opened(empty_database_url) as database:
        await migrate(database)
        async with database.pooled() as connection:
            await connection.run_sync(down)
        assert await tables(database) == {VERSION_TABLE}
        assert "run `gridkeeper migrate`" in await refused(database)
        assert (await migrate(database)).changed


async def test_an_older_schema_asks_for_a_migration(database_url: str) -> None:
    async with opened(database_url) as database:
        async with database.connection() as connection:
            await connection.execute(f"update {VERSION_TABLE} set version_num = '{revisions()[0]}'")
        message = await refused(database)
    assert f"at revision {revisions()[0]}, this program needs {revisions()[-1]}; run `gridkeeper migrate`" in message


async def test_a_newer_schema_asks_for_a_newer_program(database_url: str) -> None:
    async with opened(database_url) as database:
        async with database.connection() as connection:
            await connection.execute(f"update {VERSION_TABLE} set version_num = '9999'")
        assert "upgrade gridkeeper" in await refused(database)
        with pytest.raises(SchemaMismatch, match=r"9999.*upgrade gridkeeper"):
            await migrate(database)


async def test_a_database_of_another_program_is_left_alone(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        async with database.connection() as connection:
            await connection.execute("create table series (title text)")
        with pytest.raises(SchemaMismatch, match=r"series.*a database of its own"):
            await migrate(database)
        assert await tables(database) == {"series"}


async def test_the_scripts_form_one_line_that_ends_at_the_newest_revision(database_url: str) -> None:
    async with opened(database_url) as database, database.pooled() as connection:
        scripts = await connection.run_sync(lambda sync: ScriptDirectory.from_config(_config(sync)))
        assert scripts.get_heads() == [revisions()[-1]]
        assert [script.revision for script in scripts.walk_revisions()] == revisions()[::-1]


async def test_resolutions_in_the_database_are_those_of_the_vocabulary(database_url: str) -> None:
    async with opened(database_url) as database, database.connection() as connection:
        rows = await connection.fetch("select id, code, seconds, days, months from resolutions order by id")
    expected = [(r.id, r.code, r.seconds or None, r.days, r.months) for r in Resolution]
    assert [tuple(row) for row in rows] == expected


async def test_the_natural_key_in_the_database_is_the_key_of_a_series(database_url: str) -> None:
    query = """
        select attname from pg_constraint
        join pg_attribute on attrelid = conrelid and attnum = any(conkey)
        where conname = 'series_natural_key'
    """
    async with opened(database_url) as database, database.connection() as connection:
        assert {row["attname"] for row in await connection.fetch(query)} == set(KEY_FIELDS)


@pytest.mark.parametrize(
    ("first", "other", "reason"),
    [
        (Origin.SANDBOX, Origin.PLATFORM, "synthetic sandbox data"),
        (Origin.PLATFORM, Origin.SANDBOX, "data of the platform"),
    ],
)
async def test_a_database_takes_data_of_one_origin_only(
    database_url: str, first: Origin, other: Origin, reason: str
) -> None:
    async with opened(database_url) as database, database.connection() as connection:
        await claim_origin(connection, first)
        await claim_origin(connection, first)
        with pytest.raises(SchemaMismatch, match=rf"holds {reason}.*GRIDKEEPER_DATABASE__URL"):
            await claim_origin(connection, other)


async def test_a_wrong_url_is_refused_before_anything_happens() -> None:
    with pytest.raises(ConfigurationError, match="GRIDKEEPER_DATABASE__URL"):
        await migrate("mysql://localhost/x")
