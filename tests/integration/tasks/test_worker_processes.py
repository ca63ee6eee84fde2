"""Workers as processes of their own: one is killed, one is stopped, and one process does the rest as before."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.collection.backfill.models import BackfillRequest, BackfillRetryPolicy, BackfillState, Reprocess
from app.collection.backfill.repository import BackfillRepository
from app.collection.backfill.sharing import BackfillFeeder
from app.collection.backfill.watch import BackfillWatch
from app.collection.models import Work
from app.db.engine import Database
from app.db.migrate import claim_origin
from app.market.areas import find_place
from app.sandbox.server import SandboxServer
from app.sandbox.settings import SANDBOX_TOKEN, SandboxSettings
from app.settings import Origin, Settings
from app.tasks.shared.repository import WorkerRegistry
from app.wiring.container import Container
from tests.support.backfill_factory import LOAD, days
from tests.support.store_factory import opened
from tests.support.task_backends import QUICK, shared_backend

WINDOWS = 60
COUNTS = """
    select
        count(*) filter (where state in ('pending', 'claimed')) as left,
        count(*) filter (where state in ('stored', 'empty')) as ended,
        count(*) filter (where state = 'claimed' and claimed_by like '%two') as of_two,
        count(*) filter (where state = 'failed') as failed
    from backfill_windows
"""
TWICE = "select count(*) - count(distinct window_start) from collection_runs where outcome <> 'failed'"


@asynccontextmanager
async def worker(name: str, environment: dict[str, str]) -> AsyncIterator[Process]:
    arguments = ("-m", "app", "worker", "--sandbox", "--name", name, "--concurrency", "3")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env={**os.environ, **environment}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def counts(database: Database) -> dict[str, int]:
    async with database.connection() as connection:
        return dict(await connection.fetchrow(COUNTS) or {})


async def until_ended(database: Database, number: int) -> None:
    async with asyncio.timeout(90):
        while (await counts(database))["ended"] < number:  # noqa: ASYNC110  rows tell nobody
            await asyncio.sleep(0.1)


async def plan(database: Database) -> int:
    async with database.transaction() as connection:
        await claim_origin(connection, Origin.SANDBOX)
    work = [Work(LOAD, find_place("NL"), days(number - 400, number - 399)) for number in range(WINDOWS)]
    return await BackfillRepository(database, BackfillRetryPolicy()).add(
        BackfillRequest((), Reprocess.ALL, concurrency=6, description="shared"), work
    )


@pytest.mark.long
async def test_a_killed_and_a_stopped_worker_lose_nothing_and_one_process_does_the_rest(database_url: str) -> None:
    async with SandboxServer(SandboxSettings(latency=0.3)) as sandbox, opened(database_url) as database:
        backfill_id = await plan(database)
        environment = {
            "GRIDKEEPER_DATABASE__URL": database_url,
            "GRIDKEEPER_ENTSOE__BASE_URL": sandbox.url,
            "GRIDKEEPER_ENTSOE__TOKEN": SANDBOX_TOKEN,
            "GRIDKEEPER_ENTSOE__REQUESTS_PER_MINUTE": "370",
            "GRIDKEEPER_TASKS__BACKEND": "procrastinate",
            "GRIDKEEPER_TASKS__HEARTBEAT": "0.5",
            "GRIDKEEPER_TASKS__SILENT_AFTER": "2",
            "GRIDKEEPER_BACKFILL__LEASE_SECONDS": "5",
            "GRIDKEEPER_SCHEDULER__DRAIN_SECONDS": "0",
        }
        stop = asyncio.Event()
        async with (
            worker("one", environment) as one,
            worker("two", environment) as two,
            shared_backend(database, settings=QUICK) as submits,
        ):
            watch = BackfillWatch(BackfillRepository(database, BackfillRetryPolicy()))
            feeding = asyncio.create_task(
                BackfillFeeder(watch, submits, poll_seconds=0.5).run(stop, lambda: True), name="feeder"
            )
            await until_ended(database, 5)
            assert {state.name for state in await WorkerRegistry(database).workers()} >= {"two"}
            one.send_signal(signal.SIGKILL)
            await one.wait()
            await until_ended(database, 20)
            two.send_signal(signal.SIGTERM)
            assert await two.wait() == 0
            found = await counts(database)
            assert found["of_two"] == 0, "what was under way is handed back"
            assert found["left"] > 0
            stop.set()
            await feeding
        await _finish_alone(database, environment, sandbox.url, backfill_id)
        found = await counts(database)
        assert (found["left"], found["ended"], found["failed"]) == (0, WINDOWS, 0)
        async with database.connection() as connection:
            # A window that was under way as its process died may be asked for once more; what it stores is the same.
            assert await connection.fetchval(TWICE) <= 6
            assert await connection.fetchval("select count(*) from observation_revisions") == 0
        await _empty_queue(database)


async def _finish_alone(database: Database, environment: dict[str, str], url: str, backfill_id: int) -> None:
    """As `serve` with the local backend does."""
    settings = Settings.model_validate(
        {"sandbox": True, "entsoe": {"base_url": url, "token": SANDBOX_TOKEN}, "backfill": {"lease_seconds": 5}}
    )
    container = Container(settings=settings, database=database, echo=lambda _text: None)
    async with container.tasks().local():
        alone = container.tasks().backfill_worker()
        working = asyncio.create_task(alone.work())
        async with asyncio.timeout(90):
            while (await container.collection().backfills().progress(backfill_id)).state is not BackfillState.COMPLETED:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        alone.stop()
        await working
    await container.sources().backfill().aclose()


async def _empty_queue(database: Database) -> None:
    """What the local backend left in the queue names windows that have ended: it runs to nothing."""
    done: list[str] = []

    async def nothing(key: str) -> None:
        done.append(key)

    async with shared_backend(database, 4) as backend:
        backend.bind("backfill", nothing)
        async with asyncio.timeout(30):
            while any(queue.waiting + queue.running for queue in await WorkerRegistry(database).queues()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
