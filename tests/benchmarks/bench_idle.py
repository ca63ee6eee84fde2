"""What `gridkeeper serve`, and a `gridkeeper worker`, cost while nothing is due: python -m tests.benchmarks.bench_idle [SECONDS].

Fills an embedded database with 500 series of 60 days, runs the service on it against a sandbox in a process of its
own, lets it end its first cycle and one analysis of gaps, and then watches it; then a worker of shared tasks by itself. Prints
one JSON line for each figure, with its target and the same figure of a Python process that has imported asyncpg,
SQLAlchemy and APScheduler, keeps one connection open and does nothing. The server counts the statements, in a time of its own, because writing them to its
log costs. Needs Linux's /proc.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from app.db.embedded import start_embedded
from app.db.engine import Database
from app.db.migrate import migrate
from app.market.areas import Area, areas
from app.settings import DatabaseSettings
from tests.conftest import wait_until_stopped

ROOT = Path(__file__).parents[2]
GRIDKEEPER = (sys.executable, "-m", "app")
AREAS, PER_AREA, DAYS = 25, 20, 60
SECONDS = 60.0
SETTLED = 8.0
"""After the last job; memory is given back some seconds after it."""
PATIENCE = 300.0
ITEM = "generation_actual"
TARGETS = {"cpu_percent": 0.5, "rss_mb": 150.0, "statements_per_second": 5.0}
REFERENCE = """
import asyncio, sys
import apscheduler.schedulers.background, asyncpg, sqlalchemy.ext.asyncio

async def wait():
    connection = await asyncpg.connect(sys.argv[1])
    await asyncio.Event().wait()

asyncio.run(wait())
"""

FILL = """
    with added as (
        insert into series (source, item, area, psr_type)
        select 'entsoe', $1, area, 'B' || lpad(number::text, 2, '0')
        from unnest($2::text[]) as area cross join generate_series(1, $3::integer) as number
        returning series_id
    ),
    counted as (
        insert into daily_counts (series_id, day, resolution, stored)
        select series_id, day::date, id, 24
        from added
        cross join generate_series($4::timestamptz, $5::timestamptz - interval '1 hour', interval '1 day') as day
        cross join resolutions
        where code = 'PT60M'
    )
    insert into observations (series_id, delivery_start, resolution, value, filled, recorded_at)
    select series_id, hour, id, 1000, false, $5
    from added
    cross join generate_series($4::timestamptz, $5::timestamptz - interval '1 hour', interval '1 hour') as hour
    cross join resolutions
    where code = 'PT60M'
