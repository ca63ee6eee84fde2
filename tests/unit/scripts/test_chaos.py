"""How scripts/chaos.py judges what it has seen."""

from __future__ import annotations

import importlib
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module
    for name in [name for name in sys.modules if name == "soak" or name.startswith("chaos_")]:
        del sys.modules[name]


@pytest.fixture
def leader(scripts: Callable[[str], Any]) -> Any:
    return scripts("chaos_leader")


@pytest.fixture
def heard(scripts: Callable[[str], Any]) -> Any:
    return scripts("chaos_heard")


@pytest.fixture
def shared(scripts: Callable[[str], Any]) -> Any:
    return scripts("chaos_shared")


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


def test_news_under_two_keys_and_messages_that_never_came_are_told(heard: Any, tmp_path: Path) -> None:
    one, two, three = (f"{number:036d}" for number in (1, 2, 3))
    receiver = heard.Receiver(tmp_path / "channels.yaml", random.Random(1))
    alert = {"alert_id": 1, "kind": "fired", "at": "x"}
    for key in (one, one, f"{one}-1", f"{one}-2.1"):
        receiver.hear({"key": key, "alerts": [alert]})
    receiver.hear({"key": two, "alerts": [alert | {"kind": "resolved"}]})
    assert receiver.doubled() == []
    assert receiver.unheard([one, two, three]) == [three]
    receiver.hear({"key": two, "alerts": [alert]})
    assert receiver.doubled() == [f"(1, 'fired', 'x'): {sorted([one, two])}"]


def test_more_requests_than_the_budget_within_a_minute_are_told(shared: Any) -> None:
    line = "Stopped after 900 requests, {} of them within the busiest minute.\n"
    assert shared.over_budget(line.format(shared.BUDGET)) == []
    assert shared.over_budget(line.format(shared.BUDGET + 1)) == [f"{shared.BUDGET + 1} requests within a minute"]
    assert shared.over_budget("killed") == ["the sandbox did not tell how many requests it had"]


def test_the_script_tells_its_options() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "chaos.py"), "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "--leader" in done.stdout
