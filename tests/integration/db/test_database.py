from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import psycopg
import pytest

from app.db.address import DatabaseAddress
from app.db.engine import Database, check_server, copy_binary
from app.db.sync_engine import small_sync_engine
from app.errors import ConfigurationError, DatabaseUnavailable
from tests.support.store_factory import opened


async def refusal(url: str) -> str:
    """The whole traceback of the failure to open, which must not hold the password either."""
    async with opened(url, connect_timeout=2) as database:
        with pytest.raises(DatabaseUnavailable) as caught:
            await database.open()
    assert "se3cret" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


async def test_an_opened_database_speaks_utc_under_our_name(database_url: str) -> None:
    async with opened(database_url, statement_timeout=12) as database:
        await database.open()
        async with database.connection() as connection:
            names = ("timezone", "application_name", "statement_timeout")
            assert [await connection.fetchval(f"show {name}") for name in names] == ["UTC", "gridkeeper", "12s"]


async def test_a_transaction_commits_at_its_end_and_rolls_back_on_an_error(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        async with database.transaction() as connection:
            await connection.execute("create table kept (n int)")
        with pytest.raises(asyncpg.DivisionByZeroError):
            await fail(database)
        async with database.connection() as connection:
            assert await connection.fetchval("select to_regclass('kept')") == "kept"
            assert await connection.fetchval("select to_regclass('lost')") is None


async def fail(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("create table lost (n int)")
        await connection.execute("select 1 / 0")


async def test_nobody_listening_is_said_with_host_and_remedy() -> None:
    message = await refusal("postgresql://me:se3cret@127.0.0.1:1/prices")
    assert "127.0.0.1:1/prices" in message
    assert "GRIDKEEPER_DATABASE__URL" in message


async def test_a_pooler_that_refuses_our_session_is_named_with_the_remedy() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        fields = b"SFATAL\0C08P01\0Munsupported startup parameter: statement_timeout\0\0"
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        message = await refusal(f"postgresql://me:se3cret@127.0.0.1:{port}/x?sslmode=disable")
    assert "this is a pooler" in message
    assert "pool_mode=session" in message


async def test_a_missing_database_is_named(postgres_server: object, empty_database_url: str) -> None:
    host = empty_database_url.partition("?")[2]
    assert '"nowhere" does not exist' in await refusal(f"postgresql://gridkeeper:se3cret@/nowhere?{host}")


async def test_a_missing_socket_is_said() -> None:
    assert "/nonexistent/x" in await refusal("postgresql://me:se3cret@/x?host=/nonexistent")


async def test_a_silent_server_runs_into_the_time_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        async with opened(f"postgresql://me:se3cret@127.0.0.1:{port}/x", connect_timeout=0.2) as database:
            with pytest.raises(DatabaseUnavailable, match=r"no answer within 0\.2 s"):
                await database.open()


async def test_the_job_store_sets_up_its_session_by_a_statement_so_that_a_pooler_in_session_mode_lets_it_in(
    database_url: str,
) -> None:
    engine = small_sync_engine(DatabaseAddress.parse(database_url))

    def settings() -> list[str]:
        names = ("statement_timeout", "idle_in_transaction_session_timeout", "timezone", "jit")
        with engine.connect() as connection:
            return [connection.exec_driver_sql(f"show {name}").scalar_one() for name in names]

    try:
        assert await asyncio.to_thread(settings) == ["5s", "4s", "UTC", "off"]
    finally:
        engine.dispose()
    assert "options" not in await asyncio.to_thread(first_message_of_the_job_store)


async def test_a_connection_that_a_thread_holds_beyond_the_engine_of_the_job_store_is_closed(database_url: str) -> None:
    def outlast() -> bool:
        engine = small_sync_engine(DatabaseAddress.parse(database_url))
        held = engine.connect()
        driver = held.connection.driver_connection
        engine.dispose()
        held.close()
        assert isinstance(driver, psycopg.Connection)
        return driver.closed

    assert await asyncio.to_thread(outlast)


def first_message_of_the_job_store() -> dict[str, str]:
    """The parameters of the start that a server is sent, which hangs up then."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        engine = small_sync_engine(DatabaseAddress.parse(f"postgresql://me@127.0.0.1:{port}/x?sslmode=disable"))
        with ThreadPoolExecutor(1) as other:
            connecting = other.submit(engine.raw_connection)
            client, _ = server.accept()
            with client:
                words = client.recv(4096)[8:].decode().split("\0")
            assert connecting.exception() is not None
    return dict(zip(words[::2], words[1::2], strict=False))


async def be_terminated(database: Database, executioner: Database) -> None:
    async with database.transaction() as connection:
        victim = await connection.fetchval("select pg_backend_pid()")
        async with executioner.connection() as other:
            await other.fetchval("select pg_terminate_backend($1)", victim)
        await connection.fetchval("select pg_sleep(5)")


async def test_a_database_that_dies_in_the_middle_is_unavailable_and_usable_again(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database, opened(empty_database_url) as executioner:
        with pytest.raises(DatabaseUnavailable, match="in the middle of the work"):
            await be_terminated(database, executioner)
        async with database.connection() as connection:
            assert await connection.fetchval("select 1") == 1


async def test_a_copy_into_a_database_that_dies_does_not_wait_for_ever(empty_database_url: str) -> None:
    sent: list[int] = []

    async def rows() -> AsyncIterator[bytes]:
        while True:
            sent.append(len(sent))
            yield bytes(100_000)

    async def copy(database: Database) -> None:
        async with database.transaction() as connection:
            await copy_binary(connection, "target", rows(), ["n"])

    async with opened(empty_database_url) as database, opened(empty_database_url) as executioner:
        async with executioner.transaction() as other:
            await other.execute("create table target (n int)")
        async with asyncio.timeout(60), executioner.transaction() as other:
            await other.execute("lock table target")
            copying = asyncio.create_task(copy(database))
            before = -1
            while not sent or len(sent) != before:  # until the connection takes no more bytes
                before = len(sent)
                await asyncio.sleep(0.2)
            await other.fetch("select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'")
            with pytest.raises(DatabaseUnavailable, match="in the middle of COPY"):
                await copying


async def test_a_connection_that_died_in_the_pool_is_replaced(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(empty_database_url) as database, opened(empty_database_url) as executioner:
        asked = pings_of(database, monkeypatch)
        for rested in (5.0, 0.0):
            async with database.connection() as connection:
                victim = await connection.fetchval("select pg_backend_pid()")
                ended = asyncio.Event()
                connection.add_termination_listener(lambda _, ended=ended: ended.set())
            assert not asked  # it was used a moment ago
            async with executioner.connection() as other:
                await other.fetchval("select pg_terminate_backend($1, 5000)", victim)
            if rested:
                await ended.wait()
            monkeypatch.setattr("app.db.engine.RESTED_SECONDS", rested)
            async with database.connection() as connection:
                assert await connection.fetchval("select pg_backend_pid()") != victim
        # The dead one, unless its end was heard of before, and the one in its place, which has rested as long.
        assert len(asked) == len({id(one) for one in asked}) <= 2
        async with database.connection():
            assert asked


def pings_of(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every connection whose server is asked whether it is there, from now on."""
    dialect, asked = database.engine.sync_engine.dialect, list[object]()
    ping = dialect.do_ping

    def ask(connection: Any) -> bool:
        asked.append(connection)
        return bool(ping(connection))

    monkeypatch.setattr(dialect, "do_ping", ask)
    return asked


async def test_a_statement_that_takes_too_long_ends_with_its_reason(empty_database_url: str) -> None:
    async with opened(empty_database_url, statement_timeout=0.1) as database:
        with pytest.raises(DatabaseUnavailable, match="statement timeout"):
            async with database.connection() as connection:
                await connection.fetchval("select pg_sleep(5)")


async def test_a_driver_that_lost_track_of_the_server_means_a_lost_database(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        with pytest.raises(DatabaseUnavailable, match="another operation"):
            async with database.connection():
                raise asyncpg.InternalClientError("cannot switch to state 11; another operation (2) is in progress")
        assert await database_answers(database)


async def database_answers(database: Database) -> bool:
    async with database.connection() as connection:
        return bool(await connection.fetchval("select true"))


async def test_other_errors_pass_unchanged(empty_database_url: str) -> None:
    async with opened(empty_database_url) as database:
        with pytest.raises(asyncpg.UndefinedTableError):
            async with database.connection() as connection:
                await connection.execute("select * from nothing_of_that_name")
        with pytest.raises(BrokenPipeError):
            async with database.connection():
                raise BrokenPipeError


async def test_a_cancelled_unit_of_work_leaves_a_clean_pool(empty_database_url: str) -> None:
    async with opened(empty_database_url, pool_size=2) as database:

        async def work() -> None:
            async with database.transaction() as connection:
                await connection.execute("create table lost (n int)")
                await connection.fetchval("select pg_sleep(30)")

        tasks = [asyncio.create_task(work()) for _ in range(2)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(4):
            async with database.connection() as connection:
                assert not connection.is_in_transaction()
                assert await connection.fetchval("select to_regclass('lost')") is None


async def test_what_follows_a_unit_of_work_cancelled_while_it_begins_is_kept(empty_database_url: str) -> None:
    async def begin() -> None:
        async with database.transaction():
            await asyncio.Event().wait()

    async with opened(empty_database_url, pool_size=2) as database, opened(empty_database_url) as reader:
        async with database.connection() as connection:
            await connection.execute("create table kept (step integer)")
        for step in range(40):
            begun = asyncio.create_task(begin())
            # Each step ends at another place of the way from the pool to the open transaction.
            for _ in range(step):
                await asyncio.sleep(0)
            begun.cancel()
            await asyncio.wait([begun])
            async with database.transaction() as connection:
                await connection.execute("insert into kept values ($1)", step)
        async with reader.connection() as connection:
            kept = [row["step"] for row in await connection.fetch("select step from kept order by 1")]

    assert kept == list(range(40))


async def test_a_pool_that_stays_exhausted_names_the_setting(empty_database_url: str) -> None:
    async with (
        opened(empty_database_url, pool_size=2, statement_timeout=0.1) as database,
        database.connection(),
        database.connection(),
    ):
        with pytest.raises(DatabaseUnavailable, match="GRIDKEEPER_DATABASE__POOL_SIZE"):
            async with database.connection():
                pass


async def test_a_wrong_option_in_the_url_is_a_wrong_setting(postgres_server: object) -> None:
    async with opened("postgresql://me:se3cret@localhost/x?sslmode=sometimes") as database:
        with pytest.raises(ConfigurationError, match=r"GRIDKEEPER_DATABASE__URL.*sslmode"):
            await database.open()


@pytest.mark.parametrize(
    ("major", "encoding", "remedy"),
    [(15, "UTF8", "PostgreSQL 15; upgrade it to PostgreSQL 16"), (18, "SQL_ASCII", "createdb -E UTF8")],
)
def test_a_server_that_cannot_be_used_is_refused_with_the_remedy(major: int, encoding: str, remedy: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=remedy):
        check_server("host/name", major, encoding)


async def test_a_database_never_shows_its_password() -> None:
    async with opened("postgresql://me:se3cret@localhost:5433/prices") as database:
        assert repr(database) == "Database(localhost:5433/prices)"
        assert "se3cret" not in repr(vars(database))


async def test_sessions_that_a_failover_left_read_only_are_thrown_away_at_the_first_that_is_met(
    database_url: str,
) -> None:
    async with opened(database_url, pool_size=4) as database:

        async def write() -> None:
            async with database.connection() as connection:
                await connection.execute("update scheduler_leader set holder = 'x'")

        async with AsyncExitStack() as stack:
            sessions = [await stack.enter_async_context(database.connection()) for _ in range(4)]
            for session in sessions:
                await session.execute("set session characteristics as transaction read only")
        with pytest.raises(DatabaseUnavailable, match="read-only transaction"):
            await write()
        await asyncio.gather(*(write() for _ in range(4)))


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("53100", "the disk of the database is full; make room on it"),
        ("25006", "this server is a standby, or read-only"),
    ],
)
async def test_what_a_person_can_mend_is_said(database_url: str, code: str, remedy: str) -> None:
    async with opened(database_url) as database:
        with pytest.raises(DatabaseUnavailable, match=remedy):
            async with database.connection() as connection:
                await connection.execute(f"do $$ begin raise exception 'could not' using errcode = '{code}'; end $$")
