"""Runs `gridkeeper serve` for hours against a sandbox that fails a fifth of its answers, and watches what it holds.

    make soak HOURS=8

Prints a line of JSON a sample and one a measure. Exit code 0 where nothing rises; 1 where memory, descriptors,
connections or tasks do, or where the service dies or does not stop in order. Needs Linux's /proc.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.db.embedded import keeper

ROOT = Path(__file__).parents[1]
LOCKS = ("server.lock", "keeper.lock")
GRIDKEEPER = (sys.executable, "-m", "app")
FAULTS = {"503": 0.06, "429": 0.01, "drop": 0.05, "truncate": 0.04, "html": 0.04}
ALLOWED = {"rss_mb": 12.0, "descriptors": 5.0, "connections": 4.0, "threads": 4.0, "tasks": 5.0}
"""So much a measure may grow from the warm-up to the end, whatever the length: caches and pools fill."""
SURE = 3.0
"""Standard deviations of Mann and Kendall's test beyond which a rise is no accident."""
WARM_UP, ENOUGH = 0.25, 8
"""The part of the time that is no evidence, and the least number of samples that are."""
READY_SECONDS, STOP_SECONDS = 120.0, 60.0
PLAN = """\
jobs:
  near_real_time:  {every: 5 min}
  forecasts:       {every: 60 min}
  prices:          {from: "00:00", every: 1 min, zone: Europe/Brussels}
  corrections:     {every: 5 min}
  gap_analysis:    {every: 60 min}
  platform_health: {every: 1 min}
"""
ORDERS = (
    ("jobs", "run", "collect:load_actual"),
    ("jobs", "run", "corrections"),
    ("jobs", "run", "gap_analysis"),
    ("jobs", "run", "collect:generation_actual"),
    ("backfill", "start", "--area", "FR", "--item", "load_actual", "--from", "-60d", "--reprocess", "all"),
    ("jobs", "run", "corrections"),
)
"""Asked for in turn, one a sample: more work an hour than the plan alone would do."""
SERIES = re.compile(r"^(\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Service:
    """The service that is watched."""

    process: subprocess.Popen[bytes]
    url: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one measure after the warm-up: its medians in the first and in the last quarter of the time."""

    measure: str
    first: float
    last: float
    deviations: float

    @property
    def growth(self) -> float:
        return self.last - self.first

    @property
    def rising(self) -> bool:
        return self.deviations > SURE and self.growth > ALLOWED[self.measure]

    def as_json(self) -> dict[str, object]:
        figures = {name: round(getattr(self, name), 2) for name in ("first", "last", "growth", "deviations")}
        return {"figure": f"soak {self.measure}", **figures, "allowed": ALLOWED[self.measure], "rising": self.rising}


def judge(measure: str, values: Sequence[float]) -> Verdict:
    """Compares the medians of the first and the last quarter; Mann and Kendall's test tells a rise from an accident.

    A slope over time would miss memory, which grows in steps.
    """
    quarter = max(1, len(values) // 4)
    first, last = statistics.median(values[:quarter]), statistics.median(values[-quarter:])
    signs = sum((after > before) - (after < before) for before, after in itertools.combinations(values, 2))
    count = len(values)
    spread = math.sqrt(count * (count - 1) * (2 * count + 5) / 18) or 1.0
    return Verdict(measure, first, last, signs / spread)


def sums(exposition: str) -> dict[str, float]:
    """Each metric, summed over its labels."""
    found: dict[str, float] = {}
    for name, value in SERIES.findall(exposition):
        found[name] = found.get(name, 0.0) + float(value)
    return found


def held(pid: int) -> dict[str, float]:
    """What the system says that a process holds."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    links = [_target(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
    return {
        "rss_mb": int(status["VmRSS"].split()[0]) / 1024,
        "threads": float(status["Threads"]),
        "descriptors": float(len(links)),
        "connections": float(sum(link.startswith("socket:") for link in links)),
    }


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return "closed meanwhile"


def sample(pid: int, url: str) -> dict[str, float]:
    """All measures at this moment."""
    metrics = sums(_get(f"{url}/metrics"))
    named = ("gridkeeper_event_loop_tasks", "gridkeeper_tasks_waiting")
    counts = {
        "runs": metrics.get("gridkeeper_job_runs_total", 0.0),
        "windows": metrics.get("gridkeeper_collection_runs_total", 0.0),
        "failed": metrics.get("gridkeeper_collection_failures_total", 0.0),
        "retries": metrics.get("gridkeeper_source_retries_total", 0.0),
    }
    return held(pid) | {"tasks": sum(metrics.get(name, 0.0) for name in named)} | counts


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=15) as answer:  # noqa: S310  an address of our own
        return bytes(answer.read()).decode()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def _process(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as sink:
        process = subprocess.Popen(command, env=environment, stdout=sink, stderr=sink)  # noqa: S603  ours
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a process is ready."""
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"soak: {process.args!r} did not begin; the end of {log.name}:\n{log.read_text()[-2000:]}")
        time.sleep(0.2)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_ready(url: str) -> bool:
    """Whether the service says that it does its part; a refused connection and a 503 say no."""
    try:
        _get(f"{url}/health/ready")
    except urllib.error.URLError:
        return False
    return True


def _watch(service: Service, *, hours: float, every: float) -> list[dict[str, float]]:
    """Samples until the time is over; an order goes out after each."""
    begun, samples = time.monotonic(), list[dict[str, float]]()
    orders = itertools.cycle(ORDERS)
    while (now := time.monotonic() - begun) < hours * 3600:
        _get(f"{service.url}/health/live")
        samples.append({"minutes": now / 60} | sample(service.process.pid, service.url))
        _tell({name: round(value, 2) for name, value in samples[-1].items()})
        _order(service, next(orders))
        time.sleep(every)
    return samples


def _order(service: Service, order: Sequence[str]) -> None:
    """A command beside the service; that the sandbox's faults make some windows fail is no failure of the command."""
    done = subprocess.run(  # noqa: S603  ours
        [*GRIDKEEPER, *order], env=service.environment, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode not in {0, 3}:
        raise SystemExit(f"soak: {' '.join(order)} ended with {done.returncode}: {done.stderr[-1000:]}")


def _tell(line: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _wait_for_the_database(data: Path) -> None:
    """The embedded server stops a moment after its last user; its files are not taken away from under it."""
    home, deadline = data / "postgresql", time.monotonic() + STOP_SECONDS
    while home.is_dir() and time.monotonic() < deadline and any(keeper.held(home, name) for name in LOCKS):
        time.sleep(0.2)


def _environment(folder: Path, sandbox: str, port: int) -> dict[str, str]:
    plan = folder / "collection.yaml"
    plan.write_text(PLAN)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRIDKEEPER_")}
    return kept | {
        "GRIDKEEPER_SANDBOX": "1",
        "GRIDKEEPER_DATA_DIR": str(folder / "data"),
        "GRIDKEEPER_ENTSOE__BASE_URL": sandbox,
        "GRIDKEEPER_SCHEDULER__PLAN_FILE": str(plan),
        "GRIDKEEPER_SCHEDULER__BACKFILL_DAYS": "60",
        "GRIDKEEPER_WEB__PORT": str(port),
    }


def soak(folder: Path, hours: float, every: float) -> int:
    """The exit code."""
    port, web_port = _free_port(), _free_port()
    rates = [part for name, rate in FAULTS.items() for part in (f"--rate-{name}", str(rate))]
    environment = _environment(folder, f"http://127.0.0.1:{port}/api", web_port)
    log, sandbox_log = folder / "serve.log", folder / "sandbox.log"
    with (
        _process([*GRIDKEEPER, "sandbox", "--port", str(port), *rates], environment, sandbox_log) as platform,
        _process([*GRIDKEEPER, "serve"], environment, log) as process,
    ):
        service = Service(process, f"http://127.0.0.1:{web_port}", environment)
        _wait(partial(_listens, port), platform, sandbox_log)
        _wait(partial(_is_ready, service.url), process, log)
        samples = _watch(service, hours=hours, every=every)
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_SECONDS)
    return _judged([one for one in samples if one["minutes"] >= hours * 60 * WARM_UP], code)


def _judged(samples: Sequence[Mapping[str, float]], code: int) -> int:
    """Tell what became of each measure; the exit code."""
    if len(samples) < ENOUGH:
        raise SystemExit(
            f"soak: {len(samples)} samples after the warm-up tell nothing; take more --hours or less --every"
        )
    verdicts = [judge(measure, [one[measure] for one in samples]) for measure in ALLOWED]
    for verdict in verdicts:
        _tell(verdict.as_json())
    _tell({"figure": "soak exit code of serve", "value": code})
    return int(code != 0 or any(verdict.rising for verdict in verdicts))


def main() -> int:
    """Soak in a folder that goes away."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0, help="how long (default 1)")
    parser.add_argument(
        "--every", type=float, default=30.0, help="seconds between an order's end and the next sample (default 30)"
    )
    options = parser.parse_args()
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory(prefix="gridkeeper-soak-") as name:
        folder = Path(name)
        # PostgreSQL runs as another user where this one is root.
        folder.chmod(0o755)
        try:
            return soak(folder, options.hours, options.every)
        finally:
            _wait_for_the_database(folder / "data")


if __name__ == "__main__":
    sys.exit(main())
