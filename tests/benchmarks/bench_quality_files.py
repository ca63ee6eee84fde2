"""What `gridkeeper quality detect` takes of memory for large files: python -m tests.benchmarks.bench_quality_files [MB].

Files of so many megabytes (200) are judged, each in a process of its own: minutes of one series, quarter-hours beside a
forecast and two other places, minutes without an offset and out of order. Prints one JSON line for each.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from math import pi, sin
from pathlib import Path

from app.cli.quality.detect import detect_files

MEGABYTES = 200
TARGET_MB = 400
FIRST = 1_262_304_000  # 2010-01-01T00:00Z
MINUTE, QUARTER, DAY = 60, 900, 86_400
SHUFFLED_ROWS = 1_000


def rows(step: int, columns: int, form: str) -> Iterator[str]:
    rng = random.Random(1)
    second = FIRST
    while True:
        value = 50_000 + 8_000 * sin(2 * pi * (second % DAY) / DAY)
        cells = ",".join(f"{value + rng.gauss(0, 300):.2f}" for _ in range(columns))
        yield f"{datetime.fromtimestamp(second, UTC):{form}},{cells}\n"
        second += step


def shuffled(lines: Iterator[str]) -> Iterator[str]:
    rng = random.Random(2)
    while True:
        some = [next(lines) for _ in range(SHUFFLED_ROWS)]
        rng.shuffle(some)
        yield from some


def write(path: Path, header: str, lines: Iterator[str], size: int) -> None:
    with path.open("w", encoding="utf-8") as out:
        written = out.write(header)
        while written < size:
            written += out.write(next(lines))


Z, NAIVE = "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"
FILES: dict[str, Callable[[], tuple[str, Iterator[str]]]] = {
    "minutes": lambda: ("timestamp,value\n", rows(MINUTE, 1, Z)),
    "quarter_hours_with_companions": lambda: ("timestamp,value,forecast,zone2,zone3\n", rows(QUARTER, 4, Z)),
    "minutes_without_offset_in_disorder": lambda: ("timestamp,value\n", shuffled(rows(MINUTE, 1, NAIVE))),
}


def measure(name: str, megabytes: int) -> None:
    """In a process of its own: the highest memory of all of it, and the processor seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{name}.csv")
        if (child := os.fork()) == 0:
            write(path, *FILES[name](), megabytes * 1_000_000)
            os._exit(0)
        os.waitpid(child, 0)
        code = detect_files([path], "load", (), Path(folder, "judged"), sys.stdout, sys.stderr)
    used = resource.getrusage(resource.RUSAGE_SELF)
    figure = {"figure": "quality.file_memory", "file": name, "megabytes": megabytes, "exit_code": code}
    peak = round(used.ru_maxrss / 1024)
    told = figure | {"peak_mb": peak, "target_mb": TARGET_MB, "cpu_seconds": round(used.ru_utime + used.ru_stime)}
    sys.stdout.write(json.dumps(told) + "\n")


def main(megabytes: int) -> None:
    for name in FILES:
        sys.stdout.flush()
        if (child := os.fork()) == 0:
            measure(name, megabytes)
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES)
