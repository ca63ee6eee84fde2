"""How late live collection is: python -m tests.benchmarks.bench_live [--areas 5] [--workers 2] [--minutes 6] ….

Every item of so many bidding zones, by `serve` and so many workers on an embedded server with its usual settings, against
a sandbox in a process of its own. Jobs run as often as a plan allows, each five minutes in place of half an hour, so that
six minutes hold one; the budget of the token is raised to --per-minute, else it alone would be
measured. After the first cycle, which brings a week, it watches for --minutes, a stated part of a day, and prints how
long after their moment runs of collection began and had stored everything.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg

from app.market.areas import areas
from app.market.series import DataItem
from tests.benchmarks.bench_scale import Processes, environment, free_port, on_a_server, told

PATIENCE = 3600.0
PLAN = """\
areas: [{areas}]
items: [{items}]
jobs:
  near_real_time: {{every: 5 min}}
  forecasts: {{every: 60 min}}
  prices: {{from: "00:00", every: 5 min, zone: Europe/Brussels}}
  corrections: {{every: 10 min}}
"""
CYCLE = "select count(*) filter (where outcome is null or outcome = 'running'), count(*) from job_runs where kind = 'collect'"
LATE = """
    select
        count(*),
        count(*) filter (where outcome = 'failed'),
        percentile_disc(array[0.5, 0.99, 1]) within group (order by lateness),
        percentile_disc(array[0.5, 0.99, 1])
            within group (order by extract(epoch from finished_at - scheduled_for)::float8)
    from job_runs
    where kind = 'collect' and trigger <> 'startup' and scheduled_for > %s and finished_at is not null
"""
DONE = """
    select
        (select count(*) from series),
        count(*),
        coalesce(sum(requests), 0),
        coalesce(sum(new + revised), 0)
    from collection_runs where started_at > %s
"""


def measure(options: argparse.Namespace, folder: Path, url: str, end: ExitStack) -> None:
    port = free_port()
    zones = [one.code for one in areas().values() if "BZN" in one.kinds and one.since is None and one.until is None]
    plan = folder / "collection.yaml"
    plan.write_text(
        PLAN.format(areas=", ".join(zones[: options.areas]), items=", ".join(item.value for item in DataItem))
    )
    program = Processes(environment(folder, url, port, plan, options), end, folder)
    program.begin("sandbox", "--port", str(port), "--limit", "0", "--latency", str(options.latency))
    program.run("migrate")
    program.begin("serve", "--sandbox")
    for number in range(options.workers):
        program.begin(
            "worker", "--sandbox", "--concurrency", str(options.concurrency), "--name", f"worker {number + 1}"
        )
    with psycopg.connect(url, autocommit=True) as connection:
        seconds = _first_cycle(connection)
        row = connection.execute("select clock_timestamp()").fetchone()
        assert row is not None
        told("first_cycle", seconds=round(seconds))
        time.sleep(options.minutes * 60)
        _tell(connection, row[0], options)


def _first_cycle(connection: psycopg.Connection) -> float:
    """Seconds until everything that is due at the start has been collected."""
    begun, quiet = time.monotonic(), 0
    while quiet < 5:
        time.sleep(1)
        row = connection.execute(CYCLE).fetchone()
        assert row is not None
        quiet = quiet + 1 if row[1] and not row[0] else 0
        if time.monotonic() - begun > PATIENCE:
            raise SystemExit(f"bench_live: the first cycle did not end within {PATIENCE:g} s")
    return time.monotonic() - begun


def _tell(connection: psycopg.Connection, since: object, options: argparse.Namespace) -> None:
    late, done = connection.execute(LATE, [since]).fetchone(), connection.execute(DONE, [since]).fetchone()
    assert late is not None
    assert done is not None
    runs, failed, began, stored = late
    series, windows, requests, values = done
    told("live", series=series, runs=runs, failed=failed, windows=windows, requests=int(requests), values=int(values))
    for name, found in (("began", began), ("stored", stored)):
        shown = {
            key: round(value, 2)
            for key, value in zip(("p50_s", "p99_s", "most_s"), found or (0.0, 0.0, 0.0), strict=True)
        }
        told(f"live_{name}", **shown, target="p99 < 30", of_a_day=round(options.minutes / 1440, 4))


def main() -> None:
    parser = argparse.ArgumentParser(description="How late live collection is.")
    for name, default in (("areas", 5), ("workers", 2), ("concurrency", 8), ("per-minute", 100_000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--minutes", type=float, default=6.0)
    on_a_server(measure, parser.parse_args())


if __name__ == "__main__":
    main()
