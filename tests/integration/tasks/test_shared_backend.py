"""What only the shared backend does: many processes, workers that die, versions that differ."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from procrastinate import exceptions

from app.db.engine import Database
from app.db.migrate import revisions
from app.db.queue.schema import SCHEMA, shipped_migrations
from app.errors import NotFound, SchemaMismatch
from app.settings import TaskSettings
from app.tasks.backend import Priority
from app.tasks.shared.models import PROBES, USUAL, QueueState, WorkerRole
from app.tasks.shared.pool import QueuePool
from app.tasks.shared.repository import WorkerRegistry
from tests.support.store_factory import opened
from tests.support.task_backends import QUICK, Gates, eventually, shared_backend, tasks

JOBS = f"{SCHEMA}.procrastinate_jobs"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with opened(database_url) as found:
        yield found


async def value(database: Database, statement: str) -> object:
    async with database.connection() as connection:
        return await connection.fetchval(statement)


async def queues_of(database: Database) -> dict[str, QueueState]:
    return {queue.name: queue for queue in await WorkerRegistry(database).queues()}


async def test_a_task_that_waits_already_is_not_doubled(database: Database) -> None:
    async with shared_backend(database) as submits:
        await submits.submit_many(tasks("l1", "l2", "l1"))
        await submits.submit_many(tasks("l2", "l3"))
        assert await value(database, f"select count(*) from {JOBS}") == 3
        queues = await queues_of(database)
        assert (queues["live"].waiting, queues["gap"].waiting) == (3, 0)
        assert queues["live"].oldest_seconds > 0


async def test_the_end_of_a_task_is_told_again_where_the_database_was_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as its worker lives nobody else frees it."""
    gates, failures = Gates(), [psycopg.OperationalError("away"), psycopg.OperationalError("still away")]
    gates.open("l1")
    patient = TaskSettings(backend="procrastinate", heartbeat=0.2, silent_after=60)
    async with shared_backend(database, 1, settings=patient) as backend:
        finish = backend._app.job_manager.finish_job

        async def lost_twice(*args: Any, **kwargs: Any) -> None:
            if failures:
                raise exceptions.ConnectorException from failures.pop()
            await finish(*args, **kwargs)
            # As where the answer to it was lost: its row is gone.
            await finish(*args, **kwargs)

        monkeypatch.setattr(backend._app.job_manager, "finish_job", lost_twice)
        backend.bind("work", gates)
        await backend.submit_many(tasks("l1"))
        async with asyncio.timeout(30):
            while failures or await value(database, f"select count(*) from {JOBS}"):  # noqa: ASYNC110  rows tell nobody
                await asyncio.sleep(0.02)
    assert (gates.ended, backend.stats().done) == (["l1"], 1)


async def test_a_worker_that_the_queue_has_forgotten_begins_anew(database: Database) -> None:
    """As after it was frozen for longer than it may be silent, and another worker began meanwhile."""
    work, workers = Gates(), f"{SCHEMA}.procrastinate_workers"
    work.open("l1")
    async with shared_backend(database, 1) as backend, asyncio.timeout(30):
        backend.bind("work", work)
        while not await value(database, f"select count(*) from {workers}"):  # noqa: ASYNC110  rows tell nobody
            await asyncio.sleep(0.02)
        async with database.connection() as connection:
            await connection.execute(f"delete from {workers}")
        await backend.submit_many(tasks("l1"))
        await work.until(lambda: work.ended == ["l1"])


async def test_two_processes_share_tasks_and_leave_an_empty_queue(database: Database) -> None:
    one, two = Gates(), Gates()
    keys = [f"g{number}" for number in range(40)]
    for work in (one, two):
        work.open(*keys[1:])
    async with (
        shared_backend(database) as submits,
        shared_backend(database, 1, name="one") as first,
        shared_backend(database, 1, name="two") as second,
    ):
        first.bind("work", one)
        second.bind("work", two)
        await submits.submit_many(tasks(*keys))
        await eventually(lambda: first.stats().done + second.stats().done == 39)
        assert {worker.name for worker in await WorkerRegistry(database).workers()} == {"one", "two"}
        one.open("g0")
        two.open("g0")
        await eventually(lambda: len(one.ended) + len(two.ended) == 40)
    assert sorted(one.ended + two.ended) == sorted(keys)
    assert await value(database, f"select count(*) from {JOBS}") == 0
    assert await WorkerRegistry(database).workers() == []


async def test_a_worker_that_stops_hands_back_and_another_goes_on(database: Database) -> None:
    one, two = Gates(), Gates()
    async with shared_backend(database, 1, name="one") as first:
        first.bind("work", one)
        await first.submit_many(tasks("l1", "l2"))
        await one.until(lambda: one.begun == ["l1"])
    assert one.interrupted == ["l1"]
    two.open("l1", "l2")
    async with shared_backend(database, 1, name="two") as second:
        second.bind("work", two)
        await two.until(lambda: sorted(two.ended) == ["l1", "l2"])


async def test_running_tasks_may_finish_within_the_grace(database: Database) -> None:
    work = Gates()
    async with shared_backend(database, 1, grace=20) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("l1"))
        await work.until(lambda: work.begun == ["l1"])
        work.open("l1")
    assert (work.ended, work.interrupted) == (["l1"], [])


ABANDON = f"""
    update {JOBS} set status = 'doing', worker_id = null, attempts = {{attempts}}
    where args ->> 'key' = '{{key}}'
"""


async def abandon(database: Database, key: str, attempts: int) -> None:
    """As if the process that ran the task had been killed."""
    async with database.transaction() as connection:
        await connection.execute(f"set local search_path = {SCHEMA}")
        await connection.execute(ABANDON.format(key=key, attempts=attempts))


