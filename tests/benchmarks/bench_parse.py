"""How fast and how lean documents are parsed: python -m tests.benchmarks.bench_parse [python with entsoe-py].

Prints one JSON line for each figure: value, reference, ratio, target. Best of five runs; memory in fresh processes.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from app.sources.entsoe.parsing.parser import read_documents
from tests.benchmarks.documents import actual_generation

_BEST_OF = 5
_ROOT = Path(__file__).parents[2]
_REFERENCE_PYTHON = _ROOT / ".venv-bench" / "bin" / "python"

_MEASURE_REFERENCE = """
import sys, time
from entsoe.parsers import parse_generation
text = open(sys.argv[1], encoding="utf-8").read()
best = float("inf")
for _ in range(int(sys.argv[2])):
    begun = time.perf_counter()
    parse_generation(text)
    best = min(best, time.perf_counter() - begun)
print(best)
"""
_MEASURE_MEMORY = """
import pathlib, re, resource, sys
from app.sources.entsoe.parsing.parser import read_documents
documents = read_documents(open(sys.argv[1], "rb").read())
status = pathlib.Path("/proc/self/status")
if status.exists():  # ru_maxrss begins with that of the process that started this one
    print(int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) / 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024)
"""
_COMMAND = "from app.__main__ import main; main()"


def best_of(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(_BEST_OF):
        begun = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begun)
    return best


def report(name: str, value: float, unit: str, target: str, reference: float | None = None) -> None:
    """One figure; the ratio is value to reference, and where the target is `times faster`, reference to value."""
    ratio = None
    if reference is not None:
        ratio = round(reference / value if target.startswith(">=") else value / reference, 3)
    line = {"name": name, "value": round(value, 4), "unit": unit, "reference": reference, "ratio": ratio}
    sys.stdout.write(json.dumps({**line, "target": target}) + "\n")
    sys.stdout.flush()


def output_of(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=_ROOT).stdout


def reference_seconds(python: Path, document: Path) -> float | None:
    if not python.exists():
        sys.stdout.write(
            json.dumps({"name": "parse_entsoe_py", "skipped": f"{python} is missing; `make bench`"}) + "\n"
        )
        return None
    return float(output_of(str(python), "-c", _MEASURE_REFERENCE, str(document), str(_BEST_OF)))


def measure(folder: Path, python: Path) -> None:
    year, quarters, small = folder / "year.xml", folder / "quarters.xml", folder / "small.xml"
    year.write_bytes(actual_generation())
    quarters.write_bytes(actual_generation(days=236, minutes=15))
    small.write_bytes(actual_generation(days=1, types=1))
    body = year.read_bytes()
    values = sum(len(curve.values) for document in read_documents(body) for curve in document.curves)
    report("parse_values", values, "values", "= 140160")
    ours = best_of(lambda: read_documents(body))
    report("parse_to_bare_lxml", ours, "s", "<= 1.3", best_of(lambda: etree.parse(io.BytesIO(body))))
    for name, path, limit in (("year", year, 80), ("quarters", quarters, 120)):
        used = float(output_of(sys.executable, "-c", _MEASURE_MEMORY, str(path)))
        report(f"parse_memory_{name}_{path.stat().st_size // 10**6}_MB", used, "MB", f"< {limit}")
    command = best_of(lambda: output_of(sys.executable, "-c", _COMMAND, "parse", str(year)))
    report(
        "parse_command_small",
        best_of(lambda: output_of(sys.executable, "-c", _COMMAND, "parse", str(small))),
        "s",
        "< 0.4",
    )
    theirs = reference_seconds(python, year)
    report("parse_command", command, "s", ">= 20", theirs)
    report("parse_to_entsoe_py", ours, "s", ">= 100", theirs)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), Path(sys.argv[1]) if len(sys.argv) > 1 else _REFERENCE_PYTHON)
