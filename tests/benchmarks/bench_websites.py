"""What it costs to check many websites, in real time: python -m tests.benchmarks.bench_websites [--websites 10000] [--seconds 180].

Each website is checked every 60 seconds by the runner as `serve` has it, with real connections to a server in a process of
its own on 250 loopback addresses, results and states in an embedded PostgreSQL. Prints a JSON line: how late checks began
after they were due, the processor time of this process as a share of a core (neither server nor database), and its memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from app.clock import SystemClock
from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.feed.notices import Notices
from app.db.migrate import migrate
from app.probes.checking.checker import HttpChecker
from app.probes.maintenance.repository import MaintenanceRepository
from app.probes.maintenance.service import MaintenanceService
from app.probes.sharing.leases import ShardLeases
from app.probes.sharing.repository import ShardRepository
from app.probes.websites.checks import policy_of
from app.probes.websites.models import Website, WebsiteDraft
from app.probes.websites.repository import WebsiteRepository
from app.probes.websites.runner import WebsiteRunner
from app.probes.websites.state import next_slot
from app.settings import DatabaseSettings, ProbeSettings
from app.tasks.memory import favour_the_event_loop
from tests.benchmarks.bench_checks import serve

_INTERVAL = 60
_WARM_SECONDS = 5.0


class MeasuredRunner(WebsiteRunner):
    """Keeps how late each check began."""

    late: list[float]

    async def _check(self, website: Website, host: str) -> None:
        self.late.append((self._clock.now() - website.state.due_at).total_seconds())
        await super()._check(website, host)


async def _fill(database: Database, count: int, port: int) -> None:
    """Websites that are up, each due at its own moment of the interval."""
    draft = WebsiteDraft("http://127.0.0.1/", "", check_interval=_INTERVAL)
    now = SystemClock().now() + timedelta(seconds=_WARM_SECONDS)
    due = [next_slot(policy_of(number, draft), now) for number in range(1, count + 1)]
    async with database.transaction() as connection:
        await connection.execute(
            """
            insert into websites (
                url, url_key, name, check_interval, method, timeout_seconds, follow_redirects, failures, successes,
                created_at, updated_at
            )
            select url, url, 'website ' || number, $3, 'GET', 30, true, 2, 2, now(), now()
            from generate_series(1, $1::int) as number,
                lateral (select 'http://127.1.0.' || number % 250 + 1 || ':' || $2::int || '/' || number as url) as made
            order by number
            """,
            count, port, _INTERVAL,
        )  # fmt: skip
        await connection.execute(
            """
            insert into website_states (
                website_id, status, changed_at, latest_at, checked_at, known_until, due_at, unknown
            )
            select number, 'up', now(), now(), now(), due + interval '10 minutes', due, false
            from unnest($1::timestamptz[]) with ordinality as made (due, number)
            """,
            due,
        )


async def _measure(count: int, seconds: float, port: int, folder: Path) -> dict[str, object]:
    server = await asyncio.to_thread(start_embedded, folder)
    database = Database(DatabaseSettings(), server.url)
    try:
        await migrate(database)
        await _fill(database, count, port)
        notices, stop = Notices(database), asyncio.Event()
        settings = ProbeSettings()
        leases = ShardLeases(ShardRepository(database, work="websites"), holder="bench")
        runner = MeasuredRunner(
            WebsiteRepository(database), leases, HttpChecker.of(settings), notices, SystemClock(),
            maintenance=MaintenanceService(MaintenanceRepository(database), SystemClock()), settings=settings,
        )  # fmt: skip
        runner.late = []
        favour_the_event_loop()
        task = asyncio.create_task(runner.run(stop))
        await asyncio.sleep(_WARM_SECONDS + 5)
        runner.late.clear()
        begun, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - begun
        late = sorted(runner.late)
        stop.set()
        await task
        await notices.close()
        async with database.connection() as connection:
            kept = await connection.fetchval("select count(*) from website_checks")
            down = await connection.fetchval("select count(*) from website_windows where kind = 'down'")
    finally:
        await database.close()
        server.release()
    return {
        "websites": count, "seconds": round(wall), "checks": len(late), "kept": kept, "down": down,
        "late_ms": {
            "p50": round(statistics.median(late) * 1000, 1),
            "p99": round(late[int(len(late) * 0.99)] * 1000, 1),
            "most": round(late[-1] * 1000, 1),
        },
        "share_of_a_core": round(cpu / wall, 3),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--websites", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=180)
    chosen = parser.parse_args()
    ready, told = multiprocessing.get_context("spawn").Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(told,), daemon=True)
    server.start()
    try:
        with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-") as folder:
            found = asyncio.run(_measure(chosen.websites, chosen.seconds, ready.recv(), Path(folder)))
        sys.stdout.write(json.dumps(found) + "\n")
    finally:
        server.kill()


if __name__ == "__main__":
    main()
