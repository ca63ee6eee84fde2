"""How scripts/chaos.py judges what it has seen."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def leader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module("chaos_leader")
    for name in ("chaos_leader", "chaos_checks", "chaos_stage", "soak"):
        sys.modules.pop(name, None)


def minutes(*numbers: int) -> list[datetime]:
    return [T0 + timedelta(minutes=number) for number in numbers]


def test_a_minute_without_a_slot_is_lost(leader: Any) -> None:
    assert leader.lost(minutes(0, 1, 4, 5)) == minutes(2, 3)
    assert leader.lost(minutes(0, 1, 2)) == leader.lost([]) == []


def test_an_attempt_that_two_processes_ended_was_made_twice(leader: Any, tmp_path: Path) -> None:
    line = '{"event": "job_run", "job": "a", "scheduled_for": "x", "attempt": %d}\nstopping\n{"event": "other"}\n'
    (tmp_path / "serve-1.log").write_text(line % 1 + line % 2)
    (tmp_path / "serve-2.log").write_text(line % 1)
    (tmp_path / "sandbox.log").write_text(line % 2)
    assert leader.made_twice(leader._logged(tmp_path)) == [("a", "x", 1)]


def test_findings_are_named_and_the_rest_is_counted(leader: Any) -> None:
    checks = sys.modules["chaos_checks"]
    assert checks.told("lost", [1, 2]) == ["lost: 1", "lost: 2"]
    assert checks.told("lost", list(range(9)))[-1] == "lost: and 4 more"


def test_the_script_tells_its_options() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "chaos.py"), "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "--leader" in done.stdout
