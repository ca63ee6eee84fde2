"""`gridkeeper workers` and the routes beside it: who works, what waits, and asking one to end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from app.access.models import AccessScope
from app.cli import run
from app.db.queue.schema import SCHEMA
from app.tasks.shared.emptying import empty_queue
from app.tasks.shared.models import WorkerCounts, WorkerRole
from app.tasks.shared.repository import WorkerRegistry
from tests.support.api_factory import served_api
from tests.support.store_factory import opened

WAITS = f"""
    insert into {SCHEMA}.procrastinate_jobs (queue_name, task_name, priority, args)
    values ('gap', 'run', -1, '{{"kind": "window", "key": "1"}}')
"""


async def two_workers(url: str) -> None:
    """One that works, one that fell silent an hour ago, and a task that waits."""
    async with opened(url) as database:
        registry = WorkerRegistry(database)
        await registry.beat(WorkerRole("a/1", ("gap",), 4, "zurich"), WorkerCounts(2, 7, 1, 3.0))
        await registry.beat(WorkerRole("b", ("live",)), WorkerCounts(0, 0, 0, 0.0))
        await registry.add_up({"gap": (7, 1)})
        async with database.transaction() as connection:
            await connection.execute(
                "update workers set heartbeat_at = heartbeat_at - interval '1 hour' where name = 'b'"
            )
            await connection.execute(f"set local search_path = {SCHEMA}")
            await connection.execute(WAITS)


@pytest.fixture
def command(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("GRIDKEEPER_DATABASE__URL", database_url)
    monkeypatch.setenv("GRIDKEEPER_LOG__LEVEL", "warning")

    def told(*arguments: str) -> tuple[int, str, str]:
        code = run(["workers", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return told


def test_workers_and_queues_are_listed_and_one_is_drained_or_forgotten(
    database_url: str, command: Callable[..., tuple[int, str, str]]
) -> None:
    assert "no worker runs" in "".join(command("list")[1:])
    asyncio.run(two_workers(database_url))
    listed = json.loads(command("list", "--json")[1])
    assert [(one["name"], one["state"], one["region"], one["concurrency"]) for one in listed] == [
        ("a/1", "working", "zurich", 4),
        ("b", "silent", "", 8),
    ]
    queues = {one["name"]: one for one in json.loads(command("queues", "--json")[1])}
    gap = queues["gap"]
    assert [gap[name] for name in ("workers", "waiting", "done", "failed")] == [1, 1, 7, 1]
    assert queues["live"]["workers"] == 0, "who is silent takes nothing"
    assert list(queues) == ["deliveries", "live", "gap", "backfill", "reports", "quality"]
    assert "zurich" in command("list")[1]
    assert "first waits" in command("queues")[1]
    assert "takes no further task" in "".join(command("drain", "a/1")[1:])
    assert json.loads(command("list", "--json")[1])[0]["state"] == "draining"
    assert "is forgotten" in "".join(command("drain", "b")[1:])
    code, _, said = command("drain", "b")
    assert (code, "there is no worker 'b'" in said) == (1, True)
    assert [one["name"] for one in json.loads(command("list", "--json")[1])] == ["a/1"]


async def test_the_routes_say_the_same_and_only_an_operator_drains(database_url: str) -> None:
    await two_workers(database_url)
    async with (
        served_api(database_url) as api,
        api.client(await api.key()) as reader,
        api.client(await api.key(AccessScope.OPERATE)) as operator,
    ):
        rows = (await reader.get("/workers")).json()["data"]
        assert [(one["name"], one["state"], one["failed"]) for one in rows] == [
            ("a/1", "working", 1),
            ("b", "silent", 0),
        ]
        queues = {one["name"]: one for one in (await reader.get("/queues")).json()["data"]}
        assert (queues["gap"]["waiting"], queues["gap"]["workers"], queues["gap"]["done"]) == (1, 1, 7)
        assert (await reader.post("/workers/b/drain")).status_code == 403
        drained = await operator.post("/workers/b/drain")
        assert (drained.status_code, drained.json()["state"]) == (202, "silent")
        assert (await operator.post("/workers/b/drain")).status_code == 404


async def test_back_on_one_process_nothing_of_the_queue_is_left_once_no_worker_lives(database_url: str) -> None:
    await two_workers(database_url)
    async with opened(database_url) as database, database.connection() as connection:
        registry = WorkerRegistry(database)
        assert await registry.forget_all() is None, "one lives"
        await connection.execute("update workers set heartbeat_at = heartbeat_at - interval '1 hour'")
        assert await registry.forget_all() == (2, 1)
        assert await registry.forget_all() == (0, 0)
        assert await registry.workers() == []
        assert not any(one.waiting for one in await registry.queues())


async def test_back_on_one_process_a_worker_killed_a_moment_ago_is_waited_for(database_url: str) -> None:
    await two_workers(database_url)
    async with opened(database_url) as database, database.connection() as connection:
        registry = WorkerRegistry(database)
        stop = asyncio.Event()
        emptying = asyncio.create_task(empty_queue(registry, stop, every=0.05))
        await asyncio.sleep(0.3)
        assert len(await registry.workers()) == 2
        await connection.execute("update workers set heartbeat_at = heartbeat_at - interval '1 hour'")
        async with asyncio.timeout(30):
            while await registry.workers():  # noqa: ASYNC110  rows tell nobody
                await asyncio.sleep(0.02)
        stop.set()
        await emptying