"""
ORIGIN = "insert into database_origin (origin) values ('sandbox') on conflict do nothing"


def chosen_areas() -> list[Area]:
    """Bidding zones that have existed all the time."""
    known = [area for area in areas().values() if area.since is None and area.until is None and "BZN" in area.kinds]
    return known[:AREAS]


async def fill(url: str) -> None:
    database = Database(DatabaseSettings(statement_timeout=600), url)
    await migrate(database)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    async with database.connection() as connection:
        eics = [area.eic for area in chosen_areas()]
        await connection.execute(ORIGIN)
        await connection.execute(FILL, ITEM, eics, PER_AREA, today - timedelta(days=DAYS), today)
        await connection.execute("vacuum analyze")
    await database.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def environment(folder: Path, sandbox_port: int) -> dict[str, str]:
    codes = ", ".join(area.code for area in chosen_areas())
    plan = folder / "collection.yaml"
    plan.write_text(f"areas: [{codes}]\nitems: [{ITEM}]\njobs:\n  near_real_time: {{every: 120 min}}\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRIDKEEPER_")}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "GRIDKEEPER_SANDBOX": "1",
        "GRIDKEEPER_DATA_DIR": str(folder / "data"),
        "GRIDKEEPER_ENTSOE__BASE_URL": f"http://127.0.0.1:{sandbox_port}/api",
        "GRIDKEEPER_SCHEDULER__PLAN_FILE": str(plan),
        "GRIDKEEPER_WEB__PORT": "0",
        "GRIDKEEPER_LOG__FORMAT": "json",
        "GRIDKEEPER_LOG__LEVEL": "debug",
    }


def wait(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench_idle: {what} did not come within {PATIENCE:g} s")
        time.sleep(0.2)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1024


def watch(pids: Mapping[str, int], seconds: float) -> dict[str, dict[str, float]]:
    """Of each process the part of a core that it took, and what it held at most."""
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    most, begun = dict.fromkeys(pids, 0.0), time.monotonic()
    while time.monotonic() - begun < seconds:
        time.sleep(1)
        most = {name: max(most[name], rss_mb(pid)) for name, pid in pids.items()}
    passed = time.monotonic() - begun
    return {
        name: {"cpu_percent": (cpu_seconds(pid) - before[name]) / passed * 100, "rss_mb": most[name]}
        for name, pid in pids.items()
    }


async def log_statements(url: str, which: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"alter system set log_statement = '{which}'")
    await connection.execute("select pg_reload_conf()")
    await connection.close()


def statements_per_second(server_log: Path, url: str, seconds: float) -> float:
    """What the service sends; the reference sends nothing, and we end before we look."""
    asyncio.run(log_statements(url, "all"))
    time.sleep(1)
    size, begun = server_log.stat().st_size, time.monotonic()
    time.sleep(seconds)
    with server_log.open("rb") as lines:
        lines.seek(size)
        sent = sum(1 for line in lines if re.search(rb"LOG:  (?:execute|statement)", line))
    passed = time.monotonic() - begun
    asyncio.run(log_statements(url, "none"))
    return sent / passed


def events(log: Path) -> list[dict[str, object]]:
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def count(log: Path, event: str) -> int:
    return sum(one["event"] == event for one in events(log))


class Processes:
    """What the benchmark begins; `end` ends whatever of it still runs."""

    def __init__(self, around: Mapping[str, str], end: ExitStack) -> None:
        self._around = dict(around)
        self._end = end

    def begin(self, *command: str, **options: Any) -> subprocess.Popen[bytes]:
        around = self._around | options.pop("settings", {})
        process = self._end.enter_context(subprocess.Popen(command, env=around, **options))
        self._end.callback(process.send_signal, signal.SIGTERM)
        return process

    def run(self, *command: str) -> None:
        subprocess.run(command, env=self._around, check=False, capture_output=True, timeout=PATIENCE)


def measure(folder: Path, url: str, seconds: float, end: ExitStack) -> None:
    port, log = free_port(), folder / "serve.log"
    processes = Processes(environment(folder, port), end)
    processes.begin(*GRIDKEEPER, "sandbox", "--port", str(port), stdout=subprocess.DEVNULL)
    wait(lambda: listens(port), "the sandbox")
    service = processes.begin(*GRIDKEEPER, "serve", stderr=end.enter_context(log.open("wb")))
    reference = processes.begin(sys.executable, "-c", REFERENCE, url, stdout=subprocess.DEVNULL).pid
    wait(lambda: count(log, "first_cycle_finished") > 0, "the end of the first cycle")
    processes.run(*GRIDKEEPER, "jobs", "run", "gap_analysis")
    time.sleep(SETTLED)
    jobs = count(log, "job_run")
    [server_log] = (folder / "data").rglob("server.log")

    def figures(pid: int) -> dict[str, dict[str, float]]:
        found = watch({"value": pid, "reference": reference}, seconds)
        found["value"]["statements_per_second"] = statements_per_second(server_log, url, seconds)
        found["reference"]["statements_per_second"] = 0.0
        return found

    tell("idle", figures(service.pid), series=AREAS * PER_AREA, jobs_meanwhile=count(log, "job_run") - jobs)
    service.send_signal(signal.SIGTERM)
    service.wait(PATIENCE)
    log = folder / "worker.log"
    shared = {"GRIDKEEPER_TASKS__BACKEND": "procrastinate"}
    worker = processes.begin(*GRIDKEEPER, "worker", stderr=end.enter_context(log.open("wb")), settings=shared)
    wait(lambda: count(log, "worker_started") > 0, "the worker")
    time.sleep(SETTLED)
    tell("idle_worker", figures(worker.pid))


def tell(name: str, found: Mapping[str, Mapping[str, float]], **more: object) -> None:
    """One line for each figure, with that of the reference in the same seconds."""
    for figure, target in TARGETS.items():
        value, reference = (round(found[of][figure], 2) for of in ("value", "reference"))
        line = {"bench": f"{name}_{figure}", "value": value, "target": f"< {target:g}", "reference": reference}
        ratio = round(value / reference, 2) if reference else None
        sys.stdout.write(json.dumps(line | {"ratio": ratio} | more) + "\n")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-") as name, ExitStack() as end:
        folder = Path(name)
        # PostgreSQL runs as another user where this one is root.
        folder.chmod(0o755)
        server = start_embedded(folder / "data")
        end.callback(wait_until_stopped, server)
        end.callback(server.release)
        asyncio.run(fill(server.url))
        measure(folder, server.url, seconds, end)


if __name__ == "__main__":
    main()
