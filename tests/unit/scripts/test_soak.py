"""How scripts/soak.py judges what it has seen."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "soak.py"


@pytest.fixture(scope="module")
def soak() -> Any:
    spec = importlib.util.spec_from_file_location("soak", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("values", "rising"),
    [
        ([100.0 + number for number in range(60)], True),
        ([100.0 + 10 * (number // 10) for number in range(60)], True),
        ([100.0 + number / 10 for number in range(60)], False),
        ([100.0 + 40 * (number % 2) for number in range(60)], False),
        ([200.0 - number for number in range(60)], False),
        ([100.0] * 60, False),
    ],
    ids=["steadily", "in steps", "less than caches may", "to and fro", "falling", "flat"],
)
def test_only_a_sure_and_large_rise_counts(soak: Any, values: list[float], *, rising: bool) -> None:
    verdict = soak.judge("rss_mb", values)
    assert verdict.rising is rising
    assert verdict.as_json()["rising"] is rising


def test_a_metric_is_summed_over_its_labels(soak: Any) -> None:
    text = '# HELP a Text.\na_total{kind="x y",b="1"} 2.0\na_total{kind="z"} 3.0\nb 1e+06\n'
    assert soak.sums(text) == {"a_total": 5.0, "b": 1_000_000.0}


def test_faults_are_a_fifth_of_the_answers(soak: Any) -> None:
    assert sum(soak.FAULTS.values()) == pytest.approx(0.2)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_what_a_process_holds_is_read_from_the_system(soak: Any, tmp_path: Path) -> None:
    before = soak.held(os.getpid())
    with (tmp_path / "file").open("w"):
        after = soak.held(os.getpid())
    assert after["descriptors"] == before["descriptors"] + 1
    assert after["connections"] == before["connections"]
    assert after["rss_mb"] > 10


def test_too_few_samples_are_no_verdict(soak: Any) -> None:
    with pytest.raises(SystemExit, match="tell nothing"):
        soak._judged([], 0)
