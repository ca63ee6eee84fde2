"""Alerts of SQL Sentinel files, 1,000 and 5,000 of them: python -m tests.benchmarks.bench_sentinel [--original PYTHON].

Everything runs as a process of its own on SQLite on disk, as a user runs it. With the interpreter of an environment that
has `sqlsentinel` from the registry, its `run` and `validate` are timed in the same run. Prints one JSON line for each work.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app.alerting.sqlsentinel.files.cron import parse_sentinel_cron

ALERTS, MANY = 1000, 5000
OURS = [sys.executable, "-m", "app", "sentinel"]
TARGETS = {"validate": 1.0, "run": 5.0, "daemon_start": 3.0, "due_in_one_minute": 10.0, "varied": 2.0}


def write_file(folder: Path, count: int, schedule: str) -> Path:
    data = folder / "data.db"
    with closing(sqlite3.connect(data)) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS orders AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 1000) SELECT n FROM r"
        )
        connection.commit()
    alerts = "".join(
        f"  - name: alert_{number}\n    schedule: '{schedule.format(number % 60)}'\n    query: |\n"
        f"      SELECT CASE WHEN COUNT(*) > {number} THEN 'OK' ELSE 'ALERT' END AS status,\n"
        f"        COUNT(*) AS actual_value, {number} AS threshold FROM orders\n"
        for number in range(count)
    )
    file = folder / f"alerts_{count}_{len(schedule)}.yaml"
    file.write_text(f"database:\n  url: sqlite:///{data}\nalerts:\n{alerts}")
    return file


def timed(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """Wall and processor seconds of a command."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(folder: Path, original: str | None) -> None:
    file = write_file(folder, ALERTS, "{} * * * *")
    for work in ("validate", "run"):
        state = [] if work == "validate" else ["--state-db", f"sqlite:///{folder}/ours.db"]
        wall, processor = timed([*OURS, work, str(file), *state], folder)
        line: dict[str, Any] = {"seconds": round(wall, 2), "cpu": round(processor, 2)}
        if original is not None:
            theirs = ["-m", "sqlsentinel.cli", work, str(file)]
            others = [] if work == "validate" else ["--state-db", f"sqlite:///{folder}/theirs.db"]
            if others:
                timed([original, "-m", "sqlsentinel.cli", "init", *others], folder)
            wall, processor = timed([original, *theirs, *others], folder)
            line |= {"original_seconds": round(wall, 2), "original_cpu": round(processor, 2)}
        report(work, line, line["seconds"])


def daemon(folder: Path, count: int, schedule: str, work: str) -> None:
    """Start a daemon, wait for a whole minute with its runs, and look at what it kept."""
    file, state = write_file(folder, count, schedule), folder / f"{work}.db"
    begun = time.perf_counter()
    process, port = started(file, state)
    try:
        while not answers(port):
            time.sleep(0.02)
        took = time.perf_counter() - begun
        if count == ALERTS:
            report("daemon_start", {"alerts": count, "seconds": round(took, 2)}, took)
        first = (int(time.time()) // 60 + 1) * 60
        time.sleep(first + 75 - time.time())
        memory, descriptors = used(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    with closing(sqlite3.connect(state)) as connection:
        rows = connection.execute(
            "SELECT alert_name, executed_at FROM sqlsentinel_executions ORDER BY executed_at"
        ).fetchall()
    late = sorted(datetime.fromisoformat(f"{at}+00:00").timestamp() - first for _, at in rows)
    late = [one for one in late if 0 <= one < 60]
    line: dict[str, Any] = {"alerts": count, "ran": len(late), "missed": count - len({name for name, _ in rows})}
    line |= {"last_after_seconds": round(late[-1], 2), "rss_mb": memory, "descriptors": descriptors}
    report(work, line, late[-1])


VARIED = ("* * * * *", "*/2 * * * *", "*/3 * * * *", "*/5 * * * *", "{} * * * *", "*/7,{} * * * *", "10-50/4 * * * *")


def varied(folder: Path, count: int, minutes: float) -> None:
    """Many alerts of different schedules for some minutes: what was missed, how late the runs were, and what it took."""
    file = write_file(folder, count, "{}")
    texts = [VARIED[number % len(VARIED)].format(number % 60) for number in range(count)]
    lines = iter(texts)
    file.write_text(re.sub(r"schedule: '\d+'", lambda _: f"schedule: '{next(lines)}'", file.read_text()))
    state = folder / "varied.db"
    process, port = started(file, state)
    try:
        while not answers(port):
            time.sleep(0.02)
        first = (int(time.time()) // 60 + 1) * 60
        seen = []
        while time.time() < first + minutes * 60 - 10:
            time.sleep(10)
            seen.append(used(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    with closing(sqlite3.connect(state)) as connection:
        rows = connection.execute("SELECT alert_name, executed_at FROM sqlsentinel_executions").fetchall()
    at = [(name, datetime.fromisoformat(f"{text}+00:00").timestamp()) for name, text in rows]
    end = first + minutes * 60 - 10
    ran = {(name, moment // 60): moment % 60 for name, moment in at if first <= moment < end}
    zone, begin = ZoneInfo("UTC"), datetime.fromtimestamp(first - 1, UTC)
    slots = {text: parse_sentinel_cron(text, zone).next_slots(begin, int(minutes) + 1) for text in set(texts)}
    expected = {
        (f"alert_{number}", slot.timestamp() // 60)
        for number, text in enumerate(texts)
        for slot in slots[text]
        if slot.timestamp() < end - 10
    }
    late = sorted(ran[one] for one in expected if one in ran)
    memory, descriptors = [one for one, _ in seen], [one for _, one in seen]
    line: dict[str, Any] = {"alerts": count, "minutes": minutes, "due": len(expected)}
    line |= {"missed": len(expected - ran.keys()), "p99_late_seconds": round(late[len(late) * 99 // 100], 2)}
    line |= {"rss_mb": max(memory), "descriptors": [min(descriptors), max(descriptors)], "load": os.getloadavg()[0]}
    report("varied", line, line["p99_late_seconds"])


def started(file: Path, state: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A daemon of a file, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    options = ["--state-db", f"sqlite:///{state}", "--port", str(port), "--log-level", "ERROR"]
    return subprocess.Popen(
        [*OURS, "daemon", str(file), *options], env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    ), port


def used(pid: int) -> tuple[int, int]:
    """MB of memory and descriptors of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    memory = next(int(row.split()[1]) // 1024 for row in status.splitlines() if row.startswith("VmRSS"))
    return memory, len(list(Path(f"/proc/{pid}/fd").iterdir()))


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def report(work: str, line: dict[str, Any], seconds: float) -> None:
    target = TARGETS.get(work)
    judged = {} if target is None else {"target": target, "within": seconds <= target}
    sys.stdout.write(json.dumps({"bench": "sentinel", "work": work, **line, **judged}) + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--original", help="Interpreter of an environment that has sqlsentinel.")
    parser.add_argument("--quick", action="store_true", help="Leave out what waits for a minute.")
    parser.add_argument("--varied", type=float, metavar="MINUTES", help="Only 5,000 alerts of varied schedules.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.varied:
            varied(folder, MANY, options.varied)
            return 0
        commands(folder, options.original)
        if not options.quick:
            daemon(folder, ALERTS, "* * * * *", "due_in_one_minute")
            daemon(folder, MANY, "* * * * *", "due_in_one_minute_5000")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