async def test_tasks_of_dead_workers_are_freed_and_poison_is_parked(database: Database) -> None:
    work = Gates()
    work.open("l1", "l3", "l4")
    async with shared_backend(database) as submits:
        await submits.submit_many(tasks("l1", "l2", "l3", "l4"))
        # Submitted again after its first worker had died, and its second one died as well.
        await abandon(database, "l4", 0)
        await submits.submit_many(tasks("l4"))
        await abandon(database, "l4", 0)
        await abandon(database, "l1", 0)
        await abandon(database, "l2", QUICK.attempts - 1)
        await abandon(database, "l3", 0)
        await submits.submit_many(tasks("l3"))
        async with asyncio.timeout(30):
            while await value(database, f"select count(*) from {JOBS} where status = 'doing'"):  # noqa: ASYNC110  rows tell nobody
                await asyncio.sleep(0.05)
        live = (await queues_of(database))["live"]
        assert (live.waiting, live.running, live.parked) == (3, 0, 1)
        async with shared_backend(database, 1) as backend:
            backend.bind("work", work)
            await work.until(lambda: len(work.ended) == 3)
        assert sorted(work.ended) == ["l1", "l3", "l4"]


async def test_a_drained_worker_is_told_to_end(database: Database) -> None:
    registry = WorkerRegistry(database)
    async with shared_backend(database, 2, name="one") as backend:
        with pytest.raises(NotFound, match="no worker 'two'"):
            await registry.drain("two")
        await registry.drain("one")
        await backend.until_ended()
        [state] = await registry.workers()
        assert state.draining
        assert not state.silent(QUICK.silent_after)


async def test_a_worker_older_than_the_schema_is_told_to_stop(database: Database) -> None:
    version = "update gridkeeper_version set version_num = $1"
    newer = shipped_migrations()[-1].replace("03.", "99.", 1)
    async with database.connection() as connection:
        async with shared_backend(database, 1) as backend:
            await connection.execute(version, "9999")
            with pytest.raises(SchemaMismatch, match="newer than this program"):
                await backend.until_ended()
            await connection.execute(version, revisions()[-1])
        await connection.execute(f"update {SCHEMA}.installed set migration = $1", newer)
    with pytest.raises(SchemaMismatch, match="newer than this program"):
        async with shared_backend(database, 1):
            pass


async def test_the_queue_notices_a_server_whose_machine_is_gone(database: Database) -> None:
    async with QueuePool(database.address.dsn, open=False) as pool, pool.connection() as connection:
        given = connection.info.get_parameters()
        assert (given["tcp_user_timeout"], given["keepalives_idle"]) == ("15000", "10")
        limit = await (await connection.execute("show statement_timeout")).fetchone()
        assert limit == ("15s",)


async def test_the_queue_has_a_schema_of_its_own(database: Database) -> None:
    inside = (
        "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relname like 'procrastinate%'"
    )
    assert await value(database, inside) == 0
    assert await value(database, f"select migration from {SCHEMA}.installed") == shipped_migrations()[-1]
    async with database.connection() as connection:
        assert await connection.fetchval("show search_path") == '"$user", public'


def test_windows_portions_and_messages_keep_no_places_from_each_other() -> None:
    usual = [(("live", "gap", "backfill"), 7), (("backfill",), 2), (("live", "gap"), 1)]
    assert WorkerRole("a", concurrency=10).groups(0.2) == usual
    assert WorkerRole("a", concurrency=2).groups(0.2) == [(("live", "gap", "backfill"), 1), (("backfill",), 1)]
    single = WorkerRole("a", USUAL, concurrency=1)
    assert single.groups(0.2) == [(("live", "gap", "backfill"), 1), (("reports", "quality"), 1)]
    assert (single.places, single.probes) == (2, False)
    assert WorkerRole("a", ("quality",), concurrency=3).groups(0.2) == [(("quality",), 3)]
    alone = WorkerRole("a", ("deliveries", "quality", PROBES), concurrency=3)
    assert alone.groups(0.2) == [(("deliveries",), 2), (("quality",), 1)]
    assert [WorkerRole("a", alone.queues, number).places for number in (1, 2, 3, 8)] == [2, 2, 3, 8]
    probing = WorkerRole("a", (PROBES,))
    assert (probing.groups(0.2), probing.places, probing.probes) == ([], 0, True)


async def test_what_ends_is_counted_by_queue_and_a_queue_tells_who_takes_it(database: Database) -> None:
    async def work(key: str) -> None:
        if key == "q2":
            raise ZeroDivisionError

    async with (
        shared_backend(database) as submits,
        shared_backend(database, 1, name="one", queues=("quality",)) as one,
    ):
        one.bind("work", work)
        await submits.submit_many(tasks("q1", "q2", "q3", "l1"))
        await eventually(lambda: submits.stats().ended.get(Priority.QUALITY) == (2, 1))
        assert (submits.taken(Priority.QUALITY), submits.taken(Priority.LIVE)) == (True, False)
        found = await queues_of(database)
        assert (found["quality"].workers, found["live"].workers, found["live"].waiting) == (1, 0, 1)
    async with database.connection() as connection:
        await connection.execute("update task_totals set minute = minute - interval '1 minute'")
    assert (await queues_of(database))["quality"].per_minute == 3
    async with shared_backend(database, 1, queues=("quality",)) as backend:
        backend.bind("work", work)
        await backend.submit_many(tasks("q4"))
        await eventually(lambda: backend.stats().done == 1)
    found = await queues_of(database)
    assert (found["quality"].done, found["quality"].failed, found["quality"].per_minute) == (3, 1, 3)
