"""Where the time of shared work goes: python -m tests.benchmarks.bench_scale [--workers 2] [--areas 4] [--items 3] ….

A backfill of so many days, on an embedded server with its usual settings (and room for the connections of more than four
workers), against a sandbox in a process of its own that answers after --latency seconds; `serve` plans, and so many
`gridkeeper worker` processes work, or with --workers 0 `serve` itself. The budget of the token is raised to --per-minute
in all of them, else it alone would be measured. Prints JSON lines: values and windows a second; of the time that the
places of all workers had the share of the platform (its answers on the wire), of reading them, of the store, and the
rest: the queue, claims, the budget, the processor that all share, and places that had nothing to do; and of the
processor the share of each command and of the server by the names of its connections, of which "gridkeeper queue" are the
queue's. With --seconds it measures a portion of the backfill and says how long the whole would take at the same rate, or
at the budget of one token: `--workers 20 --areas 60 --items 20 --days 2920 --per-minute 100000 --seconds 300`. Needs
Linux's /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg

from app.db.embedded import start_embedded
from app.market.areas import areas
from app.market.series import DataItem
from tests.benchmarks.bench_idle import cpu_seconds

PATIENCE = 120.0
CONNECTIONS_EACH = 6
ITEMS = (DataItem.LOAD_ACTUAL, DataItem.GENERATION_ACTUAL, DataItem.PRICE_DAY_AHEAD, DataItem.LOAD_FORECAST_DAY_AHEAD)
# The program with another bound of the budget: the real one is the platform's, and no setting may exceed it.
RAISED = """
import sys
from app.settings import EntsoeSettings, Settings
EntsoeSettings.model_fields["requests_per_minute"].metadata.clear()
for one in (EntsoeSettings, Settings):
    one.model_rebuild(force=True)
from app.cli import run
sys.exit(run(sys.argv[1:]))
"""
FOUND = """
    select
        count(*) as windows,
        count(*) filter (where outcome = 'failed') as failed,
        sum(new + revised + unchanged) as values,
        extract(epoch from max(finished_at) - min(started_at))::float8 as seconds,
        sum(requests) as requests,
        sum(api_seconds) as platform,
        sum(parse_seconds) as reading,
        sum(store_seconds) as store
    from collection_runs
    where window_end < now() - interval '8 days'
"""
WHOLE = "select count(*) from backfill_windows"
OPEN = "select count(*) from backfill_windows where state in ('pending', 'claimed')"

HELD = """
    select pid, application_name
    from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid() and datname = current_database()
"""


def told(name: str, **found: object) -> None:
    sys.stdout.write(json.dumps({"bench": f"scale_{name}", **found}) + "\n")
    sys.stdout.flush()


def chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Where the time of shared work goes.")
    for name, default in (("workers", 2), ("concurrency", 4), ("areas", 4), ("items", 3), ("days", 365)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--per-minute", type=int, default=6000)
    parser.add_argument("--seconds", type=float, default=0.0, help="end after so long; 0: with the backfill")
    return parser.parse_args()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def environment(folder: Path, url: str, port: int, plan: Path, options: argparse.Namespace) -> dict[str, str]:
    """The settings of all processes; without workers `serve` keeps its work to itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRIDKEEPER_")}
    around = kept | {
        "GRIDKEEPER_SANDBOX": "1",
        "GRIDKEEPER_DATABASE__URL": url,
        "GRIDKEEPER_DATA_DIR": str(folder / "data"),
        "GRIDKEEPER_ENTSOE__BASE_URL": f"http://127.0.0.1:{port}/api",
        "GRIDKEEPER_ENTSOE__REQUESTS_PER_MINUTE": str(options.per_minute),
        "GRIDKEEPER_ENTSOE__CONCURRENCY": str(max(8, options.concurrency)),
        "GRIDKEEPER_SCHEDULER__PLAN_FILE": str(plan),
        "GRIDKEEPER_BACKFILL__SHARE": "0.4",
        "GRIDKEEPER_WEB__PORT": "0",
    }
    if options.workers:
        around |= {"GRIDKEEPER_TASKS__BACKEND": "procrastinate", "GRIDKEEPER_TASKS__SERVE_CONCURRENCY": "0"}
    return around


class Processes:
    """The program, as often as it is wanted."""

    def __init__(self, around: Mapping[str, str], end: ExitStack, folder: Path) -> None:
        self._around, self._end, self._folder = dict(around), end, folder
        self.pids: dict[int, str] = {}

    def begin(self, *arguments: str, **more: str) -> None:
        log = self._end.enter_context((self._folder / f"{arguments[0]}-{time.monotonic_ns()}.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-c", RAISED, *arguments], env=self._around | more, stdout=log, stderr=log
        )
        self.pids[process.pid] = arguments[0]
        self._end.callback(process.wait)
        self._end.callback(process.terminate)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", RAISED, *arguments], env=self._around, check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"bench_scale: {' '.join(arguments)}: {done.stderr}")
        return done.stdout


