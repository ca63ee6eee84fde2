"""How late runs begin, and how long the event loop is held up: python -m tests.benchmarks.bench_scheduler.

1,000 jobs with a ticket and a row each, through the store of a running service on an embedded server of its own with
its usual settings: spread over a minute, all in one moment, and spread over a minute in which the database stands still
for ten seconds. Prints one JSON line for each.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.clock import SystemClock
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.scheduling.models import JobOutcome, RunReport, Ticket
from app.scheduling.service import SchedulerService
from app.scheduling.store import encode
from app.settings import DatabaseSettings, SchedulerSettings
from tests.conftest import wait_until_stopped
from tests.support.scheduler_factory import every_kind, rows, service, serving, until

JOBS = 1000
MINUTE = 60.0
HANG = 10.0
TARGETS = {"p99_lateness_s": 1.0, "loop_blocked_ms": 50.0}

_ADD = """
    insert into scheduler_jobs (id, next_run_time, job_state)
    select 'bench:' || $1 || ':' || n, $2 + $3 * n / $4, $5 from generate_series(1, $4::int) as n
"""
_LATENESS = """
    select
        count(*) filter (where outcome = 'succeeded'),
        count(*) filter (where outcome is distinct from 'succeeded'),
        percentile_disc(0.5) within group (order by lateness),
        percentile_disc(0.99) within group (order by lateness),
        max(lateness)
    from job_runs
    where job like $1
"""


def waited_for_processor() -> float:
    """Seconds that this thread was ready to run while the processors were others'; nothing without Linux's /proc."""
    told = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return int(told.read_text().split()[1]) / 1e9 if told.exists() else 0.0


class Lag:
    """How long the event loop kept a task waiting that wants to run every few milliseconds.

    Of the longest stall, `computed` is what its thread computed, and `unserved` how long it was ready to run while the
    processors were busy: when a database goes on, all its processes do so at once.
    """

    def __init__(self) -> None:
        self._worst = (0.0, 0.0, 0.0)
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            begun, computed, waited = time.perf_counter(), time.thread_time(), waited_for_processor()
            await asyncio.sleep(0.005)
            late = time.perf_counter() - begun - 0.005
            stall = (late, time.thread_time() - computed, waited_for_processor() - waited)
            self._worst = max(self._worst, stall)

    def end(self) -> dict[str, float]:
        self._task.cancel()
        names = ("blocked", "computed", "unserved")
        return {f"loop_{name}_ms": round(seconds * 1000, 1) for name, seconds in zip(names, self._worst, strict=True)}


async def work(_ticket: Ticket) -> RunReport:
    await asyncio.sleep(0.01)
    return RunReport(JobOutcome.SUCCEEDED, "worked")


async def burst(database: Database, name: str, seconds: float, hang: Iterable[int] = ()) -> None:
    """Add the jobs, wait for their runs, print what came of it."""
    # The scheduler hears of rows that another hand has added at its next tick, at most five seconds later.
    first = time.time() + 7.0
    state = encode("bench", "every 1440m", {"item": "load_actual"})
    await rows(database, _ADD, name, first, seconds, JOBS, state)
    lag = Lag()
    if processes := list(hang):
        await asyncio.sleep(first - time.time() + seconds / 3)
        await stand_still(processes)
    async with asyncio.timeout(seconds + 120):
        while (await rows(database, _LATENESS, f"bench:{name}:%"))[0][0] < JOBS:  # noqa: ASYNC110  rows tell nobody
            await asyncio.sleep(0.5)
    [(ran, others, middle, late, most)] = await rows(database, _LATENESS, f"bench:{name}:%")
    figures = {"ran": ran, "missed": JOBS - ran, "not_succeeded": others, **lag.end()}
    lateness = {"p50_lateness_s": float(middle), "p99_lateness_s": float(late), "max_lateness_s": float(most)}
    line = {"bench": f"scheduler_{name}", **figures, **{key: round(value, 3) for key, value in lateness.items()}}
    sys.stdout.write(json.dumps({**line, "targets": TARGETS}) + "\n")
    sys.stdout.flush()


async def stand_still(processes: list[int]) -> None:
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        await asyncio.sleep(HANG)
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def server_processes(data_dir: Path) -> list[int]:
    """The server and its sessions."""
    postmaster = int(next(data_dir.rglob("postmaster.pid")).read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster, *map(int, children)]


async def bench(url: str, data_dir: Path) -> None:
    await migrate(url)
    database = Database(DatabaseSettings(), url)
    defaults = SchedulerSettings().model_dump() | {"drain_seconds": 5.0}
    scheduler: SchedulerService = service(database, every_kind(work) | {"bench": work}, clock=SystemClock(), **defaults)
    async with serving(scheduler):
        await until(lambda: scheduler.status().role == "leader")
        gc.freeze()  # as the service does
        await burst(database, "minute", MINUTE)
        await burst(database, "moment", 0.0)
        await burst(database, "minute_with_hang", MINUTE, server_processes(data_dir))
    await database.close()


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    folder = Path(tempfile.mkdtemp(prefix="gridkeeper-bench-"))
    folder.chmod(0o755)
    server = start_embedded(folder)
    try:
        asyncio.run(bench(server.url, folder))
    finally:
        server.release()
        wait_until_stopped(server)


if __name__ == "__main__":
    sys.stderr.write(f"bench_scheduler: {datetime.now(UTC):%H:%M:%S}, about three minutes\n")
    main()
