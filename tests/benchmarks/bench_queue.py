"""How many tasks pass the shared queue: python -m tests.benchmarks.bench_queue.

Tasks that do nothing, submitted in one batch, run by one process on an embedded PostgreSQL: through our backend, and
through bare procrastinate with the same number of places, in turns. Prints JSON lines.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import procrastinate
from procrastinate.types import JSONDict

from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.feed.notices import Notices
from app.db.migrate import migrate
from app.settings import DatabaseSettings, TaskSettings
from app.tasks.backend import Priority, Task
from app.tasks.shared.backend import SharedBackend
from app.tasks.shared.models import WorkerRole
from tests.conftest import wait_until_stopped

TASKS = int(os.environ.get("BENCH_TASKS", "3000"))
PLACES = 8
ROUNDS = 3


async def ours(database: Database) -> tuple[float, float]:
    """Tasks a second through the backend: submitted, and run."""
    done, all_done = 0, asyncio.Event()

    async def nothing(_key: str) -> None:
        nonlocal done
        done += 1
        if done == TASKS:
            all_done.set()

    notices = Notices(database)
    backend = SharedBackend(database, notices, TaskSettings(backend="procrastinate"))
    backend.take(WorkerRole("bench", concurrency=PLACES))
    async with backend:
        begun = time.perf_counter()
        await backend.submit_many(Task("nothing", str(number), Priority.BACKFILL) for number in range(TASKS))
        submitted = time.perf_counter()
        backend.bind("nothing", nothing)
        await all_done.wait()
        ended = time.perf_counter()
    await notices.close()
    return TASKS / (submitted - begun), TASKS / (ended - submitted)


async def bare(database: Database) -> float:
    """Tasks a second through the library alone, deleted when they are done, as ours are."""

    async def in_schema(connection: object) -> None:
        await connection.execute("set search_path = procrastinate")  # type: ignore[attr-defined]
        await connection.commit()  # type: ignore[attr-defined]

    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(
            conninfo=database.address.dsn, min_size=1, max_size=4, configure=in_schema
        )
    )

    @app.task(name="bare", queue="bare")
    async def nothing(number: int) -> None:
        pass

    async with app.open_async():
        wanted: list[JSONDict] = [{"number": number} for number in range(TASKS)]
        await nothing.batch_defer_async(*wanted)
        begun = time.perf_counter()
        await app.run_worker_async(
            queues=["bare"], concurrency=PLACES, wait=False, delete_jobs="always", install_signal_handlers=False
        )
        return TASKS / (time.perf_counter() - begun)


async def measure(database: Database) -> None:
    rounds = [(*await ours(database), await bare(database)) for _ in range(ROUNDS)]
    submitted, run, library = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(ran / alone for _, ran, alone in rounds)
    for figure, value, goal in (
        ("queue_submitted_per_second", submitted, 2000),
        ("queue_tasks_per_second", run, 400),
        ("queue_tasks_per_second_bare", library, None),
        ("queue_ratio_to_bare", ratio, 0.7),
    ):
        sys.stdout.write(
            json.dumps({"figure": figure, "value": round(value, 2), "goal": goal, "tasks": TASKS, "places": PLACES})
            + "\n"
        )


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-") as folder:
        server = await asyncio.to_thread(start_embedded, Path(folder))
        try:
            await migrate(server.url)
            database = Database(DatabaseSettings(), server.url)
            try:
                await measure(database)
            finally:
                await database.close()
        finally:
            server.release()
            await asyncio.to_thread(wait_until_stopped, server)


if __name__ == "__main__":
    asyncio.run(main())