def measure(options: argparse.Namespace, folder: Path, url: str, end: ExitStack) -> None:
    port = free_port()
    zones = [one.code for one in areas().values() if "BZN" in one.kinds and one.since is None and one.until is None]
    places, items = zones[: options.areas], [item.value for item in (*ITEMS, *DataItem)]
    wanted = list(dict.fromkeys(items))[: options.items]
    plan = folder / "collection.yaml"
    plan.write_text(f"areas: [{places[0]}]\nitems: [{wanted[0]}]\njobs: {{}}\n")
    around = environment(folder, url, port, plan, options)
    program = Processes(around, end, folder)
    program.begin("sandbox", "--port", str(port), "--limit", "0", "--latency", str(options.latency))
    program.run("migrate")
    program.begin("serve", "--sandbox")
    queues = ("--queues", "live,gap,backfill", "--concurrency", str(options.concurrency))
    for number in range(options.workers):
        program.begin("worker", "--sandbox", *queues, "--name", f"worker {number + 1}")
    ask = [part for place in places for part in ("--area", place)] + [
        part for one in wanted for part in ("--item", one)
    ]
    span = ("--from", f"-{options.days + 10}d", "--to", "-10d")
    at_once = str(options.concurrency * max(1, options.workers))
    queued = program.run("backfill", "start", "--sandbox", *ask, *span, "--concurrency", at_once)
    told("queued", said=re.sub(r"\s+", " ", queued).strip())
    with psycopg.connect(url, autocommit=True) as connection:
        spent = Spent(program.pids)
        held = _follow(connection, options.seconds, spent)
        _tell(connection, options)
        told("processor", cores=os.cpu_count(), **spent.shares())
        told("connections", most=sum(held.values()), by_name=held)
        if options.seconds:
            _extrapolate(connection)


class Spent:
    """Seconds of the processor that each command of the program and each kind of connection took."""

    def __init__(self, commands: Mapping[int, str]) -> None:
        self._names = dict(commands)
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._begun = time.monotonic()

    def look(self, connections: Mapping[int, str]) -> None:
        self._names |= {pid: f"server: {name}" for pid, name in connections.items()}
        for pid in self._names:
            with suppress(FileNotFoundError):
                self._last[pid] = cpu_seconds(pid)
                self._first.setdefault(pid, self._last[pid] if pid not in connections else 0.0)

    def shares(self) -> dict[str, float]:
        """Of all cores since the first look."""
        whole = (time.monotonic() - self._begun) * (os.cpu_count() or 1)
        seconds: defaultdict[str, float] = defaultdict(float)
        for pid, last in self._last.items():
            seconds[self._names[pid]] += last - self._first[pid]
        return {name: round(spent / whole, 3) for name, spent in sorted(seconds.items(), key=lambda one: -one[1])}


def _follow(connection: psycopg.Connection, seconds: float, spent: Spent) -> dict[str, int]:
    """Most connections by name until every window of the backfill has ended, or so long after the first one has.

    SystemExit where nothing moves any more.
    """
    left, moved = -1, time.monotonic()
    begun = 0.0
    most: dict[str, int] = {}
    while left and not (begun and seconds and time.monotonic() - begun > seconds):
        time.sleep(0.5)
        names: dict[int, str] = dict(connection.execute(HELD).fetchall())
        spent.look(names)
        held = Counter(names.values())
        most = {name: max(most.get(name, 0), held[name]) for name in {*most, *held}}
        row = connection.execute(OPEN).fetchone()
        now = int(row[0]) if row else 0
        if now != left:
            begun = begun or (time.monotonic() if left >= 0 else 0.0)
            left, moved = now, time.monotonic()
        if time.monotonic() - moved > PATIENCE:
            raise SystemExit(f"bench_scale: {left} windows did not move for {PATIENCE:g} s")
    return most


def _extrapolate(connection: psycopg.Connection) -> None:
    """The whole at the rate of the portion, and at the budget of one token, whichever ends it."""
    row, every = connection.execute(FOUND).fetchone(), connection.execute(WHOLE).fetchone()
    assert row is not None
    assert every is not None
    windows, _, values, seconds, requests, *_ = row
    hours = every[0] / (windows / seconds) / 3600
    told(
        "whole",
        windows=every[0],
        portion=round(windows / every[0], 4),
        values=round(int(values) / windows * every[0]),
        hours_at_this_rate=round(hours, 1),
        hours_at_360_requests_a_minute=round(int(requests) / windows * every[0] / 360 / 60, 1),
    )


def _tell(connection: psycopg.Connection, options: argparse.Namespace) -> None:
    row = connection.execute(FOUND).fetchone()
    assert row is not None
    windows, failed, values, seconds, _, platform, reading, store = row
    places = options.concurrency * max(1, options.workers) * seconds
    told(
        "rate",
        workers=options.workers,
        places=options.concurrency * max(1, options.workers),
        windows=windows,
        failed=failed,
        values=int(values),
        seconds=round(seconds, 1),
        windows_a_second=round(windows / seconds, 2),
        values_a_second=round(int(values) / seconds),
    )
    shares = {"platform": platform / places, "reading": reading / places, "store": store / places}
    told("share", **{name: round(share, 3) for name, share in shares.items()}, rest=round(1 - sum(shares.values()), 3))


def on_a_server(
    measure: Callable[[argparse.Namespace, Path, str, ExitStack], None], options: argparse.Namespace
) -> None:
    """Measure with a folder, the address of a fresh server, and what ends before it does."""
    with tempfile.TemporaryDirectory(prefix="gridkeeper-bench-", dir="/tmp", ignore_cleanup_errors=True) as text:
        folder = Path(text)
        folder.chmod(0o755)
        room = {"max_connections": str(60 + CONNECTIONS_EACH * options.workers)} if options.workers > 4 else {}
        server = start_embedded(folder / "server", tuning=room)
        try:
            with ExitStack() as end:
                measure(options, folder, server.url, end)
        finally:
            server.release()


def main() -> None:
    on_a_server(measure, chosen())


if __name__ == "__main__":
    main()
