"""A server without room for further connections: who starts says why, who runs waits and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from structlog.testing import capture_logs

from app.db import engine, failures
from app.db.address import DatabaseAddress
from app.db.engine import Database
from app.db.feed.notices import Notices
from app.errors import ConnectionsRefused, DatabaseUnavailable
from app.settings import DatabaseSettings
from app.tasks.shared import pool
from app.tasks.shared.backend import SharedBackend
from app.tasks.shared.models import WorkerRole
from tests.support.task_backends import QUICK, Gates, eventually, tasks

LOGIN = "few_connections"


class Room:
    """Lets the login have so many connections from now on."""

    def __init__(self, server: asyncpg.Connection[asyncpg.Record], url: str) -> None:
        self._server = server
        self.url = url

    async def of(self, number: int) -> None:
        await self._server.execute(f"alter role {LOGIN} connection limit {number}")

    async def cut(self) -> None:
        """End what it has, as a server that is started anew does."""
        await self._server.execute(
            "select pg_terminate_backend(pid, 9000) from pg_stat_activity where usename = $1", LOGIN
        )


@pytest.fixture
async def few(database_url: str) -> AsyncIterator[Room]:
    server = await asyncpg.connect(DatabaseAddress.parse(database_url).dsn)
    await server.execute(f"create role {LOGIN} login in role gridkeeper")
    try:
        yield Room(server, DatabaseAddress.parse(database_url).of(LOGIN).dsn)
    finally:
        await Room(server, "").cut()
        await server.execute(f"drop role {LOGIN}")
        await server.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "AGAIN_SECONDS", 0.05)


async def test_who_starts_is_told_of_the_limit_and_who_runs_takes_turns_and_says_it_once(
    few: Room, quick: None
) -> None:
    database = Database(DatabaseSettings(), few.url)
    await few.of(0)
    with pytest.raises(ConnectionsRefused, match=r"refuses further connections.*GRIDKEEPER_DATABASE__POOL_SIZE"):
        await database.open()
    await few.of(1)
    await asyncio.sleep(failures.AGAIN_SECONDS)
    await database.open()

    async def asked(number: int) -> int:
        async with database.connection() as connection:
            await connection.execute("select pg_sleep(0.02)")
            return int(await connection.fetchval("select $1::integer", number))

    with capture_logs() as logs:
        assert database.refusal == ""
        assert await asyncio.gather(*map(asked, range(8))) == list(range(8)), "the one it has goes round"
        assert "PostgreSQL refuses further connections" in database.refusal
        await few.of(5)
        await asyncio.sleep(2 * failures.AGAIN_SECONDS)
        await asyncio.gather(*map(asked, range(8)))
        assert database.refusal == ""
        assert database.pool_use() == (0, 5)
    assert [one["event"] for one in logs] == ["connections_failed", "connections_recovered"]
    await database.close()


async def test_work_that_waits_in_vain_is_told_why(few: Room, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WAIT_FOR_ROOM", 0.2)
    database = Database(DatabaseSettings(), few.url)
    await database.open()
    await few.of(0)
    await few.cut()
    with pytest.raises(ConnectionsRefused, match="refuses further connections"):
        async with database.connection():
            pass
    await database.close()


async def test_a_worker_that_finds_no_room_for_its_queue_says_why_and_one_that_loses_it_goes_on(
    few: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CONNECT_TIMEOUT", 1)
    database = Database(DatabaseSettings(), few.url)
    await database.open()
    await few.of(1)
    refused = SharedBackend(database, Notices(database), QUICK)
    with pytest.raises(DatabaseUnavailable, match=r"queue of shared tasks.*refuses further connections"):
        await refused.__aenter__()
    await few.of(6)
    gates, notices = Gates(), Notices(database)
    worker = SharedBackend(database, notices, QUICK)
    worker.bind("work", gates)
    worker.take(WorkerRole("a", concurrency=2))
    with capture_logs() as logs:
        async with worker:
            await few.of(0)
            await few.cut()
            await eventually(lambda: any(one["event"] == "queue_connections_failed" for one in logs))
            await few.of(6)
            await eventually(lambda: any(one["event"] == "queue_connections_recovered" for one in logs))
            await worker.submit_many(tasks("l1"))
            gates.open("l1")
            await gates.until(lambda: gates.ended == ["l1"])
    [failed] = [one for one in logs if one["event"] == "queue_connections_failed"]
    assert "GRIDKEEPER_DATABASE__POOL_SIZE" in failed["error"]
    await notices.close()
    await database.close()
