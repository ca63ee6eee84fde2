"""The wire bridge to TimescaleDB's WebAssembly build behaves as a PostgreSQL server, as far as our code relies on it."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import struct
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import asyncpg
import pytest
from asyncpg import exceptions as pg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support.timescale_server import PROJECT, TimescaleServer

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]


@pytest.fixture
async def other(timescale_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(timescale_url)
    yield connection
    await connection.close()


async def test_settings_of_the_client_reach_the_session(timescale_url: str) -> None:
    connection = await asyncpg.connect(
        timescale_url, server_settings={"timezone": "Europe/Brussels", "options": "-c work_mem=5MB"}
    )
    shown = [await connection.fetchval(f"show {name}") for name in ("timezone", "work_mem")]
    await connection.close()

    assert shown == ["Europe/Brussels", "5MB"]


async def test_an_unknown_setting_is_refused_as_by_a_server(timescale_url: str) -> None:
    with pytest.raises(pg.UndefinedObjectError, match="no_such_setting"):
        await asyncpg.connect(timescale_url, server_settings={"no_such_setting": "1"})


async def test_the_last_client_out_leaves_a_session_as_new(timescale_url: str) -> None:
    first = await asyncpg.connect(timescale_url, server_settings={"timezone": "Europe/Brussels"})
    await first.execute("create temporary table scratch (a int); set work_mem = '7MB'; select pg_advisory_lock(1)")
    await first.close()

    second = await asyncpg.connect(timescale_url)
    found = await second.fetchrow("""
        select to_regclass('scratch'), current_setting('work_mem'), current_setting('timezone'),
            (select count(*) from pg_locks where locktype = 'advisory'), current_setting('search_path')
    """)
    await second.close()

    assert found
    assert list(found) == [None, "4MB", "GMT", 0, '"$user", public']


async def test_reset_all_gives_the_settings_of_a_usual_server(timescale_connection: Connection) -> None:
    await timescale_connection.execute("reset all")

    assert await timescale_connection.fetchval("show search_path") == '"$user", public'
    assert await timescale_connection.fetchval("show enable_seqscan") == "on"


async def test_a_failed_statement_leaves_the_connection_usable(timescale_connection: Connection) -> None:
    with pytest.raises(pg.DivisionByZeroError):
        await timescale_connection.fetchval("select 1 / $1::int", 0)
    with pytest.raises(pg.PostgresSyntaxError):
        await timescale_connection.execute("selec 1")

    assert await timescale_connection.fetchval("select $1::int", 5) == 5


async def test_a_transaction_rolls_back_and_savepoints_hold(timescale_connection: Connection) -> None:
    await timescale_connection.execute("create table t (a int primary key)")
    async with timescale_connection.transaction():
        await timescale_connection.execute("insert into t values (1)")
        with pytest.raises(pg.UniqueViolationError):
            async with timescale_connection.transaction():
                await timescale_connection.execute("insert into t values (1)")
        await timescale_connection.execute("insert into t values (2)")
    async with timescale_connection.transaction():
        await timescale_connection.execute("savepoint before; delete from t; rollback to before")

    assert [row["a"] for row in await timescale_connection.fetch("select a from t order by a")] == [1, 2]


async def test_many_rows_and_a_cursor_pass_the_extended_protocol(timescale_connection: Connection) -> None:
    await timescale_connection.execute("create table t (a int, b text)")
    await timescale_connection.executemany("insert into t values ($1, $2)", [(n, f"row {n}") for n in range(2000)])
    async with timescale_connection.transaction():
        read = [row["a"] async for row in timescale_connection.cursor("select a from t order by a", prefetch=300)]

    assert read == list(range(2000))


@pytest.mark.parametrize("cache", [0, 100], ids=["unnamed statements", "named statements"])
async def test_statements_of_two_clients_never_mix(timescale_url: str, cache: int) -> None:
    clients = [await asyncpg.connect(timescale_url, statement_cache_size=cache) for _ in range(2)]

    async def multiples(client: Connection, factor: int) -> list[int]:
        return [await client.fetchval(f"select $1::int * {factor}", number) for number in range(100)]

    found = await asyncio.gather(*(multiples(client, factor) for client, factor in zip(clients, (3, 7), strict=True)))
    await clients[1].close()
    left = await clients[0].fetch("select statement from pg_prepared_statements")
    await clients[0].close()

    assert found == [[number * factor for number in range(100)] for factor in (3, 7)]
    assert not [row["statement"] for row in left if "* 7" in row["statement"]]


async def test_a_transaction_has_the_session_to_itself(timescale_connection: Connection, other: Connection) -> None:
    await timescale_connection.execute("create table t (a int)")
    async with timescale_connection.transaction():
        await timescale_connection.execute("insert into t values (1)")
        reading = asyncio.create_task(other.fetchval("select count(*) from t"))
        await asyncio.sleep(0.05)
        assert not reading.done()
        await timescale_connection.execute("insert into t values (2)")

    assert await reading == 2


async def test_copy_takes_and_gives_text(timescale_connection: Connection) -> None:
    await timescale_connection.execute("create table t (a int, b text)")
    await timescale_connection.copy_to_table("t", source=io.BytesIO(b"1\tone\n2\t\\N\n"))
    given = io.BytesIO()
    await timescale_connection.copy_from_query("select * from t order by a", output=given)

    assert given.getvalue() == b"1\tone\n2\t\\N\n"


async def test_copy_takes_and_gives_binary(timescale_connection: Connection) -> None:
    rows = [(number, number / 3) for number in range(100_000)]
    await timescale_connection.execute("create table t (a int, b float8)")
    await timescale_connection.copy_records_to_table("t", records=rows)
    given = io.BytesIO()
    await timescale_connection.copy_from_query("select * from t order by a", output=given, format="binary")
    body = given.getvalue()[19:-2]

    assert [(a, b) for _, _, a, _, b in struct.iter_unpack("!hiiid", body)] == rows


async def test_copy_that_fails_leaves_the_connection_usable(timescale_connection: Connection) -> None:
    await timescale_connection.execute("create table t (a int primary key)")
    with pytest.raises(pg.UniqueViolationError):
        await timescale_connection.copy_records_to_table("t", records=[(1,), (1,)])
    with pytest.raises(pg.UndefinedTableError):
        await timescale_connection.copy_records_to_table("missing", records=[(number,) for number in range(50_000)])

    async def broken_source() -> AsyncIterator[bytes]:
        yield b"1\n"
        raise OSError

    with pytest.raises(OSError, match=r"^$"):
        await timescale_connection.copy_to_table("t", source=broken_source())

    assert await timescale_connection.fetchval("select count(*) from t") == 0


async def test_binary_copy_fills_a_temporary_table(timescale_connection: Connection) -> None:
    async with timescale_connection.transaction():
        await timescale_connection.execute("create temporary table incoming (a int) on commit delete rows")
        await timescale_connection.copy_records_to_table("incoming", records=[(1,), (2,)])
        assert await timescale_connection.fetchval("select sum(a) from incoming") == 3
    assert await timescale_connection.fetchval("select count(*) from incoming") == 0


async def test_a_client_that_vanishes_in_a_transaction_is_rolled_back(
    timescale_connection: Connection, other: Connection
) -> None:
    await timescale_connection.execute("create table t (a int)")
    await other.execute("begin; insert into t values (1)")
    waiting = asyncio.create_task(timescale_connection.fetchval("select count(*) from t"))
    await asyncio.sleep(0.05)
    other.terminate()

    assert await waiting == 0


async def test_a_client_that_vanishes_within_copy_leaves_no_row(
    timescale_connection: Connection, timescale_url: str
) -> None:
    await timescale_connection.execute("create table t (a int)")
    folder = timescale_url.partition("host=")[2].partition("&")[0]
    reader, writer = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
    startup = b"user\0postgres\0\0"
    writer.write(struct.pack("!ii", 8 + len(startup), 196608) + startup)
    await reader.readuntil(b"Z\0\0\0\5I")
    statement = b"copy t from stdin\0"
    writer.write(b"Q" + struct.pack("!i", 4 + len(statement)) + statement)
    await reader.readuntil(b"G\0\0\0\7")
    writer.write(b"d\0\0\0\x061\nd\0\0")
    writer.close()
    await writer.wait_closed()

    assert await timescale_connection.fetchval("select count(*) from t") == 0


async def test_notifications_reach_the_client_that_listens(timescale_connection: Connection, other: Connection) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    await timescale_connection.add_listener("news", lambda *message: heard.put_nowait(str(message[3])))
    await other.execute("notify news, 'hello'")

    assert await asyncio.wait_for(heard.get(), 30) == "hello"
    await timescale_connection.reset()


async def test_the_engine_of_sqlalchemy_pools_connections(timescale_url: str) -> None:
    engine = create_async_engine(timescale_url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=3)
    async with engine.begin() as connection:
        await connection.execute(text("create table t (a int)"))
        await connection.execute(text("insert into t values (:a)"), [{"a": 1}, {"a": 2}])

    async def total(number: int) -> int:
        async with engine.connect() as connection:
            return int(await connection.scalar(text("select sum(a) + :n from t"), {"n": number}) or 0)

    found = await asyncio.gather(*(total(number) for number in range(9)))
    await engine.dispose()

    assert found == [3 + number for number in range(9)]


async def test_a_client_does_not_wait_for_ever(timescale_server: TimescaleServer) -> None:
    server = TimescaleServer.start(patience=0.2)
    try:
        holder, waiter = [await asyncpg.connect(server.url) for _ in range(2)]
        await holder.execute("begin")
        with pytest.raises(pg.ConnectionDoesNotExistError, match="another client's transaction"):
            await waiter.fetchval("select 1")
        await holder.execute("commit")
        await holder.close()
        waiter.terminate()
    finally:
        code = server.stop()

    assert code == 0


def test_the_server_ends_with_the_process_that_started_it(timescale_server: TimescaleServer) -> None:
    script = """
        import os
        from tests.support.timescale_server import PROJECT, TimescaleServer
        server = TimescaleServer.start()
        print(server.pid, server.url, flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True, cwd=PROJECT, check=False
    )
    pid, url = done.stdout.split()
    for _ in range(200):
        if not _runs(int(pid)):
            break
        time.sleep(0.05)

    assert not _runs(int(pid))
    shutil.rmtree(url.partition("host=")[2].partition("&")[0])


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
